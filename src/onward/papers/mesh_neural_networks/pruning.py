"""Custom pruning (section 4.2): leave out the right edges and the mesh *is* a multilayer perceptron, or a recurrent net.

A mesh whose mask is that of a perceptron or of an Elman net is trained forward-only, and the same net made of
`torch.nn` modules, with the same first weights, by autograd: outputs, gradients and losses of a whole training run agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from onward import graphs
from onward.experiments.spec import Experiment, Outcome, Progress
from onward.experiments.statistics import values
from onward.kernels.losses import cross_entropy
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.reports.artefact import Artefact, Element, Results, Table, Text
from onward.topology import Topology
from onward.training import datasets

SEEDS = 10
STEPS = 200
RATE = 0.02  # at 0.1 a few recurrent runs are unstable, and rounding alone then parts the two nets


class Elman(nn.Module):
    """A recurrent layer and a linear readout that sees the state of one tick before, as neurons that update at once do."""

    def __init__(self, features: int, hidden: int, outputs: int) -> None:
        """Make the net."""
        super().__init__()
        self.recurrent = nn.RNN(features, hidden, nonlinearity="tanh", batch_first=True)
        self.readout = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Read a sequence `b t i`; give the scores at its last tick."""
        states, _ = self.recurrent(x[:, :-1])
        return self.readout(states[:, -1])


def keep(topology: Topology, blocks: Sequence[str], *, chains: Sequence[int] = ()) -> Topology:
    """Prune a full mesh to some blocks; with `chains`, hidden neurons are layers of those sizes, each feeding the next."""
    mask = np.zeros((topology.neurons, topology.neurons), dtype=bool)
    kept = np.concatenate([topology.blocks[name] for name in blocks])
    mask[topology.source[kept], topology.target[kept]] = True
    if chains:
        edges = np.cumsum([0, *chains]) + topology.inputs
        layers = [range(a, b) for a, b in pairwise(edges.tolist())]
        hidden = range(topology.inputs, topology.inputs + topology.hidden)
        mask[np.ix_(hidden, hidden)] = False
        for before, after in pairwise(layers):
            mask[np.ix_(before, after)] = True
        mask[np.ix_(range(topology.features), [h for layer in layers[1:] for h in layer])] = False
        outputs = range(topology.inputs + topology.hidden, topology.neurons)
        mask[np.ix_([h for layer in layers[:-1] for h in layer], outputs)] = False
    return graphs.from_mask(
        mask, range(topology.features), range(topology.neurons - topology.outputs, topology.neurons), bias=topology.features
    )


def as_perceptron() -> tuple[Topology, int, nn.Module]:
    """A full mesh of 4 inputs, 6 + 5 hidden neurons and 3 outputs pruned to two layers, its ticks, and torch's perceptron."""
    blocks = ("input-hidden", "bias-hidden", "bias-output", "hidden-hidden", "hidden-output")
    plain = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    return keep(graphs.mesh(4, 11, 3), blocks, chains=(6, 5)), 3, plain


def as_recurrent() -> tuple[Topology, int, nn.Module]:
    """A full mesh pruned to an Elman net of 8 hidden neurons, fed with a sequence of 6 ticks, and torch's."""
    blocks = ("input-hidden", "bias-hidden", "bias-output", "hidden-hidden", "hidden-output")
    return keep(graphs.mesh(4, 8, 3), blocks), 6, Elman(4, 8, 3)


def weights_of(topology: Topology, plain: nn.Module) -> Tensor:
    """Put the weights of the torch net on the edges of the mesh."""
    first = topology.inputs
    matrix = torch.zeros(topology.neurons, topology.neurons, dtype=torch.float64)
    bias, outputs = topology.features, slice(topology.neurons - topology.outputs, topology.neurons)
    if isinstance(plain, Elman):
        hidden = slice(first, first + topology.hidden)
        cell: Any = plain.recurrent  # its parameters are attributes that type checkers do not know
        matrix[:bias, hidden], matrix[hidden, hidden] = cell.weight_ih_l0.T, cell.weight_hh_l0.T
        matrix[bias, hidden] = cell.bias_ih_l0 + cell.bias_hh_l0
        matrix[hidden, outputs], matrix[bias, outputs] = plain.readout.weight.T, plain.readout.bias
    else:
        rows = slice(0, bias)
        for layer in (module for module in plain.modules() if isinstance(module, nn.Linear)):
            columns = slice(first, first + layer.out_features)
            matrix[rows, columns], matrix[bias, columns] = layer.weight.T, layer.bias
            rows, first = columns, first + layer.out_features
    return matrix[torch.tensor(topology.source), torch.tensor(topology.target)].detach()


def compare(
    seeds: Sequence[int], progress: Progress, *, shape: Callable[[], tuple[Topology, int, nn.Module]], steps: int
) -> list[Outcome]:
    """Train both on Iris (a flower repeated over the ticks is the sequence) by gradient descent; compare all along."""
    outcomes = []
    for done, seed in enumerate(seeds):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            topology, ticks, plain = shape()
        plain = plain.double()
        if isinstance(plain, Elman):  # two biases do the work of one: the second stays at zero in both nets
            second: Any = plain.recurrent.bias_hh_l0
            nn.init.zeros_(second).requires_grad_(False)
        net = MeshNet(topology, ticks, hidden="tanh", weight=weights_of(topology, plain), dtype=torch.float64)
        learner, data = ForwardOnly(net), datasets.iris(seed).to(torch.float64).train
        noise = torch.randn(len(data), ticks, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        x = data.x.unsqueeze(1) + 0.3 * noise if isinstance(plain, Elman) else data.x
        trained = [parameter for parameter in plain.parameters() if parameter.requires_grad]
        ours, theirs = torch.optim.SGD([net.weight], lr=RATE), torch.optim.SGD(trained, lr=RATE)
        worst = {"output": 0.0, "gradient": 0.0, "loss": 0.0}
        first = last = 0.0
        for step in range(steps):
            with torch.no_grad():
                before = weights_of(topology, plain)
                worst["output"] = max(worst["output"], _apart(net(x), plain(x)))
            (credit,) = learner.credit(x, data.y)
            theirs.zero_grad()
            loss = cross_entropy(plain(x), data.y)[0]
            loss.backward()
            net.weight.grad = credit.gradients["net.weight"]
            ours.step()
            theirs.step()
            moved = (before - weights_of(topology, plain)) / RATE
            worst["gradient"] = max(worst["gradient"], _apart(credit.gradients["net.weight"], moved))
            worst["loss"] = max(worst["loss"], abs(credit.loss.item() - loss.item()))
            first, last = (loss.item() if step == 0 else first), loss.item()
        metrics: dict[str, float | int] = {f"{name}_difference": value for name, value in worst.items()}
        metrics |= {"first_loss": first, "last_loss": last, "parameters": topology.edges}
        outcomes.append(Outcome(metrics, {}))
        progress((done + 1) / len(seeds))
    return outcomes


def _apart(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.detach() - theirs.detach()).abs().max())


SHAPES = {"perceptron": as_perceptron, "recurrent": as_recurrent}
TITLES = {"perceptron": "multilayer perceptron, 4-6-5-3 (`nn.Linear`)", "recurrent": "recurrent net, 4-8-3 (`nn.RNN`)"}
EXPERIMENTS = {
    name: Experiment(f"mnn/pruning/{name}", partial(compare, shape=shape, steps=STEPS), seeds=SEEDS)
    for name, shape in SHAPES.items()
}


def render(results: Results) -> list[Element]:
    """Show the largest differences over a whole training run."""
    rows = []
    for name, experiment in EXPERIMENTS.items():
        ours = results[experiment.name]
        if ours:
            worst = [f"{max(values(ours, f'{what}_difference')):.0e}" for what in ("output", "gradient", "loss")]
            losses = [f"{np.mean(values(ours, f'{when}_loss')):.3f}" for when in ("first", "last")]
            rows.append([TITLES[name], f"{ours[0].metrics['parameters']}", *worst, *losses])
    header = ["pruned to", "parameters", "outputs", "gradient", "loss", "first loss", "last loss"]
    return [
        Text(
            f"A full mesh pruned by hand, trained forward-only, beside the same net made of `torch.nn` modules, trained by "
            f"autograd from the same weights: Iris, {STEPS} steps of gradient descent at {RATE}, float64, {SEEDS} seeds. The recurrent net reads a sequence, "
            f"the flower under fresh noise at every tick."
        ),
        Table("The largest difference over all steps and seeds, and the mean loss before and after.", header, rows),
    ]


ARTEFACT = Artefact(
    "pruning",
    "Custom pruning: a mesh that is a perceptron, a mesh that is a recurrent net",
    "Mesh Neural Networks, section 4.2",
    tuple(EXPERIMENTS.values()),
    render,
)
