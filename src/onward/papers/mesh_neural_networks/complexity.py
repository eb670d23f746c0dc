"""The paper's open question: how backpropagation, computational graphs and forward-only propagation grow, derived and measured.

`docs/complexity.md` derives what a gradient takes as a product of powers of neurons, edges, ticks and batch. Here one of them
grows at a time; exponents are fitted to the operations that the plan counts, and to the time of steps that were run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from onward import graphs
from onward.experiments.exponents import FEWEST, Exponent, exponent, upper_half
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.papers.mesh_neural_networks.curves import Problem, Repeats, measure_curve
from onward.papers.mesh_neural_networks.gradients import Task, task
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, grid_of_axes
from onward.topology import Topology

INPUTS, OUTPUTS = 3, 4  # inputs with the bias
EDGES = 1500
HIDDEN, SMALL = 96, 32
TICKS, BATCH = 4, 4
WAYS = {
    "published": "as published (N x N x N)",
    "influence": "FOP, influence",
    "factored": "FOP, factored",
    "bptt": "BPTT",
}


def sparse_mesh(seed: int, *, hidden: int, edges: int) -> Topology:
    """A mesh of so many edges: all from inputs to outputs and from the bias, the others drawn among hidden neurons.

    Raises:
        ValueError: fewer edges than those, or more than there can be.
    """
    fixed = (INPUTS - 1) * OUTPUTS + hidden + OUTPUTS
    if not fixed <= edges <= fixed + hidden**2:
        raise ValueError(f"{hidden} hidden neurons take {fixed} to {fixed + hidden**2} edges here, got {edges}")
    density = {"input-output": 1.0, "hidden-hidden": (edges - fixed) / hidden**2}
    return graphs.random(INPUTS - 1, hidden, OUTPUTS, density, generator=torch.Generator().manual_seed(seed))


def full_mesh(seed: int, neurons: int) -> Task:
    """A full mesh of so many neurons."""
    return task(graphs.mesh(INPUTS - 1, neurons - INPUTS - OUTPUTS, OUTPUTS), ticks=TICKS, batch=BATCH, seed=seed)


def at_neurons(seed: int, neurons: int) -> Task:
    """A mesh of so many neurons whose edges are always as many."""
    mesh = sparse_mesh(seed, hidden=neurons - INPUTS - OUTPUTS, edges=EDGES)
    return task(mesh, ticks=TICKS, batch=BATCH, seed=seed)


def at_edges(seed: int, edges: int) -> Task:
    """A mesh of so many edges whose neurons are always as many."""
    return task(sparse_mesh(seed, hidden=HIDDEN, edges=edges), ticks=TICKS, batch=BATCH, seed=seed)


def at_ticks(seed: int, ticks: int) -> Task:
    """A small full mesh for so many ticks."""
    return task(graphs.mesh(INPUTS - 1, SMALL, OUTPUTS), ticks=ticks, batch=BATCH, seed=seed)


def at_batch(seed: int, batch: int) -> Task:
    """A small full mesh on so many examples."""
    return task(graphs.mesh(INPUTS - 1, SMALL, OUTPUTS), ticks=TICKS, batch=batch, seed=seed)


@dataclass(frozen=True)
class Growth:
    """What grows, and how the cost is derived to grow with it.

    Attributes:
        name: of the experiment.
        words: in reports.
        problem: makes the net and the batch at a place.
        places: in ascending order.
        operations: the derived exponent of operations, by way.
        bytes: the derived exponent of bytes, by way.
    """

    name: str
    words: str
    problem: Problem
    places: tuple[int, ...]
    operations: tuple[int, int, int, int]
    bytes: tuple[int, int, int, int]

    @property
    def experiment(self) -> Experiment:
        """What is run for it."""
        trial = partial(
            measure_curve,
            problem=self.problem,
            places=self.places,
            ways=tuple(WAYS),
            threads=1,
            repeats=Repeats(),
            most_flops=1.5e10,
            most_bytes=1e9,
            metered=False,
        )
        return Experiment(f"mnn/complexity/{self.name}", trial, seeds=1, together=1)


def geometric(first: int, last: int, steps: int) -> tuple[int, ...]:
    """Give whole numbers from the first to the last, each about the same multiple of the one before."""
    return tuple(round(first * (last / first) ** (k / (steps - 1))) for k in range(steps))


GROWTHS = (
    Growth("neurons-full", "neurons of a full mesh", full_mesh, geometric(12, 1536, 29), (4, 4, 3, 2), (3, 3, 2, 1)),
    Growth("neurons", "neurons, edges fixed", at_neurons, geometric(48, 1024, 19), (4, 2, 3, 2), (3, 1, 2, 1)),
    Growth("edges", "edges, neurons fixed", at_edges, geometric(128, 8192, 13), (0, 1, 0, 0), (0, 1, 0, 0)),
    Growth("ticks", "ticks", at_ticks, geometric(4, 1024, 17), (1, 1, 2, 1), (0, 0, 1, 1)),
    Growth("batch", "batch", at_batch, geometric(4, 4096, 21), (1, 1, 1, 1), (1, 1, 1, 1)),
)


def fitted(result: Result, way: str, what: str) -> Exponent | None:
    """Fit the exponent of what was measured or counted; None if too few places were run."""
    places = result.history[f"{way}_places"]
    if not places or len(upper_half(places)) < FEWEST:
        return None
    return exponent(places, result.history[f"{way}_{what}"])


def render(results: Results) -> list[Element]:
    """Show derived beside fitted exponents, what they say, and the times."""
    found = [(growth, results[growth.experiment.name][0]) for growth in GROWTHS if results[growth.experiment.name]]
    elements: list[Element] = [Text(_protocol())]
    if not found:
        return [*elements, Text("Nothing is run yet.")]
    return [
        *elements,
        Text("## Verdict"),
        *(Text(sentence) for sentence in verdict(found)),
        Text("## Exponents"),
        _table(found),
        Picture("Time of a gradient, one thread, against what grows.", _figure(found)),
    ]


def _protocol() -> str:
    return (
        'The paper asks, as future work, that "the scalability of each algorithm" (BP, computational graphs, FOP) be "evaluated in terms of computational complexity". '
        "The answer, derived in [complexity.md](../complexity.md): with N neurons, F of them free, E edges, O outputs, T ticks and B examples, one gradient takes of the order of "
        "`T B N⁴` operations as published, `T B E F²` by *influence*, `T² B F³` by *factored* (at up to three ticks no more than backpropagation), and `T B N F` by backpropagation through "
        "the computational graph; it holds `B N³`, `B E F`, `T B F²` and `T B N` numbers. Exponents are fitted by least squares in logarithms over the upper half of the range "
        f"that a gradient of at most 15 billion operations allows, each with the 95 % interval of its slope. {INPUTS} inputs with the bias, {OUTPUTS} outputs, {TICKS} ticks and batch {BATCH} where "
        f"they do not grow themselves; {EDGES} edges or {HIDDEN} hidden neurons where those are held, {SMALL} hidden neurons against ticks and batch; float32, one thread. Every gradient is compared "
        "with that of backpropagation in float64 before it is timed."
    )


def _table(found: Sequence[tuple[Growth, Result]]) -> Table:
    rows = []
    for growth, result in found:
        for k, (way, words) in enumerate(WAYS.items()):
            flops, seconds, carried = (fitted(result, way, what) for what in ("flops", "seconds", "carried"))
            over = "" if seconds is None else f"{seconds.low:,.0f} to {seconds.high:,.0f} ({seconds.n})"
            cells = [
                f"{growth.operations[k]}", _cell(flops), _cell(seconds), f"{growth.bytes[k]}", _cell(carried), over,
            ]  # fmt: skip
            rows.append([growth.words, words, *cells])
    header = [
        "what grows", "way", "operations, derived", "operations, counted", "time, measured", "bytes, derived",
        "bytes, counted", "fitted over (places)",
    ]  # fmt: skip
    return Table("Exponents: derived, and fitted ± 95 %.", header, rows)


def _cell(found: Exponent | None) -> str:
    return "too few places" if found is None else str(found)


def verdict(found: Sequence[tuple[Growth, Result]], within: float = 0.15) -> list[str]:
    """Judge counted operations by a tolerance, as lower terms bend them, and times by their intervals."""
    off: list[str] = []
    times: dict[str, list[str]] = {"as derived": [], "slower than derived": [], "**faster than derived**": []}
    for growth, result in found:
        for k, (way, words) in enumerate(WAYS.items()):
            flops, seconds = fitted(result, way, "flops"), fitted(result, way, "seconds")
            derived, named = growth.operations[k], f"{words} in {growth.words}"
            if flops is not None and abs(flops.value - derived) > within:
                off.append(f"{named} ({flops.value:.2f} for {derived})")
            if seconds is not None:
                kind = _kind(seconds, derived)
                times[kind].append(f"{named} ({seconds} for {derived})" if kind != "as derived" else named)
    counted = (
        f"differ by more than {within:g} for {'; '.join(off)}"
        if off
        else f"agree with the derivation within {within:g} everywhere"
    )
    sentences = [f"*Operations*: the exponents of what the plan counts {counted}."]
    sentences += [
        f"*Time* grows {kind}, by the interval of its exponent: {'; '.join(names)}."
        for kind, names in times.items()
        if names
    ]
    return [*sentences, _answer(found)]


def _kind(seconds: Exponent, derived: int) -> str:
    if seconds.holds(derived):
        return "as derived"
    return "slower than derived" if seconds.value < derived else "**faster than derived**"


def _answer(found: Sequence[tuple[Growth, Result]]) -> str:
    """Name the cheapest way at the last place that all were run at."""
    parts = []
    for growth, result in found:
        seconds = {
            way: dict(zip(result.history[f"{way}_places"], result.history[f"{way}_seconds"], strict=True)) for way in WAYS
        }
        common = set.intersection(*(set(each) for each in seconds.values()))
        if common:
            place = max(common)
            base = seconds["bptt"][place]
            times = ", ".join(f"{WAYS[way]} {seconds[way][place] / base:.3g}" for way in WAYS if way != "bptt")
            parts.append(f"{growth.words} {place:,}: {times}")
    return f"*Times as long as BPTT*, at the last place that all were run at: {'; '.join(parts) or 'there is none'}."


def _figure(found: Sequence[tuple[Growth, Result]]) -> Figure:
    axes = [axis for line in grid_of_axes(-(-len(found) // 2), 2, (5.2, 3.9)) for axis in line]
    for axis, (growth, result) in zip(axes, found, strict=False):
        series = {
            words: (result.history[f"{way}_places"], [result.history[f"{way}_seconds"]])
            for way, words in WAYS.items()
            if result.history[f"{way}_places"]
        }
        figures.draw_curves(series, x=growth.words, y="seconds a gradient", axes=axis, log=True)
        axis.set_xscale("log")
    for axis in axes[len(found) :]:
        axis.set_visible(False)
    return figure_of(axes[0])


ARTEFACT = Artefact(
    "complexity",
    "Complexity: backpropagation, computational graphs and forward-only propagation",
    "Mesh Neural Networks, section 5 (its future work)",
    tuple(growth.experiment for growth in GROWTHS),
    render,
)
