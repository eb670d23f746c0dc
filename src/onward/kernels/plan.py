"""What each engine would cost on a topology, counted, how it is cut to fit a budget of bytes, and which one to take.

FLOPs count a multiply-add as two. Bytes are what is carried between ticks, old and new side by side, at its largest, in the parts
that are carried at the same time; the state itself is left out. The state begins at rest, so that a first tick reads clamped inputs alone.
Letters: T ticks, B examples, N neurons, E edges, F free neurons, S speaking neurons, O outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from onward.kernels import pattern
from onward.kernels.dynamics import wiring_of
from onward.kernels.parts import Parts
from onward.kernels.sparse_weights import mostly_zeros
from onward.topology import Topology

# The sparse engine against dense products: a FLOP of it takes so many times as long, and its many small operations as long as so many.
SLOWER, STARTING = 16, 10**8


@dataclass(frozen=True)
class Cost:
    """Counted cost of one gradient: floating-point operations, and bytes carried at a time."""

    flops: int
    bytes: int


@dataclass(frozen=True)
class Plan:
    """The cost of a gradient under each engine, under two formulations that are there for comparison, and the choice.

    Attributes:
        engine: the engine with the fewest FLOPs of those that fit; those of the sparse one count `SLOWER` times, and it starts with `STARTING`.
        costs: per engine, cut as `parts` says.
        others: the published formulation (one N x N x N tensor an example), and backpropagation through the ticks.
        parts: how each engine is cut; one that does not fit the budget in any parts is not there.
        exact: whether the sparse engine was counted on all neurons, or on some that stand for all.
    """

    engine: str
    costs: dict[str, Cost]
    others: dict[str, Cost]
    parts: dict[str, Parts]
    exact: bool = True


@dataclass(frozen=True)
class _Task:
    """A gradient to be counted: a graph, ticks, bytes a number, how many edges are carried, and whether inputs stand still."""

    topology: Topology
    ticks: int
    itemsize: int
    live: int
    still: bool

    @property
    def inputs(self) -> int:
        """Ticks at which clamped inputs are multiplied."""
        return 1 if self.still else self.ticks

    @property
    def moving(self) -> int:
        """Ticks at which free neurons say something: from rest all but the first."""
        return self.ticks - 1 if self.topology.clamped else self.ticks


def plan(
    topology: Topology,
    ticks: int,
    batch: int,
    *,
    itemsize: int = 4,
    live: int | None = None,
    budget: int | None = None,
    threads: int = 1,
    engine: str | None = None,
    still: bool = False,
) -> Plan:
    """Count the cost of one gradient at the last tick, and choose the engine.

    Args:
        topology: the graph.
        ticks: number of updates.
        batch: number of examples.
        itemsize: bytes a number: 4 for float32, 8 for float64.
        live: edges whose gradient can differ from zero, which are those that the influence engine carries; left out, all.
        budget: bytes that may be carried at a time, by all threads together; left out, as many as it takes.
        threads: parts that are carried at the same time.
        engine: the one to take, if it is not to be chosen.
        still: whether inputs are the same at all ticks; dense engines multiply them once then.

    Raises:
        ValueError: less than one tick, example, byte or thread; a budget that holds no part of any engine, or of the given one.
    """
    if ticks < 1 or batch < 1:
        raise ValueError(f"a plan needs at least 1 tick and 1 example, got {ticks} and {batch}")
    if threads < 1 or (budget is not None and budget < 1):
        raise ValueError(f"a plan needs at least 1 thread and 1 byte, got {threads} and {budget}")
    task = _Task(topology, ticks, itemsize, topology.edges if live is None else live, still)
    found = pattern.count(wiring_of(topology), ticks)
    ways: dict[str, Callable[[int, int], Cost]] = {
        "influence": lambda examples, edges: _influence(task, examples, edges),
        "factored": lambda examples, edges: _factored(task, examples),
        "sparse": lambda examples, edges: _sparse(task, found, examples),
    }
    costs, parts = {}, {}
    for name, cost in ways.items():
        edges, cuttable = (max(1, task.live), True) if name == "influence" else (topology.edges, False)
        cut = _cut(cost, batch, edges, cuttable, budget, threads)
        if cut is not None:
            parts[name] = cut
        costs[name] = _total(task, cost, batch, edges, cut or Parts(1, 1 if cuttable else edges, threads))
    allowed = {name: costs[name] for name in parts if engine in (None, name)}
    if not allowed:
        wanted = costs if engine is None else {engine: costs[engine]}
        least = min(wanted, key=lambda name: wanted[name].bytes)
        raise ValueError(
            f"a budget of {budget} bytes holds no part of the gradient; the engine {least!r} takes at least {wanted[least].bytes}"
        )
    chosen = min(allowed, key=lambda name: STARTING + SLOWER * costs[name].flops if name == "sparse" else costs[name].flops)
    return Plan(chosen, costs, _others(task, batch), parts, found.exact)


def _cut(
    cost: Callable[[int, int], Cost], batch: int, edges: int, cuttable: bool, budget: int | None, threads: int
) -> Parts | None:
    """Find the largest parts that fit and give every thread one: all edges of some examples, or some edges of one; None if none fits."""
    by_edges = cuttable and batch < threads
    examples, edges = (batch, ceil(edges / threads)) if by_edges else (ceil(batch / threads), edges)

    def fits(examples: int, edges: int) -> bool:
        return budget is None or threads * cost(examples, edges).bytes <= budget

    if fits(1, edges):
        return Parts(_largest(examples, lambda some: fits(some, edges)), edges, threads)
    if cuttable and fits(1, 1):
        return Parts(1, _largest(edges, lambda some: fits(1, some)), threads)
    return None


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """Give the largest number up to `most` that fits, where 1 does and a smaller one fits if a larger does."""
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def _total(task: _Task, cost: Callable[[int, int], Cost], batch: int, edges: int, parts: Parts) -> Cost:
    """Sum the cost over all parts: the state is run once more for the derivative of the loss, and again for every part of the edges."""
    runs = ceil(edges / parts.edges)
    whole = cost(batch, edges)
    again = 0 if parts.examples >= batch and runs == 1 else runs * _run(task, batch)
    at_a_time = min(parts.threads, runs * ceil(batch / parts.examples))
    here = cost(min(parts.examples, batch), min(parts.edges, edges))
    return Cost(whole.flops + again, at_a_time * here.bytes)


def _run(task: _Task, batch: int) -> int:
    """Count a run of the state."""
    return 2 * task.ticks * batch * task.topology.edges if mostly_zeros(task.topology) else _dense_run(task, batch)


def _dense_run(task: _Task, batch: int) -> int:
    topology = task.topology
    return 2 * batch * topology.free * (task.inputs * topology.fixed + task.moving * topology.free)


def _influence(task: _Task, batch: int, edges: int) -> Cost:
    f, o, ticks = task.topology.free, task.topology.outputs, task.ticks
    full, final = max(ticks - 2, 0), min(ticks - 1, 1)
    moves = 2 * batch * edges * f * (full * f + final * o)
    touches = 3 * batch * edges * ((ticks - 1) * f + o)
    contraction = 2 * batch * edges * o
    return Cost(
        _dense_run(task, batch) + moves + touches + contraction, 2 * task.itemsize * batch * edges * (f if ticks > 1 else o)
    )


def _factored(task: _Task, batch: int) -> Cost:
    topology, ticks = task.topology, task.ticks
    n, f, o, s = topology.neurons, topology.free, topology.outputs, topology.speaking
    full, earlier = max(ticks - 2, 0), ticks - 1
    products = 2 * sum(range(full)) * s**3
    scalings = sum(range(1, full + 1)) * s * s
    reached = min(earlier, 1) * (2 * s * o + 2 * full * s * s) + earlier * s + o
    heard = min(task.inputs, earlier) * topology.fixed + max(task.moving - 1, 0) * s
    meeting = 2 * s * heard + 2 * (topology.fixed + s) * o
    held = (max(full - 1, 0) + full) * s * s  # factors before and after the last tick that they are pushed over
    flops = batch * (2 * meeting + products + scalings + reached)  # the run of the state multiplies what the meeting does
    return Cost(flops, task.itemsize * batch * (held + ticks * (n + f)))


def _sparse(task: _Task, found: pattern.Count, batch: int) -> Cost:
    """Count the sparse engine, what it lays out among its bytes."""
    topology, ticks = task.topology, task.ticks
    run = 4 * ticks * batch * topology.edges  # the state, and the meeting of what was said and blamed
    times = range(ticks - 2, 0, -1)
    full = sum(many * (2 * products + entries) for many, (products, entries) in zip(times, found.hops, strict=True))
    read = sum(2 * products + 3 * entries for products, entries in found.last)
    states = ticks * batch * (topology.neurons + topology.free)
    factors = batch * min(sum(entries for _, entries in found.hops), pattern.PRODUCTS)
    layout = 8 * sum(products + entries for products, entries in (*found.hops, *found.last)) + 40 * topology.edges
    return Cost(int(run + batch * (full + read)), int(task.itemsize * (states + factors) + layout))


def _others(task: _Task, batch: int) -> dict[str, Cost]:
    n, f, ticks = task.topology.neurons, task.topology.free, task.ticks
    published = Cost(2 * ticks * batch * n**2 * (n**2 + n), 2 * task.itemsize * batch * n**3)
    backprop = Cost(3 * _run(task, batch), task.itemsize * batch * ticks * (n + f))
    return {"as published (N x N x N)": published, "backprop through the ticks": backprop}
