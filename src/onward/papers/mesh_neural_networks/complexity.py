"""The paper's open question: how backpropagation, computational graphs and forward-only propagation grow, derived, counted and measured.

`docs/complexity.md` derives what a gradient takes as a product of powers of neurons, edges, ticks and batch. Here one of them
grows at a time; what the steps that are run multiply is counted and compared with the derivation, and exponents are fitted to it and to the times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from onward import graphs
from onward.experiments.exponents import Exponent, upper_half
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.papers.mesh_neural_networks.complexity_verdicts import FEWEST_PLACES, TOO_WIDE, WITHIN, Curve, fitted, verdict
from onward.papers.mesh_neural_networks.curves import Problem, Repeats, measure_curve
from onward.papers.mesh_neural_networks.gradient_tasks import Task, task
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, grid_of_axes, one_legend
from onward.topology import Topology

INPUTS, OUTPUTS = 3, 4  # inputs with the bias
EDGES = 2200
HIDDEN, SMALL = 96, 32
TICKS, BATCH = 4, 4
MOST_FLOPS, MOST_BYTES = 1e10, 1e9  # of one gradient
WAYS = {
    "published": "as published (N x N x N)",
    "influence": "FOP, influence",
    "factored": "FOP, factored",
    "sparse": "FOP, sparse",
    "by_hand": "backpropagation by hand",
    "bptt": "computational graph (autograd)",
}


def sparse_mesh(seed: int, *, hidden: int, edges: int) -> Topology:
    """A mesh of so many edges: all from inputs to outputs and from the bias, one from each hidden neuron to an output, so that
    no edge is dead, the others drawn among hidden neurons.

    Raises:
        ValueError: fewer edges than those, or more than there can be.
    """
    fixed = (INPUTS - 1) * OUTPUTS + hidden + OUTPUTS + hidden
    if not fixed <= edges <= fixed + hidden**2:
        raise ValueError(f"{hidden} hidden neurons take {fixed} to {fixed + hidden**2} edges here, got {edges}")
    density = {"input-output": 1.0, "hidden-hidden": (edges - fixed) / hidden**2}
    drawn = graphs.random(INPUTS - 1, hidden, OUTPUTS, density, generator=torch.Generator().manual_seed(seed))
    every = np.arange(hidden)
    source = np.concatenate([drawn.source, INPUTS + every])
    target = np.concatenate([drawn.target, INPUTS + hidden + every % OUTPUTS])
    return replace(drawn, source=source, target=target)


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


Derived = tuple[int | None, ...]  # an exponent a way, in their order; None where the derivation is no single power


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
    operations: Derived
    bytes: Derived

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
            most_flops=MOST_FLOPS,
            most_bytes=MOST_BYTES,
            counting=True,
        )
        return Experiment(f"mnn/complexity/{self.name}", trial, seeds=1, together=1)


def geometric(first: int, last: int, steps: int) -> tuple[int, ...]:
    """Give whole numbers from the first to the last, each about the same multiple of the one before."""
    return tuple(round(first * (last / first) ** (k / (steps - 1))) for k in range(steps))


# The sparse engine takes a product for each walk of two edges, `E² / F`, beside some for each edge: one power on a full mesh alone.
GROWTHS = (
    Growth(
        "neurons-full", "neurons of a full mesh", full_mesh, geometric(12, 1536, 29), (4, 4, 3, 3, 2, 2), (3, 3, 2, 3, 1, 1)
    ),
    Growth(
        "neurons", "neurons, edges fixed", at_neurons, geometric(56, 1024, 19), (4, 2, 3, None, 2, 2), (3, 1, 2, None, 1, 1)
    ),
    Growth(
        "edges", "edges, neurons fixed", at_edges, geometric(256, 8192, 13), (0, 1, 0, None, 0, 0), (0, 1, 0, None, 0, 0)
    ),
    Growth("ticks", "ticks", at_ticks, geometric(4, 1024, 17), (1, 1, 2, 2, 1, 1), (0, 0, 1, 1, 1, 1)),
    Growth("batch", "batch", at_batch, geometric(4, 4096, 21), (1, 1, 1, 1, 1, 1), (1, 1, 1, 1, 1, 1)),
)


def render(results: Results) -> list[Element]:
    """Show derived beside fitted exponents, what they say, and the times."""
    found = [(growth, results[growth.experiment.name][0]) for growth in GROWTHS if results[growth.experiment.name]]
    elements: list[Element] = [Text(_protocol())]
    if not found:
        return [*elements, Text("Nothing is run yet.")]
    return [
        *elements,
        Text("## Verdict"),
        *(Text(sentence) for sentence in verdict([curve for one in found for curve in curves(*one)], base="bptt")),
        Text("## Exponents"),
        _table(found),
        Picture(
            "Time of a gradient, one thread, against what grows; dotted the derived power of its operations, over the places that are fitted.",
            _figure(found),
        ),
    ]


def curves(growth: Growth, result: Result) -> list[Curve]:
    """Give what was found of a growth, a way after the other."""
    return [
        Curve(growth.words, way, words, exponents, result.history)
        for (way, words), exponents in zip(WAYS.items(), growth.operations, strict=True)
    ]


def _protocol() -> str:
    return (
        'The paper asks, as future work, that "the scalability of each algorithm" (BP, computational graphs, FOP) be "evaluated in terms of computational complexity". '
        "The answer, derived in [complexity.md](../complexity.md): with N neurons, F of them free, E edges, O outputs, T ticks and B examples, one gradient takes of the order of "
        "`T B N⁴` operations as published, `T B E F²` by *influence*, `T² B F³` by *factored* (at up to three ticks exactly as many as backpropagation), by *sparse* one for each walk along edges (walks that meet go on as one; `T² B F³` where every neuron "
        "feeds every other), and `T B N F` by backpropagation, whether its sweep back is written by hand or found in the computational graph that autograd records; it holds `B N³`, `B E F`, `T B F²`, what it walks, and `T B N` numbers. *Counted* are the products of matrices as the steps run them, and they are compared "
        "one by one with the derivation that has all its lower terms. Exponents are fitted by least squares in logarithms over the upper half of the range "
        f"that a gradient of at most {MOST_FLOPS / 1e9:g} billion operations allows (those of *sparse*, which take longer, count more), each with the 95 % interval of its slope; what agrees within {WITHIN:g} is said to grow as derived, as lower terms, and in time calls that cost the same at any size, bend all but a leading one; an interval of ± {TOO_WIDE:g} or more, or fewer than {FEWEST_PLACES} places, tells nothing. "
        f"{INPUTS} inputs with the bias, {OUTPUTS} outputs, {TICKS} ticks and batch {BATCH} where they do not grow themselves; {EDGES} edges or {HIDDEN} hidden neurons where those are held, none of the edges dead, {SMALL} hidden neurons against ticks and batch; "
        "float32, one thread. Every gradient is compared with that of backpropagation in float64 before it is timed."
    )


def _table(found: Sequence[tuple[Growth, Result]]) -> Table:
    rows = []
    for growth, result in found:
        for k, (way, words) in enumerate(WAYS.items()):
            products, seconds, carried = (fitted(result.history, way, what) for what in ("products", "seconds", "carried"))
            over = "" if seconds is None else f"{seconds.low:,.0f} to {seconds.high:,.0f} ({seconds.n})"
            cells = [
                _power(growth.operations[k]), _cell(products), _cell(seconds), _power(growth.bytes[k]), _cell(carried), over,
            ]  # fmt: skip
            rows.append([growth.words, words, *cells])
    header = [
        "what grows", "way", "operations, derived", "operations, counted", "time, measured", "bytes, derived",
        "bytes, counted", "fitted over (places)",
    ]  # fmt: skip
    return Table("Exponents: derived, and fitted ± 95 %.", header, rows)


def _power(derived: int | None) -> str:
    return "no single power" if derived is None else f"{derived}"


def _cell(found: Exponent | None) -> str:
    return "too few places" if found is None else str(found)


def _figure(found: Sequence[tuple[Growth, Result]]) -> Figure:
    axes = [axis for line in grid_of_axes(-(-len(found) // 2), 2, (5.2, 3.9)) for axis in line]
    for axis, (growth, result) in zip(axes, found, strict=False):
        series = {
            words: (result.history[f"{way}_places"], [result.history[f"{way}_seconds"]])
            for way, words in WAYS.items()
            if result.history[f"{way}_places"]
        }
        figures.draw_curves(series, x=growth.words, y="seconds a gradient", axes=axis, log=True)
        figures.draw_powers(axis, _derived(growth, result))
        axis.set_xscale("log")
        shown = [growth.places[k] for k in (0, len(growth.places) // 2, -1)]
        axis.set_xticks(shown, [f"{place:,}" for place in shown])
        axis.xaxis.set_minor_formatter("")
    for axis in axes[len(found) :]:
        axis.set_visible(False)
    return one_legend(axes[: len(found)])


def _derived(growth: Growth, result: Result) -> dict[str, figures.Power]:
    """Give the derived power of every way through its last time, over the places that its exponent is fitted to."""
    powers = {}
    for (way, words), derived in zip(WAYS.items(), growth.operations, strict=True):
        places, seconds = (result.history[f"{way}_{what}"] for what in ("places", "seconds"))
        if derived is not None and fitted(result.history, way, "seconds") is not None:
            powers[words] = figures.Power([places[k] for k in upper_half(places)], seconds[-1], derived)
    return powers


ARTEFACT = Artefact(
    "complexity",
    "Complexity: backpropagation, computational graphs and forward-only propagation",
    "Mesh Neural Networks, section 5 (its future work)",
    tuple(growth.experiment for growth in GROWTHS),
    render,
)
