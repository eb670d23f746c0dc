"""The classifier of Table 2 as the authors' script trains and tests it, which is not what the paper describes.

Automatic differentiation instead of forward-only propagation; dropout of 0.2 on the drive of all free neurons, then ReLU on all of them,
outputs too; a softmax that is fed to a cross-entropy that has one of its own. At the test there is no ReLU: the net is linear in its inputs.

Axes: b batch, o outputs, f free neurons; `*nets` nets side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from onward import graphs
from onward.kernels import activations, dynamics
from onward.kernels.activations import Activation
from onward.kernels.losses import Loss
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner, Credit
from onward.learners.masked import Masked
from onward.nets import initialise
from onward.nets.mesh import MeshNet
from onward.nets.side_by_side import within
from onward.papers.mesh_neural_networks.classifiers import FEATURES, HIDDEN, OUTPUTS, unpruned
from onward.topology import Topology

DROPOUT = 0.2
TICKS = 2
BOUND = (FEATURES + HIDDEN) ** -0.5  # of first weights, biases too: PyTorch's linear layer on inputs and hidden neurons


def _softmax_twice(outputs: Tensor, labels: Tensor, importance: Tensor | None) -> tuple[Tensor, Tensor]:
    """-log softmax(p)[label] of p = softmax(y); derivative p (d - p d) with d = softmax(p) - onehot."""
    p = torch.softmax(outputs, -1)
    log_q = torch.log_softmax(p, -1)
    each = -log_q.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    at_p = log_q.exp() - torch.nn.functional.one_hot(labels, outputs.shape[-1])
    error = (p * (at_p - (p * at_p).sum(-1, keepdim=True))).detach()
    if importance is not None:
        each, error = each * importance, error * importance.unsqueeze(-1)
    return each.mean(-1), error / each.shape[-1]


softmax_twice = Loss("softmax before cross-entropy", _softmax_twice, classes=True)


class Script(AbstractLearner):
    """A mesh with ReLU and dropout while it learns, and with neither when it is asked.

    Attributes:
        net: the mesh, of linear neurons.
    """

    def __init__(self, net: MeshNet, dropout: float, generators: Sequence[torch.Generator]) -> None:
        """Teach a stack of meshes; one generator each draws what is dropped."""
        super().__init__()
        self.net = net
        self.loss = softmax_twice
        self._dropout = dropout
        self._generators = generators
        self._learning = Activation("ReLU behind dropout", self._dropped, activations.relu.slope)

    def credit(
        self, x: Float[Tensor, "*nets b i"], y: Tensor, *, importance: Float[Tensor, "*nets b"] | None = None
    ) -> Iterator[Credit]:
        """Yield the one parcel of a batch."""
        clamped, state = self.net.drive(x)
        with torch.enable_grad():
            *_, last = dynamics.run(self.net.read_by(), clamped, state, self._learning)
            value, _ = self.loss(last.activity[..., -self.net.topology.outputs :], y, importance)
            (gradient,) = torch.autograd.grad(value.sum(), [self.net.weight])
        yield Credit(value.detach(), {"net.weight": gradient})

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "*nets b i"]) -> Float[Tensor, "*nets b o"]:
        """Give the outputs of the linear net."""
        return self.net(x)

    def _dropped(self, drive: Float[Tensor, "nets b f"]) -> Float[Tensor, "nets b f"]:
        drawn = torch.stack([torch.rand(drive.shape[1:], generator=generator) for generator in self._generators])
        return torch.relu(drive * (drawn >= self._dropout) / (1 - self._dropout))


def meshes(seeds: Sequence[int], *, density: float, dropout: float = DROPOUT, ticks: int = TICKS) -> Masked:
    """The script's meshes, a graph of its own for every seed."""
    nets = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        topology = graphs.random(FEATURES, HIDDEN, OUTPUTS, density, generator=generator)
        weight = initialise.uniform(topology, generator, low=-BOUND, high=BOUND)
        nets.append(MeshNet(topology, ticks, hidden="identity", weight=weight, dtype=torch.float32))
    stack, edges = within(unpruned(), nets)
    return Masked(Script(stack, dropout, [torch.Generator().manual_seed(2_000_003 + seed) for seed in seeds]), edges)


def perceptrons(seeds: Sequence[int], *, widths: Sequence[int]) -> Backprop:
    """The script's rival: a perceptron with PyTorch's first weights and the same two softmaxes."""
    topology = graphs.layered(FEATURES, widths, OUTPUTS)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    nets = [MeshNet(topology, len(widths) + 1, initialise=as_torch, generator=generator) for generator in generators]
    return Backprop(MeshNet.stack(nets), softmax_twice)


def as_torch(topology: Topology, generator: torch.Generator) -> Float[Tensor, " e"]:
    """Draw weights and biases uniformly up to one over the square root of the fan-in, counted without the bias."""
    target = torch.tensor(topology.target)
    arriving = torch.bincount(target[torch.tensor(topology.source) != topology.inputs - 1], minlength=topology.neurons)
    bound = arriving[target].double().rsqrt()
    return bound * (2 * torch.rand(topology.edges, generator=generator, dtype=torch.float64) - 1)
