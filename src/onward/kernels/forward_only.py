"""Forward-only propagation (FOP): the state and its derivative travel forward together, tick by tick.

One function for the gradient of a loss and one for the Jacobian of the outputs, whichever engine carries the
derivative. No backward pass, no autograd; the functions run with gradients off. (Mesh Neural Networks, section 3.2.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from onward.kernels import dynamics, factored, influence, sparse
from onward.kernels.activations import Activation
from onward.kernels.dynamics import Wiring
from onward.kernels.losses import Loss
from onward.naming import suggest


class Engine(NamedTuple):
    """A way to carry the derivative forward: the form in which it wants the weights, how a tick moves it, and how the gradient and
    the Jacobian are read off.
    """

    name: str
    prepare: Callable[..., tuple[Any, Any]]
    step: Callable[..., Any]
    gradient: Callable[..., Tensor]
    jacobian: Callable[..., Tensor]


def _dense(
    weight: Float[Tensor, "*nets e"], wiring: Wiring, ticks: int, initial: Tensor, activation: Activation
) -> tuple[Tensor, Tensor]:
    """Give the matrix that drives the state, and its rows of the free neurons."""
    w = dynamics.matrix(weight, wiring)
    return w, w[..., wiring.fixed :, :]


INFLUENCE = Engine("influence", _dense, influence.step, influence.gradient, influence.jacobian)
FACTORED = Engine("factored", _dense, factored.step, factored.gradient, factored.jacobian)
SPARSE = Engine("sparse", sparse.prepare, sparse.step, sparse.gradient, sparse.jacobian)
ENGINES = {engine.name: engine for engine in (INFLUENCE, FACTORED, SPARSE)}


def find(engine: Engine | str) -> Engine:
    """Give the engine of a name; an `Engine` is passed through. Unknown names raise `ValueError`."""
    if isinstance(engine, Engine):
        return engine
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}, expected one of {', '.join(ENGINES)}{suggest(engine, ENGINES)}")
    return ENGINES[engine]


class Carried(NamedTuple):
    """The end of a tick: which it was, the outputs after it, and the derivative that an engine has carried to it."""

    number: int
    final: bool
    outputs: Float[Tensor, "*nets b o"]
    derivative: Any


def propagate(
    weight: Float[Tensor, "*nets e"],
    wiring: Wiring,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"],
    activation: Activation,
    engine: Engine,
    carried_by: Wiring | None = None,
) -> Iterator[Carried]:
    """Run the ticks once, the state and its derivative together; give every tick as it ends.

    `carried_by` has the edges by which the derivative is taken, if not by all.
    """
    w, prepared = engine.prepare(weight, wiring, len(clamped), initial, activation)
    carried, own = None, wiring if carried_by is None else carried_by
    for k, tick in enumerate(dynamics.run(w, clamped, initial, activation)):
        final = k == len(clamped) - 1
        carried = engine.step(carried, tick.reads, activation.slope(tick.drive), prepared, own, final=final)
        yield Carried(k, final, tick.activity[..., -wiring.outputs :], carried)


@torch.no_grad()
def loss_and_gradient(
    weight: Float[Tensor, "*nets e"],
    wiring: Wiring,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"],
    activation: Activation,
    loss: Loss,
    target: Shaped[Tensor, "..."],
    engine: Engine,
    importance: Float[Tensor, "*nets b"] | None = None,
    edges: Int[Tensor, " carried"] | None = None,
) -> tuple[Float[Tensor, "*nets"], Float[Tensor, "*nets e"]]:
    """Run the ticks once; give the loss and its exact gradient with respect to every edge weight.

    `importance` weighs the examples; the word `weight` is kept for edges. `edges`, for the engine "influence" alone, are those whose
    gradient can differ from zero; left out, all are carried.
    """
    own = wiring if edges is None else wiring._replace(source=wiring.source[edges], target=wiring.target[edges])
    values, gradients = [], []
    for tick in propagate(weight, wiring, clamped, initial, activation, engine, own):
        if tick.final or loss.every_tick:
            loss.check_shape(target, tick.outputs.shape, len(clamped))
            value, error = loss(tick.outputs, loss.at_tick(target, tick.number, tick.outputs), importance)
            values.append(value)
            gradients.append(engine.gradient(tick.derivative, error, own))
    gradient = sum(gradients[1:], gradients[0]) / len(gradients)
    if edges is not None:
        gradient = torch.zeros_like(weight).index_copy_(-1, edges, gradient)
    return sum(values[1:], values[0]) / len(values), gradient


@torch.no_grad()
def outputs_and_jacobian(
    weight: Float[Tensor, "*nets e"],
    wiring: Wiring,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"],
    activation: Activation,
    engine: Engine,
) -> tuple[Float[Tensor, "*nets b o"], Float[Tensor, "*nets b o e"]]:
    """Run the ticks once; give the outputs of the last tick and their derivative with respect to every edge weight."""
    (last,) = deque(propagate(weight, wiring, clamped, initial, activation, engine), maxlen=1)  # no earlier one is kept
    return last.outputs, engine.jacobian(last.derivative, wiring)
