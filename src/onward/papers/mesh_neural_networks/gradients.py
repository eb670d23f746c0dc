"""One gradient of one batch by every method there is, on the same weights: ours, the published ones, backpropagation by hand and by autograd.

The rivals are written as one writes them who knows what they cost, and leave out what ours leave out (`automatic`, `backprop_by_hand`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import forward_only
from onward.kernels.activations import relu
from onward.learners.forward_only import ForwardOnly
from onward.papers.mesh_neural_networks import automatic, backprop_by_hand, naive, published
from onward.papers.mesh_neural_networks.gradient_costs import dense_engine
from onward.papers.mesh_neural_networks.gradient_tasks import Step, Task, with_bias

TOLERANCE = 1e-4  # of a gradient in float32, against backpropagation in float64, relative to its norm
EXACT = 1e-10  # of one in float64


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
    engine = forward_only.find(dense_engine(given))
    loss, wiring, activation = ForwardOnly(net).loss, net.wiring, net.activation

    def whole(weight: Tensor, clamped: Tensor, state: Tensor | None, y: Tensor) -> Tensor:
        return forward_only.loss_and_gradient(weight, wiring, clamped, state, activation, loss, y, engine)[1]

    ready, weight = torch.compile(whole, dynamic=False), net.weight.detach()
    return lambda: ready(weight, *net.drive(given.x), given.y)


def backprop_without_a_graph(given: Task, *, compiled: bool = False) -> Step:
    """Backpropagation by hand, which calls no autograd, eager or by `torch.compile`."""
    net, weight = given.net, given.net.weight.detach()
    run = partial(backprop_by_hand.gradient, wiring=net.wiring, ticks=net.ticks)
    ready = torch.compile(run, dynamic=False) if compiled else run
    return lambda: ready(weight, inputs=with_bias(given), labels=given.y)


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


OURS = ("influence", "factored", "sparse")
MAKERS: Mapping[str, Callable[[Task], Step]] = {
    **{engine: partial(forward_only_propagation, engine=engine) for engine in OURS},
    "chosen": forward_only_propagation,
    "compiled": compiled_kernels,
    "by_hand": backprop_without_a_graph,
    "by_hand_compiled": partial(backprop_without_a_graph, compiled=True),
    "bptt": automatic.backprop_through_time,
    "backprop": automatic.backprop_of_the_library,
    "bptt_compiled": partial(automatic.backprop_through_time, compiled=True),
    "jacfwd": partial(automatic.jacobian, transform=torch.func.jacfwd),
    "jacfwd_of_loss": automatic.jacfwd_of_loss,
    "jacrev": partial(automatic.jacobian, transform=torch.func.jacrev),
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
    found = automatic.backprop_through_time(double)()
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
