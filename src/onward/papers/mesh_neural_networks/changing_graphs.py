"""Graphs that change (the paper's future work): accuracy against edges, pruned before training and in several ways during it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from onward import graphs
from onward.datasets.small import breast_cancer, digits
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, paired, values, wider
from onward.nets.changing import changed
from onward.nets.mesh import MeshNet
from onward.nets.pruning import dead, prunable
from onward.papers.mesh_neural_networks.changing_trials import (
    BEGIN,
    END,
    EVERY,
    EXCHANGED,
    Way,
    as_it_is,
    percent,
    pruned_and_regrown,
    pruned_before,
    pruned_by_magnitude,
    pruned_by_neurons,
    shrunk,
)
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, grid_of_axes
from onward.reports.drawings import draw_graph
from onward.topology import Topology
from onward.training import datasets
from onward.training.data import Dataset

PARTS = (0.5, 0.3, 0.2, 0.1, 0.05)
RATES = (0.01, 0.03)
TICKS = 3
BATCH = 32
SEEDS = 10
POINT = 0.01  # of accuracy: what may be lost
SHOWN = 100  # the seed whose graphs are drawn
START = 2.0  # times as many edges as are to be left, of the mesh pruned at random that group lasso starts from


@dataclass(frozen=True)
class Problem:
    """A problem and the mesh for it.

    Attributes:
        title: what people call it.
        data: makes the data of a seed.
        shape: features, hidden neurons, outputs.
        epochs: passes over the training data.
    """

    title: str
    data: Callable[[int], Dataset]
    shape: tuple[int, int, int]
    epochs: int

    @property
    def dense(self) -> Topology:
        """The full mesh."""
        return graphs.mesh(*self.shape)


PROBLEMS = {
    "moons": Problem("moons", datasets.moons, (2, 30, 2), 100),
    "breast-cancer": Problem("Breast Cancer Wisconsin", breast_cancer, (30, 20, 2), 100),
    "spirals": Problem("spirals", datasets.spirals, (2, 30, 2), 200),
    "digits": Problem("digits", digits, (64, 30, 10), 60),
}
DENSE, RANDOM = "dense", "random"
WAYS: dict[str, Way] = {
    RANDOM: pruned_before,
    "magnitude": pruned_by_magnitude,
    "neurons": pruned_by_neurons,
    "neurons-of-pruned": partial(pruned_by_neurons, start=START),
    "regrown": pruned_and_regrown,
}
WORDS = {
    RANDOM: "random, before training",
    "magnitude": "by magnitude, online",
    "neurons": "group lasso from all edges",
    "neurons-of-pruned": "group lasso from a pruned mesh",
    "regrown": "prune and regrow by gradient",
}
ONLINE = tuple(way for way in WAYS if way != RANDOM)


def experiment(problem: str, way: str) -> Experiment:
    """One way on one problem, for all parts of the edges."""
    its = PROBLEMS[problem]
    trial = partial(
        shrunk,
        data=its.data,
        dense=its.dense,
        ticks=TICKS,
        way=as_it_is if way == DENSE else WAYS[way],
        parts=(1.0,) if way == DENSE else PARTS,
        rates=RATES,
        epochs=its.epochs,
        batch=BATCH,
    )
    return Experiment(f"mnn/changing-graphs/{problem}/{way}", trial, seeds=SEEDS, together=1)


EXPERIMENTS = {(problem, way): experiment(problem, way) for problem in PROBLEMS for way in (DENSE, *WAYS)}

Found = Mapping[tuple[str, str], Sequence[Result]]


def at(results: Sequence[Result], metric: str, part: float) -> list[Result]:
    """Give the results that came to a part of the edges, with what was measured there under the plain name of the metric."""
    key = f"{metric}_at_{percent(part)}"
    return [replace(result, metrics={metric: result.metrics[key]}) for result in results if key in result.metrics]


def change(found: Found, problem: str, way: str, part: float, over: str = DENSE) -> Mean:
    """Give how much better a way is than another (or than all edges) at a part of the edges, paired by seed."""
    theirs = at(found[problem, over], "test_accuracy", 1.0 if over == DENSE else part)
    return paired(at(found[problem, way], "test_accuracy", part), theirs, "test_accuracy")


def smallest(found: Found, problem: str, way: str, *, sure: bool) -> float | None:
    """Give the smallest part of the edges down to which a way loses one point of accuracy at most; None where no part does.

    By the means or, to be sure, by the lower ends of the intervals, widened for the number of parts.
    """
    least = None
    for part in PARTS:
        lost = change(found, problem, way, part)
        if not lost.n or (sure and lost.n < 2):
            break
        if lost.value - (wider(lost, len(PARTS)).half if sure else 0.0) < -POINT:
            break
        least = part
    return least


def render(results: Results) -> list[Element]:
    """Show accuracy against edges, the smallest part that will do, the verdicts and the graphs."""
    found = {key: results[one.name] for key, one in EXPERIMENTS.items()}
    elements: list[Element] = [Text(_protocol(found))]
    complete = [problem for problem in PROBLEMS if all(found[problem, way] for way in (DENSE, *WAYS))]
    elements += [_accuracies(found, problem) for problem in PROBLEMS if any(found[problem, way] for way in (DENSE, *WAYS))]
    if not complete:
        return elements
    elements += [
        Picture("Test accuracy against the part of the edges that is left, mean and 95 % band.", _curves(found, complete)),
        Text("## The smallest part that will do"),
        _smallest(found, complete),
        Text("## Online against random before training"),
        *(Text(sentence) for problem in complete for sentence in verdict(found, problem)),
        Text("## What is left"),
        _left(found, complete),
        Picture(
            f"What can matter of the graphs with fewest edges, seed {SHOWN}: positive weights blue, negative ones red, strong ones thick.",
            _graphs(found, complete),
        ),
    ]
    return elements


def _protocol(found: Found) -> str:
    shapes = "; ".join(
        f"{its.title}, {its.shape[0]} features, {its.shape[1]} hidden neurons, {prunable(its.dense).sum()} edges, {its.epochs} epochs"
        for its in PROBLEMS.values()
    )
    seeds = max(len(results) for results in found.values())
    return (
        f"A full ReLU mesh with {TICKS} ticks, trained forward-only, made smaller to {_listed([f'{percent(part)} %' for part in PARTS])} of "
        f"its edges; {seeds} seeds. {shapes}. Biases are not counted and not pruned. Adam with cosine decay, batches of {BATCH}; validation "
        f"loss chooses between the rates {_listed([str(rate) for rate in RATES])} for every seed, way and part anew, and the weights are those of the last epoch. "
        f"*Random*: every block keeps a random part, the first draw in which inputs reach every output (section 4.2), and is trained. *By magnitude*: "
        f"from all edges, the smallest go after each epoch between {BEGIN:.0%} and {END:.0%} of training (cubic schedule). *Group lasso*: proximal steps "
        f"on all edges of a hidden neuron together, from all edges or from a mesh pruned at random to {START:g} times as many as are due, whole neurons "
        f"vanish on the same schedule (what is behind at its end is forced); direct edges from inputs to outputs stay, so it cannot come to every part from all edges. "
        f"*Prune and regrow*: from the graph and weights of *random*, every {EVERY} epochs up to {EXCHANGED:.0%} of the edges, the smallest, are exchanged for "
        f"the absent ones of largest true gradient over the training data."
    )


def _accuracies(found: Found, problem: str) -> Table:
    rows = []
    dense = at(found[problem, DENSE], "test_accuracy", 1.0)
    if dense:
        rows.append(["all edges", f"{mean(values(dense, 'test_accuracy'))}", *[""] * len(PARTS)])
    for way, words in WORDS.items():
        if not found[problem, way]:
            rows.append([words, "", *["not run"] * len(PARTS)])
            continue
        cells = [at(found[problem, way], "test_accuracy", part) for part in PARTS]
        rows.append([words, "", *(f"{mean(values(one, 'test_accuracy'))}" if one else "cannot" for one in cells)])
    return Table(
        f"{PROBLEMS[problem].title}: test accuracy, mean ± 95 %.",
        ["way", "100 %", *(f"{percent(part)} %" for part in PARTS)],
        rows,
    )


def _smallest(found: Found, problems: Sequence[str]) -> Table:
    rows = []
    for way, words in WORDS.items():
        cells = []
        for problem in problems:
            by_mean, surely = (smallest(found, problem, way, sure=sure) for sure in (False, True))
            cells.append(f"{_part(by_mean)} ({_part(surely)})")
        rows.append([words, *cells])
    return Table(
        "The smallest part of the edges, coming down from all, that loses at most one point of test accuracy against all edges on the same seeds: by the mean, "
        f"and in brackets by the 95 % interval, widened for {len(PARTS)} comparisons.",
        ["way", *(PROBLEMS[problem].title for problem in problems)],
        rows,
    )


def verdict(found: Found, problem: str) -> list[str]:
    """Judge the ways during training against random pruning before it, by intervals widened for all comparisons on a problem."""
    comparisons = len(ONLINE) * len(PARTS)
    sentences = []
    for way in ONLINE:
        better, worse, level, cannot = [], [], [], []
        for part in PARTS:
            against = change(found, problem, way, part, RANDOM)
            half = wider(against, comparisons).half
            if against.n < 2:
                cannot.append(f"{percent(part)} %")
            elif against.value - half > 0:
                better.append(f"{percent(part)} % ({against.value:+.3f} ± {half:.3f})")
            elif against.value + half < 0:
                worse.append(f"{percent(part)} % ({against.value:+.3f} ± {half:.3f})")
            else:
                level.append(f"{percent(part)} %")
        told = [
            f"{words} {_listed(group)}"
            for words, group in (
                ("**better** at", better),
                ("**worse** at", worse),
                ("not told apart at", level),
                ("without a comparison at", cannot),
            )
            if group
        ]
        sentences.append(f"{PROBLEMS[problem].title}, {WORDS[way]} against random: {'; '.join(told)}.")
    return [f"Intervals are widened for {comparisons} comparisons. " + " ".join(sentences)]


def _left(found: Found, problems: Sequence[str]) -> Table:
    rows = []
    for way, words in WORDS.items():
        cells = []
        for problem in problems:
            there = [part for part in PARTS if at(found[problem, way], "live", part)]
            if not there:
                cells.append("cannot")
                continue
            edges, live, hidden = (
                mean(values(at(found[problem, way], name, there[-1]), name)).value for name in ("edges", "live", "hidden")
            )
            cells.append(f"{percent(there[-1])} %: {edges:.0f} edges, {live:.0f} live, {hidden:.0f} hidden")
        rows.append([words, *cells])
    return Table(
        "What the smallest meshes consist of, mean over seeds: edges, those of them that can influence an output, and hidden neurons at their ends.",
        ["way", *(PROBLEMS[problem].title for problem in problems)],
        rows,
    )


def _curves(found: Found, problems: Sequence[str]) -> Figure:
    rows = grid_of_axes((len(problems) + 1) // 2, min(len(problems), 2), (5.2, 3.6))
    axes = [axis for row in rows for axis in row]
    for axis, problem in zip(axes, problems, strict=False):
        series = {}
        for way, words in WORDS.items():
            points = {1.0: at(found[problem, DENSE], "test_accuracy", 1.0)}
            points |= {part: at(found[problem, way], "test_accuracy", part) for part in PARTS}
            seeds = set.intersection(*({one.seed for one in its} for its in points.values() if its))
            there = {part: {one.seed: one.metrics["test_accuracy"] for one in its} for part, its in points.items() if its}
            lines = [[there[part][seed] for part in there] for seed in sorted(seeds)]
            if lines:
                series[words] = ([percent(part) for part in there], lines)
        figures.draw_curves(series, x="edges left, %", y="test accuracy", axes=axis)
        axis.set_xscale("log")
        axis.set_xticks([100, *(percent(part) for part in PARTS)], [str(percent(part)) for part in (1.0, *PARTS)])
        axis.minorticks_off()
        axis.set_title(PROBLEMS[problem].title, fontsize=10)
    for axis in axes[len(problems) :]:
        axis.set_axis_off()
    return figure_of(axes[0])


def _graphs(found: Found, problems: Sequence[str]) -> Figure:
    axes = grid_of_axes(len(problems), len(WAYS), (3.0, 2.6))
    for row, problem in zip(axes, problems, strict=True):
        for axis, (way, words) in zip(row, WORDS.items(), strict=True):
            shown = next((result for result in found[problem, way] if result.seed == SHOWN), None)
            if shown is None or "source" not in shown.history:
                axis.set_axis_off()
                continue
            net = stored_mesh(shown)
            draw_graph(net.topology, net.weight.detach(), axis)
            legend = axis.get_legend()
            if legend is not None:
                legend.remove()
            axis.set_title(f"{PROBLEMS[problem].title}, {words}: {prunable(net.topology).sum()} edges", fontsize=7)
    return figure_of(axes[0][0])


def stored_mesh(result: Result) -> MeshNet:
    """Make the mesh that a result holds, without what cannot matter in it."""
    of = result.history
    inputs, hidden, outputs = of["neurons"]
    topology = Topology(inputs, hidden, outputs, *(np.array(of[end]) for end in ("source", "target")), bias=True)
    net = MeshNet(topology, TICKS, weight=torch.tensor(of["weight"]))
    return changed(net, dead(net))


def _part(part: float | None) -> str:
    return "none" if part is None else f"{percent(part)} %"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


ARTEFACT = Artefact(
    "changing-graphs",
    "Graphs that change: accuracy against edges",
    "Mesh Neural Networks, its future work",
    tuple(EXPERIMENTS.values()),
    render,
)
