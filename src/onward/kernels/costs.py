"""What a gradient of a mesh costs by each engine, counted from its graph before anything is run.

FLOPs count a multiply-add as two. Bytes are what is carried between ticks, old and new side by side, at its largest; what stands beside that, whatever is
carried, is counted apart. The state begins at rest, so that a first tick reads clamped inputs alone.
Letters: T ticks, B examples, N neurons, E edges, F free neurons, S speaking neurons, O outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, comb
from typing import NamedTuple

from onward.kernels import pattern
from onward.kernels.sparse_weights import mostly_zeros, whole
from onward.topology import Topology

ENDS = 40  # bytes an edge: its ends as the topology has them, and its ends and place as the net does
MATRICES = 3  # dense matrices that are there at a time: weights, and what is laid out of the gradient
SORTED, READ = 75, 100  # bytes a product of a chunk and an edge that laying out the sparse engine takes, measured


@dataclass(frozen=True)
class Cost:
    """Counted cost of one gradient.

    Attributes:
        flops: floating-point operations, a multiply-add counted as two.
        bytes: that are carried at a time.
    """

    flops: int
    bytes: int

    def times(self, nets: int) -> Cost:
        """Give the cost of so many nets side by side."""
        return Cost(nets * self.flops, nets * self.bytes)


@dataclass(frozen=True)
class Standing:
    """Bytes that a gradient needs beside what is carried, about; a budget leaves them out, and no cut makes them fewer.

    Attributes:
        graph: the ends of the edges.
        weights: one an edge and its gradient, and for a dense engine the matrices that they are laid out in.
        working: the state of the neurons, for all examples; for the sparse engine what laying the graph out takes at its most, where that is more.
    """

    graph: int
    weights: int
    working: int

    @property
    def total(self) -> int:
        """All of them, in bytes."""
        return self.graph + self.weights + self.working


class Readings(NamedTuple):
    """Over all readings of the outputs: how many there are, how many after the first tick, and the ticks before each, all of them and all but the first."""

    number: int
    late: int
    earlier: int
    full: int


@dataclass(frozen=True)
class Task:
    """A gradient to be counted.

    Attributes:
        topology: the graph.
        ticks: updates.
        itemsize: bytes a number.
        live: edges that the influence engine carries.
        static: whether inputs are the same at all ticks, so that dense engines multiply them once.
        at_once: chunks that the sparse engine works on at the same time.
        every_tick: whether the loss reads the outputs at every tick.
    """

    topology: Topology
    ticks: int
    itemsize: int
    live: int
    static: bool
    at_once: int = 1
    every_tick: bool = False

    @property
    def last(self) -> Readings:
        """The reading after the last tick alone."""
        return Readings(1, min(self.ticks - 1, 1), self.ticks - 1, max(self.ticks - 2, 0))

    @property
    def readings(self) -> Readings:
        """All of them."""
        ticks = self.ticks
        return Readings(ticks, ticks - 1, comb(ticks, 2), comb(ticks - 1, 2)) if self.every_tick else self.last

    @property
    def inputs(self) -> int:
        """Ticks at which clamped inputs are multiplied."""
        return 1 if self.static else self.ticks

    @property
    def moving(self) -> int:
        """Ticks at which free neurons say something: from rest all but the first."""
        return self.ticks - 1 if self.topology.clamped else self.ticks


def run(task: Task, batch: int) -> int:
    """Count the FLOPs of a run of the state alone."""
    return 2 * task.ticks * batch * task.topology.edges if mostly_zeros(task.topology) else _dense_run(task, batch)


def _dense_run(task: Task, batch: int) -> int:
    topology = task.topology
    return 2 * batch * topology.free * (task.inputs * topology.fixed + task.moving * topology.free)


def influence(task: Task, batch: int, edges: int) -> Cost:
    """Count the influence engine on some examples and edges."""
    f, o, ticks = task.topology.free, task.topology.outputs, task.ticks
    full, final = max(ticks - 2, 0), min(ticks - 1, 1)
    moves = 2 * batch * edges * f * (full * f + final * o)
    touches = 3 * batch * edges * ((ticks - 1) * f + o)
    contraction = task.readings.number * 2 * batch * edges * o
    return Cost(
        _dense_run(task, batch) + moves + touches + contraction, 2 * task.itemsize * batch * edges * (f if ticks > 1 else o)
    )


def factored(task: Task, batch: int) -> Cost:
    """Count the factored engine on some examples."""
    topology, ticks = task.topology, task.ticks
    n, f, s = topology.neurons, topology.free, topology.speaking
    full = max(ticks - 2, 0)
    pushed = 2 * comb(full, 2) * s**3 + max(comb(full + 1, 2) - 1, 0) * s * s
    held = (3 * (full - 1) - 1) * s * s if full > 1 else 0  # before a tick, pushed over it, and joined with the newest
    flops = _moving(task, task.last) + pushed + _met(task, task.readings)
    return Cost(batch * flops, task.itemsize * batch * (held + ticks * (n + f)))


def _moving(task: Task, over: Readings) -> int:
    """Count what moves speaking neurons until the outputs are read, and as much is what was said to them times their blame."""
    topology = task.topology
    from_inputs, from_speaking = over.late if task.static else over.earlier, over.full if topology.clamped else over.earlier
    return 2 * topology.speaking * (topology.fixed * from_inputs + topology.speaking * from_speaking)


def _met(task: Task, over: Readings) -> int:
    """Count what readings take: the outputs, and the derivative of the loss behind all factors."""
    o, s = task.topology.outputs, task.topology.speaking
    reached = over.late * 2 * s * o + over.full * 2 * s * s + over.earlier * s + over.number * o
    return over.number * 2 * 2 * (task.topology.fixed + s) * o + _moving(task, over) + reached


def sparse(task: Task, found: pattern.Count, batch: int) -> Cost:
    """Count the sparse engine on some examples, what it lays out among its bytes."""
    n, e, f, ticks = task.topology.neurons, task.topology.edges, task.topology.free, task.ticks
    over, read = task.readings, range(1 if task.every_tick else ticks, ticks + 1)
    asked = over.number * task.topology.outputs + over.late * (2 * found.outward + f)
    met = 2 * e * sum(whole(tick * batch) for tick in read)  # what was said, with its blame
    flops = 2 * e * ticks * batch + met + batch * (asked + _pushed(found, ticks, anew=task.every_tick))
    states = ticks * batch * (n + f)
    products, entries = found.products, found.entries
    largest = max((some for _, some in found.hops), default=0)
    laid_out = 8 * (products + entries + 2 * e + found.outward) + 4 * f * (len(found.hops) + found.rest + 3)
    chunk = task.itemsize * (batch * (entries + largest + 2 * ticks * f) + products + largest) + 4 * largest
    chunks = max(1, ceil(products / pattern.PRODUCTS))
    held = chunk * min(chunks, task.at_once) / chunks
    return Cost(int(flops), int(task.itemsize * states + held + laid_out))


def _pushed(found: pattern.Count, ticks: int, *, anew: bool) -> float:
    """Count all pushes of an example, and their meeting of what is asked, for one reading or `anew` for each.

    A factor is pushed over hop `h` at `ticks - 1 - h` ticks, the last time to meet what is asked; sums of that over hops, and over readings, are figurate numbers.
    """
    order, total = 2 if anew else 1, 0.0
    each = [(ticks - 1 - hop, 1, *size) for hop, size in enumerate(found.hops) if hop]
    for times, hops, products, entries in [*each, (found.rest, found.rest, *(found.hops or [(0, 0)])[-1])]:
        pushed, scaled = _over(hops, order + 1, times), _over(hops, order + 1, times - 1)
        total += 2 * products * pushed + entries * (scaled + 3 * _over(hops, order, times))
    return total


def _over(hops: int, order: int, times: int) -> int:
    """Sum `times`, `times - 1`, ... over some hops, and that again over readings where the order is one more."""
    return _figurate(order, times) - _figurate(order, times - hops)


def _figurate(order: int, k: int) -> int:
    """Sum 1 to `k` of those of the order before; order 1 is `k` itself."""
    return comb(k + order - 1, order) if k > 0 else 0


def others(task: Task, batch: int) -> dict[str, Cost]:
    """Count what is there for comparison: the published formulation, one N x N x N tensor an example, and backpropagation through the ticks."""
    n, f, ticks = task.topology.neurons, task.topology.free, task.ticks
    published = Cost(2 * ticks * batch * n**2 * (n**2 + n), 2 * task.itemsize * batch * n**3)
    backprop = Cost(3 * run(task, batch), task.itemsize * batch * ticks * (n + f))
    return {"as published (N x N x N)": published, "backprop through the ticks": backprop}


def standing(task: Task, engine: str, batch: int, at_a_time: int, found: pattern.Count, nets: int) -> Standing:
    """Count what stands beside what an engine carries, of so many examples at a time and nets side by side, which share the graph."""
    n, e, f = task.topology.neurons, task.topology.edges, task.topology.free
    matrices, state, laying = MATRICES * n * f, batch * (n + 3 * f), 0
    if engine == "sparse":  # weights in their places, and what all ticks read side by side
        matrices, state = 0, state + e + 2 * at_a_time * task.ticks * n
        laying = int(SORTED * min(found.products, pattern.PRODUCTS) + READ * e)
    return Standing(ENDS * e, nets * task.itemsize * (2 * e + matrices), max(nets * task.itemsize * state, laying))
