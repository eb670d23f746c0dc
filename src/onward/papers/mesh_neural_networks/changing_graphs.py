"""Graphs that change (the paper's future work): accuracy against edges, pruned before training and in several ways during it."""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.statistics import mean, values
from onward.nets.pruning import prunable
from onward.papers.mesh_neural_networks.changing_cells import (
    BATCH,
    DENSE,
    EXPERIMENTS,
    PARTS,
    PROBLEMS,
    RATES,
    START,
    TICKS,
    WAYS,
    WORDS,
)
from onward.papers.mesh_neural_networks.changing_figures import SHOWN, draw_accuracies, draw_graphs
from onward.papers.mesh_neural_networks.changing_trials import percent
from onward.papers.mesh_neural_networks.changing_verdicts import Found, at, smallest, verdict
from onward.papers.mesh_neural_networks.changing_ways import BEGIN, END, EVERY, EXCHANGED
from onward.papers.mesh_neural_networks.words import listed
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text


def render(results: Results) -> list[Element]:
    """Show accuracy against edges, the smallest part that will do, the verdicts and the graphs."""
    found = {key: results[one.name] for key, one in EXPERIMENTS.items()}
    elements: list[Element] = [Text(_protocol(found))]
    complete = [problem for problem in PROBLEMS if all(found[problem, way] for way in (DENSE, *WAYS))]
    elements += [_accuracies(found, problem) for problem in PROBLEMS if any(found[problem, way] for way in (DENSE, *WAYS))]
    if not complete:
        return elements
    elements += [
        Picture(
            "Test accuracy against the part of the edges that is left, mean and 95 % band.",
            draw_accuracies(found, complete),
        ),
        Text("## The smallest part that will do"),
        _smallest(found, complete),
        Text("## Online against random before training"),
        *(Text(sentence) for problem in complete for sentence in verdict(found, problem)),
        Text("## What is left"),
        _left(found, complete),
        Picture(
            f"What can matter of the graphs with fewest edges, seed {SHOWN}: positive weights blue, negative ones red, strong ones thick.",
            draw_graphs(found, complete),
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
        f"A full ReLU mesh with {TICKS} ticks, trained forward-only, made smaller to {listed([f'{percent(part)} %' for part in PARTS])} of "
        f"its edges; {seeds} seeds. {shapes}. Biases are not counted and not pruned. Adam with cosine decay, batches of {BATCH}; validation "
        f"loss chooses between the rates {listed([str(rate) for rate in RATES])} for every seed, way and part anew, and the weights are those of the last epoch. "
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


def _part(part: float | None) -> str:
    return "none" if part is None else f"{percent(part)} %"


ARTEFACT = Artefact(
    "changing-graphs",
    "Graphs that change: accuracy against edges",
    "Mesh Neural Networks, its future work",
    tuple(EXPERIMENTS.values()),
    render,
)
