"""Forward-only propagation (FOP): the state and its derivative travel forward together, tick by tick.

One function for the gradient of a loss and one for the Jacobian of the outputs, whichever engine carries the
derivative. No backward pass, no autograd; the functions run with gradients off. (Mesh Neural Networks, section 3.2.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from onward.kernels import dynamics, factored, influence, sparse
from onward.kernels.activations import Activation
from onward.kernels.dynamics import Read, Wiring
from onward.kernels.losses import Loss
from onward.naming import suggest


class Engine(NamedTuple):
    """A way to carry the derivative forward: the form in which it wants the weights, how it runs the ticks, and how the gradient and the
    Jacobian are read off.

    `propagate` gives a `Read` for the last tick, or for every tick.
    """

    name: str
    prepare: Callable[..., tuple[Any, Any]]
    propagate: Callable[..., Iterator[Read]]
    gradient: Callable[..., Tensor]
    jacobian: Callable[..., Tensor]


def _dense(
    weight: Float[Tensor, "*nets e"], wiring: Wiring, ticks: int, initial: Tensor | None, activation: Activation
) -> tuple[Tensor, Tensor]:
    """Give the matrix that drives the state, and its rows of the free neurons."""
    w = dynamics.matrix(weight, wiring)
    return w, w.narrow(-2, wiring.fixed, wiring.free)


def _stepwise(
    step: Callable[..., Any],
    w: Any,
    prepared: Any,
    wiring: Wiring,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"] | None,
    activation: Activation,
    *,
    every_tick: bool,
) -> Iterator[Read]:
    """Run the ticks once, the state and after it the derivative one step; give the outputs where they are read."""
    carried, last = None, clamped.shape[0] - 1
    for k, tick in enumerate(dynamics.run(w, clamped, initial, activation)):
        slope = activation.slope_at(tick.drive, tick.activity)
        carried = step(carried, tick, slope, prepared, wiring, final=k == last)
        if k == last or every_tick:
            yield Read(k, wiring.of_outputs(tick.activity), carried)


INFLUENCE = Engine("influence", _dense, partial(_stepwise, influence.step), influence.gradient, influence.jacobian)
FACTORED = Engine("factored", factored.prepare, factored.propagate, factored.gradient, factored.jacobian)
SPARSE = Engine("sparse", sparse.prepare, sparse.propagate, sparse.gradient, sparse.jacobian)
ENGINES = {engine.name: engine for engine in (INFLUENCE, FACTORED, SPARSE)}


def find(engine: Engine | str) -> Engine:
    """Give the engine of a name; an `Engine` is passed through. Unknown names raise `ValueError`."""
    if isinstance(engine, Engine):
        return engine
    if engine not in ENGINES:
        raise ValueError(f"unknown engine {engine!r}, expected one of {', '.join(ENGINES)}{suggest(engine, ENGINES)}")
    return ENGINES[engine]


def propagate(
    weight: Float[Tensor, "*nets e"],
    wiring: Wiring,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"] | None,
    activation: Activation,
    engine: Engine,
    carried_by: Wiring | None = None,
    *,
    every_tick: bool,
) -> Iterator[Read]:
    """Run the ticks once, the state and its derivative together; give the last tick, or every tick.

    `carried_by` has the edges by which the derivative is taken, if not by all.
    """
    w, prepared = engine.prepare(weight, wiring, clamped.shape[0], initial, activation)
    own = wiring if carried_by is None else carried_by
    return engine.propagate(w, prepared, own, clamped, initial, activation, every_tick=every_tick)


@torch.no_grad()
def loss_and_gradient(
    weight: Float[Tensor, "*nets e"],
    wiring: Wiring,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"] | None,
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
    own = wiring if edges is None else wiring.part(edges)
    values, gradients = [], []
    for number, outputs, derivative in propagate(
        weight, wiring, clamped, initial, activation, engine, own, every_tick=loss.every_tick
    ):
        loss.check_shape(target, outputs.shape, clamped.shape[0])
        value, error = loss(outputs, loss.at_tick(target, number, outputs), importance)
        values.append(value)
        gradients.append(engine.gradient(derivative, error, own))
    gradient = _mean(gradients)
    if edges is not None:
        gradient = torch.zeros_like(weight).index_copy_(-1, edges, gradient)
    return _mean(values), gradient


def _mean(each: list[Tensor]) -> Tensor:
    return each[0] if len(each) == 1 else sum(each[1:], each[0]) / len(each)


@torch.no_grad()
def outputs_and_jacobian(
    weight: Float[Tensor, "*nets e"],
    wiring: Wiring,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"] | None,
    activation: Activation,
    engine: Engine,
) -> tuple[Float[Tensor, "*nets b o"], Float[Tensor, "*nets b o e"]]:
    """Run the ticks once; give the outputs of the last tick and their derivative with respect to every edge weight."""
    (last,) = propagate(weight, wiring, clamped, initial, activation, engine, every_tick=False)
    return last.outputs, engine.jacobian(last.derivative, wiring)
