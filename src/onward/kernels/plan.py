"""Which engine to take for a gradient, how it is cut to fit a budget of bytes, and why.

Counted beforehand (`costs`). Bytes are those of the parts that are carried at the same time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import torch

from onward import given
from onward.kernels import costs, pattern
from onward.kernels.costs import Cost as Cost
from onward.kernels.costs import Standing as Standing
from onward.kernels.costs import Task
from onward.kernels.dynamics import wiring_of
from onward.kernels.parts import Parts
from onward.naming import suggest
from onward.topology import Topology

# In FLOPs of dense products, by the time that they take (`docs/log.md`, 2026-11-22): a FLOP of the sparse engine, its start, and each entry of a matrix that
# dense engines lay out.
SLOWER, STARTING, ENTRY = 16, 10**7, 200
FAR = 10  # times as much work, from which on a budget that leaves no better engine is worth a word
UNITS = ("", "k", "M", "G", "T", "P", "E", "Z", "Y", "R", "Q")


@dataclass(frozen=True)
class Plan:
    """The cost of a gradient under each engine, and which one to take; `print` says it with its reason.

    Attributes:
        engine: name of the choice: of the engines that fit the budget the one of least `work`, or the one that was asked for.
        costs: per engine, of the whole gradient cut as `parts` says: FLOPs in all, and bytes that are carried at a time by all threads together.
        others: the same of what is there for comparison, not cut: the published formulation (one N x N x N tensor an example), and
            backpropagation through the ticks.
        parts: per engine, how it is cut: examples and edges at a time, and threads. One that does not fit the budget in any parts is not there.
        standing: per engine, bytes that are there beside what is carried, which the budget leaves out.
        ticks: updates of the gradient.
        batch: examples of the gradient.
        edges: that the influence engine carries.
        budget: bytes that may be carried at a time; None for as many as it takes.
        asked: whether the engine was asked for, not chosen.
        exact: whether the sparse engine was counted on all neurons, or on some that stand for all.
        entries: of the matrices of all pairs of neurons that dense engines lay out, one a net.
        nets: that are side by side.
    """

    engine: str
    costs: dict[str, Cost]
    others: dict[str, Cost]
    parts: dict[str, Parts]
    standing: dict[str, Standing]
    ticks: int
    batch: int
    edges: int
    budget: int | None = None
    asked: bool = False
    exact: bool = True
    entries: int = 0
    nets: int = 1

    @property
    def needed(self) -> int:
        """Bytes that the engine of choice takes in all, about: what is carried at a time, and what stands beside it."""
        return self.costs[self.engine].bytes + self.standing[self.engine].total

    def work(self, engine: str) -> int:
        """Give what engines are compared by, in FLOPs of dense products."""
        return _work(engine, self.costs[engine], self.entries, self.nets)

    @property
    def advice(self) -> str | None:
        """What to do about a budget that leaves out an engine of far less work, in a sentence; None where there is nothing to say."""
        best = min(self.costs, key=self.work)
        times = self.work(self.engine) / max(1, self.work(best))
        if best in self.parts or self.budget is None or self.asked or times < FAR:
            return None
        return (
            f"a budget of {self.budget:,} bytes takes {self.engine}, at {_times(times)} times the work of {best}, which one of {self.costs[best].bytes:,} bytes would take "
            f"(beside them stand {si(self.standing[best].total)}B, beside {self.engine} {si(self.standing[self.engine].total)}B)"
        )

    @property
    def why(self) -> str:
        """The reason for the choice, in words: how many times as much work the other engines take, and which do not fit."""
        rivals = sorted((name for name in self.parts if name != self.engine), key=self.work)
        unfit = [name for name in self.costs if name not in self.parts]
        least = "the least work" if rivals else "the only one that fits"
        said = ["asked for" if self.asked else least]
        own = max(1, self.work(self.engine))
        said += [f"{name} takes {_times(self.work(name) / own)} times as much" for name in rivals]
        if unfit and self.budget is not None:
            said.append(f"{' and '.join(unfit)} cannot be cut to fit {si(self.budget)}B")
        if "sparse" in self.parts and len(self.parts) > 1:
            said.append(
                f"a FLOP of sparse counts {SLOWER} times, its start {si(STARTING)}FLOP, and an entry of a dense matrix {ENTRY}"
            )
        return "; ".join(said)

    def cut(self, engine: str) -> str:
        """Say how an engine that fits the budget is cut: `7 of 32 examples at a time, on 2 threads`; nothing if it is not."""
        parts, words = self.parts[engine], []
        if parts.examples < self.batch:
            words.append(f"{parts.examples} of {self.batch} examples at a time")
        if engine == "influence" and parts.edges < self.edges:
            words.append(f"{parts.edges} of {self.edges} edges at a time")
        if parts.threads > 1:
            words.append(f"on {parts.threads} threads")
        return ", ".join(words)

    def __str__(self) -> str:
        cost, there = self.costs[self.engine], self.standing[self.engine]
        ticks, examples = (
            f"{n} {word}{'' if n == 1 else 's'}" for n, word in ((self.ticks, "tick"), (self.batch, "example"))
        )
        return (
            f"Plan of a gradient of {examples} in {ticks}: {self.engine}, {si(cost.flops)}FLOP\n"
            f"why: {self.why}\n"
            f"carried at a time: {si(cost.bytes)}B, {self.cut(self.engine) or 'not cut'}\n"
            f"beside it: {si(there.total)}B (graph {si(there.graph)}B, weights {si(there.weights)}B, working memory {si(there.working)}B)"
            + (f"\nbut: {self.advice}" if self.advice else "")
        )


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
    static: bool = False,
    every_tick: bool = False,
    nets: int = 1,
) -> Plan:
    """Count the cost of one gradient, and choose the engine.

    Args:
        topology: the graph.
        ticks: number of updates.
        batch: number of examples.
        itemsize: bytes a number: 4 for float32, 8 for float64.
        live: edges whose gradient can differ from zero, which are those that the influence engine carries; left out, all.
        budget: bytes that may be carried at a time, by all threads together; left out, as many as it takes.
        threads: parts that are carried at the same time. With neither this nor a budget the engine "sparse" works on as many chunks of the graph at the same
            time as PyTorch has threads.
        engine: the one to take, if it is not to be chosen.
        static: whether inputs are the same at all ticks; dense engines multiply them once then.
        every_tick: whether the loss reads the outputs at every tick, not the last alone.
        nets: of this graph that are run side by side.

    Raises:
        TypeError: something else than a topology.
        ValueError: counts that are no whole numbers of at least 1, or more live edges than there are; an unknown engine; a budget that holds no part of any engine, or of the given one.
    """
    if not isinstance(topology, Topology):
        raise TypeError(f"a plan is made for a Topology, as the functions of onward.graphs give one, got {topology!r}")
    ticks, batch, threads = given.whole("ticks", ticks), given.whole("batch", batch), given.whole("threads", threads)
    itemsize, nets = given.whole("itemsize", itemsize), given.whole("nets", nets)
    live = topology.edges if live is None else given.whole("live", live, 0)
    if live > topology.edges:
        raise ValueError(f"no more edges can be live than there are, {topology.edges}, got {live}")
    budget = given.bytes_or_none("a budget", budget)
    at_once = torch.get_num_threads() if budget is None and threads == 1 else 1
    task = Task(topology, ticks, itemsize, live, static, at_once, every_tick)
    found = pattern.count(wiring_of(topology), ticks)
    ways: dict[str, Callable[[int, int], Cost]] = {
        "influence": lambda examples, edges: costs.influence(task, examples, edges).times(nets),
        "factored": lambda examples, edges: costs.factored(task, examples).times(nets),
        "sparse": lambda examples, edges: costs.sparse(task, found, examples).times(nets),
    }
    if engine is not None and engine not in ways:
        raise ValueError(f"unknown engine {engine!r}, expected one of {', '.join(ways)}{suggest(engine, ways)}")
    counted, parts = {}, {}
    for name, cost in ways.items():
        edges, cuttable = (max(1, task.live), True) if name == "influence" else (topology.edges, False)
        cut = _cut(cost, batch, edges, cuttable, budget, threads)
        if cut is not None:
            parts[name] = cut
        again = nets * costs.run(task, batch)
        counted[name] = _total(cost, batch, edges, cut or Parts(1, 1 if cuttable else edges, threads), again)
    allowed = [name for name in parts if engine in (None, name)]
    if not allowed:
        wanted = counted if engine is None else {engine: counted[engine]}
        least = min(wanted, key=lambda name: wanted[name].bytes)
        raise ValueError(
            f"a budget of {budget} bytes holds no part of the gradient; the engine {least!r} takes at least {wanted[least].bytes}"
        )
    standing = {}
    for name in ways:
        at_a_time = parts[name].examples * threads if name in parts else 1
        standing[name] = costs.standing(task, name, batch, min(batch, at_a_time), found, nets)
    entries = nets * topology.neurons * topology.free
    chosen = min(allowed, key=lambda name: _work(name, counted[name], entries, nets))
    others = {name: cost.times(nets) for name, cost in costs.others(task, batch).items()}
    return Plan(
        chosen, counted, others, parts, standing, ticks, batch, live, budget, engine is not None, found.exact, entries, nets
    )


def _work(engine: str, cost: Cost, entries: int, nets: int) -> int:
    return STARTING * nets + SLOWER * cost.flops if engine == "sparse" else ENTRY * entries + cost.flops


def si(count: int) -> str:
    """Write a count to three digits, with the prefix of a unit to follow: `3.11 M`."""
    power = min((len(str(count)) - 1) // 3, len(UNITS) - 1)
    shown = f"{count / 1000**power:.3g}"
    return f"1 {UNITS[power + 1]}" if shown == "1e+03" and power + 1 < len(UNITS) else f"{shown} {UNITS[power]}"


def _times(factor: float) -> str:
    return f"{factor:.2g}" if factor < 10 else si(round(factor)).strip()


def _cut(
    cost: Callable[[int, int], Cost], batch: int, edges: int, cuttable: bool, budget: int | None, threads: int
) -> Parts | None:
    """Find the largest parts that fit and give every thread one: all edges of some examples, or some edges of one; None if none fits."""
    every, by_edges = edges, cuttable and batch < threads
    examples, edges = (batch, ceil(edges / threads)) if by_edges else (ceil(batch / threads), edges)

    def fits(examples: int, edges: int) -> bool:
        at_a_time = min(threads, ceil(batch / examples) * ceil(every / edges))
        return budget is None or at_a_time * cost(examples, edges).bytes <= budget

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


def _total(cost: Callable[[int, int], Cost], batch: int, edges: int, parts: Parts, again: int) -> Cost:
    """Sum the cost over all parts: the state is run once more for the derivative of the loss, and `again` for every part of the edges."""
    runs = ceil(edges / parts.edges)
    rerun = 0 if parts.examples >= batch and runs == 1 else runs * again
    at_a_time = min(parts.threads, runs * ceil(batch / parts.examples))
    here = cost(min(parts.examples, batch), min(parts.edges, edges))
    return Cost(cost(batch, edges).flops + rerun, at_a_time * here.bytes)
