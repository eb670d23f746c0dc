"""Speed: one gradient forward-only beside the published formulation, automatic differentiation of both modes, and BPTT.

The nets are those of the paper, the MNIST net also unpruned and larger. Beside every time stands what was counted: floating-point
operations and bytes. Where forward-only propagation loses is shown as it is found, with the curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from onward import graphs
from onward.experiments.medians import middle
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.turns import Turns
from onward.papers.mesh_neural_networks.curves import Repeats, measure_curve
from onward.papers.mesh_neural_networks.gradients import OURS, Task, task
from onward.papers.mesh_neural_networks.speed_trials import Graph, measure_gradients
from onward.papers.mesh_neural_networks.speed_verdicts import (
    against,
    chosen,
    eager,
    memory_verdict,
    verdicts,
    where_slower,
)
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes
from onward.topology import Topology

FEATURES, CLASSES = 32, 10  # of the MNIST net, whose features an autoencoder makes
WAYS = {
    "influence": "FOP, influence",
    "factored": "FOP, factored",
    "sparse": "FOP, sparse",
    "compiled": "FOP, kernels compiled",
    "bptt": "BPTT, eager",
    "backprop": "BPTT, eager (`Backprop`)",
    "bptt_compiled": "BPTT, compiled",
    "jacrev": "`jacrev`",
    "jacfwd": "`jacfwd`",
    "numpy_single": "naive NumPy, float32",
    "numpy": "naive NumPy",
}
MOST_FLOPS, MOST_BYTES = 2.5e12, 6e9  # of one gradient
FAST, SLOW = Turns(12), Turns(6)
THREADS = 1


def full(seed: int, *, features: int, hidden: int, outputs: int) -> Topology:
    """The full mesh, which is the same for every seed."""
    return graphs.mesh(features, hidden, outputs)


def pruned(seed: int, *, hidden: int, density: float) -> Topology:
    """The MNIST net with some number of hidden neurons, of whose edges a part is left."""
    return graphs.random(FEATURES, hidden, CLASSES, density, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Case:
    """A net and a batch.

    Attributes:
        name: of the experiment.
        title: in reports.
        graph: makes the net.
        ticks: updates.
        batch: examples.
        turns: how many, and how long.
        of_paper: whether it is a net of the paper, for which there is a goal.
    """

    name: str
    title: str
    graph: Graph
    ticks: int
    batch: int
    turns: Turns = FAST
    of_paper: bool = False

    @property
    def experiment(self) -> Experiment:
        """What is run for it."""
        trial = partial(
            measure_gradients,
            graph=self.graph,
            ticks=self.ticks,
            batch=self.batch,
            ways=tuple(WAYS),
            threads=THREADS,
            turns=self.turns,
            most_flops=MOST_FLOPS,
            most_bytes=MOST_BYTES,
        )
        return Experiment(f"mnn/speed/{self.name}-{THREADS}t", trial, seeds=1, together=1)


MNIST = Case("mnist", "MNIST net", partial(pruned, hidden=50, density=0.15), 3, 32, of_paper=True)
CASES = (
    Case("2-d", "2-D problems", partial(full, features=2, hidden=5, outputs=2), 3, 10, of_paper=True),
    Case("iris", "Iris", partial(full, features=4, hidden=10, outputs=3), 3, 10, of_paper=True),
    MNIST,
    Case("mnist-unpruned", "MNIST net, unpruned", partial(pruned, hidden=50, density=1.0), 3, 32),
    Case("mnist-200", "MNIST net, 200 hidden", partial(pruned, hidden=200, density=0.15), 3, 32, SLOW),
    Case("mnist-1000-03", "MNIST net, 1000 hidden", partial(pruned, hidden=1000, density=0.15), 3, 32, SLOW),
    Case("mnist-1000-10", "MNIST net, 1000 hidden, 10 ticks", partial(pruned, hidden=1000, density=0.15), 10, 32, SLOW),
)


def at_ticks(seed: int, ticks: int) -> Task:
    """The Iris net for some number of ticks."""
    return task(full(seed, features=4, hidden=10, outputs=3), ticks=ticks, batch=10, seed=seed)


def at_hidden(seed: int, hidden: int) -> Task:
    """The MNIST net with some number of hidden neurons."""
    return task(pruned(seed, hidden=hidden, density=0.15), ticks=3, batch=32, seed=seed)


CURVED = ("influence", "factored", "bptt")
_curve = partial(
    measure_curve, ways=CURVED, threads=THREADS, repeats=Repeats(rounds=9), most_bytes=MOST_BYTES, metered=True
)
TICKS = Experiment(
    f"mnn/speed/ticks-{THREADS}t",
    partial(_curve, problem=at_ticks, places=(1, 2, 3, 5, 10, 30, 100, 300, 1000, 3000, 10_000), most_flops=1.5e10),
    seeds=1,
    together=1,
)
HIDDEN = Experiment(
    f"mnn/speed/hidden-{THREADS}t",
    partial(_curve, problem=at_hidden, places=(10, 18, 32, 56, 100, 178, 316, 562, 1000), most_flops=3e11),
    seeds=1,
    together=1,
)
CURVES = {"ticks": (TICKS, "Iris, a full mesh of 18 neurons, batch 10"),
          "hidden neurons": (HIDDEN, "MNIST net, 85 % pruned, 3 ticks, batch 32")}  # fmt: skip


def render(results: Results) -> list[Element]:
    """Show a table for every net, what it says of the goals, and the curves."""
    found = [(case, results[case.experiment.name][0]) for case in CASES if results[case.experiment.name]]
    curves = {x: (results[one.name][0], title) for x, (one, title) in CURVES.items() if results[one.name]}
    elements: list[Element] = [Text(_protocol([one for _, one in found]))] if found else [Text("The nets are not run yet.")]
    sentences = verdicts([(case.title, case.of_paper, one) for case, one in found], mnist=MNIST.title)
    if "ticks" in curves:
        sentences.append(memory_verdict(curves["ticks"][0]))
    if sentences:
        elements += [Text("## Verdicts"), *(Text(sentence) for sentence in sentences)]
    if found:
        elements += [Text("## One gradient"), *(_table(case, one) for case, one in found)]
    for x, (result, title) in curves.items():
        elements += [
            Text(f"## Against {x}"),
            Text(f"{title}. {' '.join(where_slower(result, way, WAYS[way], x) for way in CURVED if way in OURS)}"),
            Picture(f"Time of a gradient and bytes held, against {x}.", _figure(result, x)),
        ]
    return elements


def _protocol(found: Sequence[Result]) -> str:
    made = found[0].environment
    rounds = " or ".join(str(turns.rounds) for turns in (FAST, SLOW))
    return (
        f"One gradient of one batch with respect to every edge, ReLU everywhere, float32 (but NumPy's own float64), {THREADS} thread, on "
        f"{made['processor']}, torch {made['torch']}. All ways of a net take {rounds} turns of at least {FAST.steps} steps in one process (fewer where "
        f"those take more than {FAST.longest:g} seconds); a time is the median over the turns, a ratio that of turns that stood side by side, each "
        "with the interval that holds the median with 95 %. Every gradient is compared with that of backpropagation in float64 before it is timed. "
        "*BPTT* is automatic differentiation through the ticks, written by hand for this net and, as `Backprop`, as the library has it for any; ratios are to the "
        "quicker. The Jacobians of `torch.func` are of all outputs with respect to the edges, over examples by `vmap`. *Naive NumPy* is the paper's formulation "
        "as its authors program it, one N x N x N tensor an example. Operations are those of `onward.plan`, of automatic differentiation the products that were run; bytes are all tensors that "
        "are alive at the worst moment of a step, beyond weights, graph and batch."
    )


def _table(case: Case, result: Result) -> Table:
    history, metrics = result.history, result.metrics
    rival, ours = eager(result), chosen(result)
    rows = []
    for way, words in WAYS.items():
        mark = " (chosen)" if way == ours else ""
        if way in history:
            times = middle([1e6 * one for one in history[way]])
            held = f"{metrics[f'{way}_bytes'] / 1e6:.3g}" if f"{way}_bytes" in metrics else ""
            counts = [f"{metrics[f'{way}_flops'] / 1e6:,.3g}", held, f"{metrics[f'{way}_steps'] * times.n:,}"]
            ratios = [
                "" if way == base else f"{against(result, way, base)}" if base in history else "" for base in (rival, ours)
            ]
            rows.append([words + mark, _microseconds(history[way]), *ratios, *counts])
        elif f"{way}_needs_bytes" in metrics:
            needs = f"{metrics[f'{way}_needs_flops'] / 1e6:,.3g}", f"{metrics[f'{way}_needs_bytes'] / 1e6:,.3g}"
            rows.append([words + mark, "left out", "", "", *needs, "0"])
    size = f"{case.title}: {metrics['neurons']} neurons, {metrics['edges']} edges, {case.ticks} ticks, batch {case.batch}."
    header = ["way", "µs", "times BPTT, eager", "times the chosen", "MFLOP, counted", "MB held", "steps timed"]
    note = " What is left out would take more than is allowed here; its numbers are counted, not met." if any(
        row[1] == "left out" for row in rows
    ) else ""  # fmt: skip
    return Table(size + note, header, rows)


def _microseconds(seconds: Sequence[float]) -> str:
    found = middle([1e6 * one for one in seconds])
    return f"{found.value:,.0f} ({found.low:,.0f} to {found.high:,.0f})"


def _figure(result: Result, x: str) -> Figure:
    axes = row_of_axes(2, (9.6, 4.2))
    for axis, what, words in zip(axes, ("seconds", "bytes"), ("seconds a gradient", "bytes held"), strict=True):
        series = {
            WAYS[way]: (result.history[f"{way}_places"], [result.history[f"{way}_{what}"]])
            for way in CURVED
            if result.history[f"{way}_places"]
        }
        figures.draw_curves(series, x=x, y=words, axes=axis, log=True)
        axis.set_xscale("log")
    return figure_of(axes[0])


ARTEFACT = Artefact(
    "mesh-speed",
    "Speed: forward-only propagation beside its published form and automatic differentiation",
    "Mesh Neural Networks, Algorithm 1 (no times are printed)",
    (*(case.experiment for case in CASES), *(one for one, _ in CURVES.values())),
    render,
)
