"""The exact gradient part by part: some examples and some edges at a time, within a budget of bytes and by several threads.

    dL/dw[e] = sum_b sum_o P[b, e, o] error[b, o]

What an edge does to an example has to do with no other edge and no other example, so that every part is carried by itself, and the
parts add up. All that they share is the derivative of the loss at the outputs; it comes from a run of the state alone, which is little beside the
derivative and is run again for every part, so that nothing is kept of earlier ticks.

Axes: b batch, t ticks, e edges, f free neurons, i clamped inputs, o outputs; `*nets` nets side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from onward.kernels import dynamics
from onward.kernels.activations import Activation
from onward.kernels.dynamics import Wiring
from onward.kernels.forward_only import Engine
from onward.kernels.in_order import InOrder
from onward.kernels.losses import Loss


@dataclass(frozen=True)
class Parts:
    """How a gradient is cut: so many examples and edges at a time, and so many such parts at the same time.

    Attributes:
        examples: at a time.
        edges: at a time.
        threads: parts that are carried at the same time, each by one thread.
    """

    examples: int
    edges: int
    threads: int = 1

    def cut(self, batch: int, edges: Int[Tensor, " e"]) -> list[tuple[slice, Tensor]]:
        """Give the examples and the edges of every part."""
        firsts = range(0, batch, self.examples)
        return [(slice(first, first + self.examples), some) for some in edges.split(self.edges) for first in firsts]


class _Run(NamedTuple):
    """What all parts read."""

    w: Any
    prepared: Any
    wiring: Wiring
    clamped: Tensor
    initial: Tensor | None
    activation: Activation
    engine: Engine
    errors: dict[int, Tensor]  # derivative of the loss at the outputs, by tick


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
    parts: Parts,
    importance: Float[Tensor, "*nets b"] | None = None,
    edges: Int[Tensor, " carried"] | None = None,
    in_order: InOrder = map,
) -> tuple[Float[Tensor, "*nets"], Float[Tensor, "*nets e"]]:
    """Give the loss and its exact gradient, as `forward_only.loss_and_gradient` does, part by part.

    Args:
        weight: of the edges; this and what follows as there.
        wiring: the graph.
        clamped: inputs at every tick.
        initial: state.
        activation: of the free neurons.
        loss: at the last tick, or at every tick.
        target: of the loss.
        engine: only "influence" carries some edges without the others; of the other engines all edges are in one part.
        parts: how it is cut.
        importance: of the examples.
        edges: the edges whose gradient can differ from zero; left out, all.
        in_order: does the work of all parts; one that has threads does several at the same time, as many as `parts` says.
    """
    w, prepared = engine.prepare(weight, wiring, clamped.shape[0], initial, activation)
    values, errors = [], {}
    for k, tick in enumerate(dynamics.run(w, clamped, initial, activation)):
        if k == clamped.shape[0] - 1 or loss.every_tick:
            outputs = wiring.of_outputs(tick.activity)
            loss.check_shape(target, outputs.shape, clamped.shape[0])
            value, errors[k] = loss(outputs, loss.at_tick(target, k, outputs), importance)
            values.append(value)
    run = _Run(w, prepared, wiring, clamped, initial, activation, engine, errors)
    carried = torch.arange(weight.shape[-1], device=weight.device) if edges is None else edges
    gradient = torch.zeros_like(weight)
    cut = parts.cut(clamped.shape[-2], carried)
    for (_, some), found in zip(cut, in_order(lambda part: _part(run, *part), cut), strict=True):
        gradient.index_add_(-1, some, found)
    return sum(values[1:], values[0]) / len(values), gradient / len(values)


@torch.no_grad()  # which holds for one thread alone
def _part(run: _Run, examples: slice, edges: Int[Tensor, " some"]) -> Float[Tensor, "*nets some"]:
    """Carry the derivative of some examples with respect to some edges over all ticks."""
    own = run.wiring if len(edges) == len(run.wiring.source) else run.wiring.part(edges)
    clamped = run.clamped[..., examples, :]
    initial = None if run.initial is None else run.initial[..., examples, :]
    reads = run.engine.propagate(run.w, run.prepared, own, clamped, initial, run.activation, every_tick=len(run.errors) > 1)
    found = [run.engine.gradient(each.derivative, run.errors[each.number][..., examples, :], own) for each in reads]
    return sum(found[1:], found[0])
