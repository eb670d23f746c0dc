"""What each engine would cost on a topology, counted, and which one to take.

FLOPs count a multiply-add as two. Bytes are what is carried between ticks, old and new side by side, at its largest;
the state itself is left out. Letters: T ticks, B examples, N neurons, E edges, F free neurons, O outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

from onward.kernels import pattern
from onward.kernels.dynamics import wiring_of
from onward.kernels.sparse_weights import mostly_zeros
from onward.topology import Topology

# The sparse engine against dense products: a FLOP of it takes so many times as long, and its many small operations as long as so many.
SLOWER, STARTING = 16, 10**8


@dataclass(frozen=True)
class Cost:
    """Counted cost of one gradient: floating-point operations, and bytes carried."""

    flops: int
    bytes: int


@dataclass(frozen=True)
class Plan:
    """The cost of a gradient under each engine, under two formulations that are there for comparison, and the choice.

    Attributes:
        engine: the engine with the fewest FLOPs; those of the sparse one count `SLOWER` times, and it starts with `STARTING`.
        costs: per engine.
        others: the published formulation (one N x N x N tensor an example), and backpropagation through the ticks.
        exact: whether the sparse engine was counted on all neurons, or on some that stand for all.
    """

    engine: str
    costs: dict[str, Cost]
    others: dict[str, Cost]
    exact: bool = True


def plan(topology: Topology, ticks: int, batch: int, *, itemsize: int = 4) -> Plan:
    """Count the cost of one gradient at the last tick, and choose the engine.

    Args:
        topology: the graph.
        ticks: number of updates.
        batch: number of examples.
        itemsize: bytes a number: 4 for float32, 8 for float64.
    """
    if ticks < 1 or batch < 1:
        raise ValueError(f"a plan needs at least 1 tick and 1 example, got {ticks} and {batch}")
    n, e, f, o = topology.neurons, topology.edges, topology.free, topology.outputs
    run = 2 * ticks * batch * n * f
    full, final = max(ticks - 2, 0), min(ticks - 1, 1)

    moves = 2 * batch * e * f * (full * f + final * o)
    touches = 3 * batch * e * ((ticks - 1) * f + o)
    contraction = 2 * batch * e * o
    influence = Cost(run + moves + touches + contraction, 2 * itemsize * batch * e * (f if ticks > 1 else o))

    products = sum(range(full)) * 2 * batch * f**3 + max(ticks - 2, 0) * 2 * batch * f * f * o
    scalings = sum(range(1, full + 1)) * 2 * batch * f * f + final * (ticks - 1) * 2 * batch * f * o
    meeting = 2 * ticks * batch * (n * f + f * o)
    old, new = max(full - 1, 0) * f * f, full * f * f  # spread factors before and after the last full tick
    held = max(old + new, new + (ticks - 1) * f * o)
    factored = Cost(run + products + scalings + meeting, itemsize * batch * (held + ticks * n + f))

    published = Cost(2 * ticks * batch * n**2 * (n**2 + n), 2 * itemsize * batch * n**3)
    swept = 3 * 2 * ticks * batch * (e if mostly_zeros(topology) else n * f)
    backprop = Cost(swept, itemsize * batch * ticks * (n + f))
    found = pattern.count(wiring_of(topology), ticks)
    sparse = _sparse(topology, found, ticks, batch, itemsize)
    costs = {"influence": influence, "factored": factored, "sparse": sparse}
    chosen = min(costs, key=lambda name: STARTING + SLOWER * costs[name].flops if name == "sparse" else costs[name].flops)
    others = {"as published (N x N x N)": published, "backprop through the ticks": backprop}
    return Plan(chosen, costs, others, found.exact)


def _sparse(topology: Topology, found: pattern.Count, ticks: int, batch: int, itemsize: int) -> Cost:
    """Count the sparse engine, what it lays out among its bytes."""
    run = 4 * ticks * batch * topology.edges  # the state, and the meeting of what was said and blamed
    times = range(ticks - 2, 0, -1)
    full = sum(many * (2 * products + entries) for many, (products, entries) in zip(times, found.hops, strict=True))
    read = sum(2 * products + 3 * entries for products, entries in found.last)
    states = ticks * batch * (topology.neurons + topology.free)
    factors = batch * min(sum(entries for _, entries in found.hops), pattern.PRODUCTS)
    layout = 8 * sum(products + entries for products, entries in (*found.hops, *found.last)) + 40 * topology.edges
    return Cost(int(run + batch * (full + read)), int(itemsize * (states + factors) + layout))
