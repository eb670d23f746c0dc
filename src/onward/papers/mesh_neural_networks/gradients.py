"""One gradient of one batch by every method there is, on the same weights: ours, the published ones, and those of automatic differentiation.

The rivals are written as one writes them who knows what they cost, and leave out what ours leave out: what static inputs bring is multiplied
once, the first tick, which starts from zero, takes no product, outputs that feed nobody are computed where they are read, and edges are laid
out as a matrix once a step. Every neuron is ReLU, as in the paper.

Axes: b batch, i features, o outputs, e edges, n neurons, f free neurons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from onward.kernels import forward_only
from onward.kernels.activations import relu
from onward.kernels.plan import plan
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks import naive, published
from onward.topology import Topology

TOLERANCE = 1e-4  # of a gradient in float32, against backpropagation in float64, relative to its norm
EXACT = 1e-10  # of one in float64


class Task(NamedTuple):
    """A mesh and a batch of noise, whose inputs stand still."""

    net: MeshNet
    x: Float[Tensor, "b i"]
    y: Int[Tensor, " b"]


Step = Callable[[], Tensor]  # gives the gradient, one number an edge


def task(topology: Topology, *, ticks: int, batch: int, seed: int, dtype: torch.dtype = torch.float32) -> Task:
    """Draw weights and a batch."""
    drawn = torch.Generator().manual_seed(seed)
    net = MeshNet(topology, ticks, output="relu", generator=drawn, dtype=dtype)
    x = torch.randn(batch, topology.features, generator=drawn, dtype=dtype)
    return Task(net, x, torch.randint(topology.outputs, (batch,), generator=drawn))


def outputs_by_hand(net: MeshNet) -> Callable[[Tensor, Tensor], Tensor]:
    """Give the function of weights and inputs (`b i`, or `i`) that automatic differentiation is let loose on."""
    topology, ticks = net.topology, net.ticks
    fixed, free, last = topology.fixed, topology.free, topology.outputs
    apart = ticks > 1 and topology.speaking + last == free  # no output feeds anybody
    moved = topology.speaking if apart else free

    def outputs(weight: Tensor, x: Tensor) -> Tensor:
        x = functional.pad(x, (0, 1), value=1.0) if topology.bias else x
        w = weight.new_zeros((fixed + moved) * free).scatter(0, net.place, weight).view(fixed + moved, free)
        moving, reading = w.split((moved, last), dim=1) if apart else (w, w)
        of_inputs, recurrent = moving.split((fixed, moved))
        brought = x @ of_inputs
        activity = torch.relu(brought)
        for _ in range(ticks - 1 - apart):
            activity = torch.relu(_plus(brought, activity, recurrent))
        return torch.relu(torch.cat([x, activity], dim=-1) @ reading) if apart else activity[..., -last:]

    return outputs


def _plus(brought: Tensor, activity: Tensor, recurrent: Tensor) -> Tensor:
    return torch.addmm(brought, activity, recurrent) if activity.ndim == 2 else brought + activity @ recurrent


def forward_only_propagation(given: Task, *, engine: str | None = None) -> Step:
    """Ours, by an engine or by the one that the library chooses."""
    learner = ForwardOnly(given.net, engine=engine)

    def step() -> Tensor:
        (credit,) = learner.credit(given.x, given.y)
        return credit.gradients["net.weight"]

    return step


def compiled_kernels(given: Task) -> Step:
    """Ours again, the kernels of the chosen dense engine by `torch.compile`."""
    net = given.net
    costs = plan(net.topology, net.ticks, len(given.x)).costs
    engine = forward_only.find(min(("influence", "factored"), key=lambda name: costs[name].flops))
    loss, wiring, activation = ForwardOnly(net).loss, net.wiring, net.activation

    def whole(weight: Tensor, clamped: Tensor, state: Tensor | None, y: Tensor) -> Tensor:
        return forward_only.loss_and_gradient(weight, wiring, clamped, state, activation, loss, y, engine)[1]

    ready, weight = torch.compile(whole, dynamic=False), net.weight.detach()
    return lambda: ready(weight, *net.drive(given.x), given.y)


def in_numpy(given: Task, *, dtype: torch.dtype) -> Step:
    """The paper's formulation in NumPy, whose own dtype is float64."""
    topology, ticks = given.net.topology, given.net.ticks
    a = topology.adjacency(given.net.weight.to(dtype))
    x, y = given.x.to(dtype).numpy(), given.y.numpy()

    def step() -> Tensor:
        found = naive.gradient(a, x, y, outputs=topology.outputs, ticks=ticks)
        return torch.from_numpy(found[topology.source, topology.target])

    return step


def as_published(given: Task) -> Step:
    """The same formulation by PyTorch."""
    net, topology = given.net, given.net.topology
    a, ends = torch.from_numpy(topology.adjacency(net.weight)), (net.source, net.target + topology.fixed)
    inputs, _ = net.drive(given.x)

    def step() -> Tensor:
        state, derivative = published.algorithm_1(a, inputs, relu)
        _, error = ForwardOnly(net).loss(state[:, -topology.outputs :], given.y)
        return published.gradient(derivative, error)[ends]

    return step


def jacobian(given: Task, *, transform: Callable[..., Any]) -> Step:
    """The Jacobian of all outputs by `torch.func.jacfwd` or `jacrev`, over examples by `vmap`, then met with the error."""
    run, weight = outputs_by_hand(given.net), given.net.weight.detach()

    def twice(weight: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = run(weight, x)
        return scores, scores

    of_all = torch.func.vmap(transform(twice, has_aux=True), in_dims=(None, 0))

    def step() -> Tensor:
        derivative, scores = of_all(weight, given.x)
        right = functional.one_hot(given.y, scores.shape[1])
        return torch.einsum("boe,bo->e", derivative, (scores.softmax(1) - right) / len(scores))

    return step


def loss_by_hand(given: Task) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """Give the loss as a function of weights, inputs and labels."""
    run = outputs_by_hand(given.net)
    return lambda weight, x, y: functional.cross_entropy(run(weight, x), y)


def backprop_through_time(given: Task, *, compiled: bool = False) -> Step:
    """Reverse-mode automatic differentiation through the ticks, eager or by `torch.compile`."""
    loss = loss_by_hand(given)
    ready = torch.compile(loss, dynamic=False) if compiled else loss
    weight = given.net.weight.detach().clone().requires_grad_()

    def step() -> Tensor:
        with torch.enable_grad():
            value = ready(weight, given.x, given.y)
            return torch.autograd.grad(value, weight)[0]

    return step


def backprop_of_the_library(given: Task) -> Step:
    """The learner `Backprop`, which takes sequences, losses at every tick and nets side by side as well."""
    learner = Backprop(given.net)

    def step() -> Tensor:
        (credit,) = learner.credit(given.x, given.y)
        return credit.gradients["net.weight"]

    return step


OURS = ("influence", "factored", "sparse")
MAKERS: Mapping[str, Callable[[Task], Step]] = {
    **{engine: partial(forward_only_propagation, engine=engine) for engine in OURS},
    "chosen": forward_only_propagation,
    "compiled": compiled_kernels,
    "bptt": backprop_through_time,
    "backprop": backprop_of_the_library,
    "bptt_compiled": partial(backprop_through_time, compiled=True),
    "jacfwd": partial(jacobian, transform=torch.func.jacfwd),
    "jacrev": partial(jacobian, transform=torch.func.jacrev),
    "numpy": partial(in_numpy, dtype=torch.float64),
    "numpy_single": partial(in_numpy, dtype=torch.float32),
    "published": as_published,
}


def reference(given: Task) -> Float[Tensor, " e"]:
    """Give the gradient by backpropagation in float64.

    Raises:
        ValueError: one that is zero or not finite, beside which any other would pass.
    """
    double = Task(given.net.with_weight(given.net.weight.double()), given.x.double(), given.y)
    found = backprop_through_time(double)()
    if not 0 < found.norm() < torch.inf:
        raise ValueError(f"gradients cannot be checked against one whose norm is {found.norm().item()}")
    return found


def checked(name: str, found: Tensor, right: Float[Tensor, " e"]) -> float:
    """Give how far a gradient is from the reference, relative to its norm.

    Raises:
        ValueError: it is farther than its dtype explains.
    """
    apart = ((found.double() - right).norm() / right.norm()).item()
    allowed = EXACT if found.dtype == torch.float64 else TOLERANCE
    if not apart <= allowed:
        raise ValueError(
            f"the gradient of {name} differs from backpropagation's by {apart:.1e} of its norm, allowed are {allowed:g}"
        )
    return apart
