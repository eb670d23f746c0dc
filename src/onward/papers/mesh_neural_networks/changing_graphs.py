"""Graphs that change (the paper's future work): accuracy against edges, pruned before training and in several ways during it."""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.statistics import mean, values
from onward.papers.mesh_neural_networks.changing_cells import (
    DENSE,
    EXPERIMENTS,
    LASSO,
    ONLINE,
    PARTS,
    PROBLEMS,
    RATES,
    WAYS,
    WORDS,
)
from onward.papers.mesh_neural_networks.changing_figures import SHOWN, draw_accuracies, draw_graphs
from onward.papers.mesh_neural_networks.changing_neurons import REMOVED, VANISHED
from onward.papers.mesh_neural_networks.changing_protocol import protocol
from onward.papers.mesh_neural_networks.changing_trials import percent
from onward.papers.mesh_neural_networks.changing_verdicts import POINT, Descent, Found, at, descend, verdict
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text


def render(results: Results) -> list[Element]:
    """Show accuracy against edges, the smallest part that will do, the verdicts and the graphs."""
    found = {key: results[one.name] for key, one in EXPERIMENTS.items()}
    elements: list[Element] = [Text(protocol(found))]
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
        Text(
            "Mean difference on the same seeds ± 95 %, of each part alone. What is told apart is told by Holm's procedure over the parts of a way, so that of all that is said "
            f"of one way on one problem anything is wrong in 5 % of cases at most; {len(ONLINE) * len(complete)} ways and problems follow."
        ),
        *(Text(verdict(found, problem)) for problem in complete),
        Text("## What took the edges, and at which rates"),
        _taken(found, complete),
        _rates(found, complete),
        Text("## What is left"),
        _left(found, complete),
        Picture(
            f"What can matter of the graphs with fewest edges, seed {SHOWN}: positive weights blue, negative ones red, strong ones thick.",
            draw_graphs(found, complete),
        ),
    ]
    return elements


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
            by_mean, surely = (descend(found, problem, way, sure=sure) for sure in (False, True))
            cells.append(f"{_part(by_mean.least)}; surely {_part(surely.least)}{_end(surely)}")
        rows.append([words, *cells])
    return Table(
        "The smallest part of the edges, coming down from all, that loses at most one point of test accuracy against all edges on the same seeds: by the mean; and "
        "surely, by the 95 % interval. Surely, the parts are tested in a fixed order, from the largest down, until one does not pass, so that no interval has to be widened "
        f"for their number; in brackets that part, what it changes, and whether by its interval more than {POINT:g} is lost there or that is undecided.",
        ["way", *(PROBLEMS[problem].title for problem in problems)],
        rows,
    )


def _part(part: float | None) -> str:
    return "none" if part is None else f"{percent(part)} %"


def _end(descent: Descent) -> str:
    """Write what ended a descent, if a part did."""
    if descent.ended_at is None or descent.change is None:
        return ""
    by = f"{descent.change.value:+.3f} ± {descent.change.half:.3f}"
    return f" ({percent(descent.ended_at)} %: {by}, {'lost' if descent.lost else 'undecided'})"


def _taken(found: Found, problems: Sequence[str]) -> Table:
    rows = []
    for problem in problems:
        for way in LASSO:
            cells = []
            for part in PARTS:
                took = [values(at(found[problem, way], name, part), name) for name in REMOVED]
                total = sum(map(sum, took))
                shares = {name: sum(one) / total for name, one in zip(REMOVED, took, strict=True)} if total else {}
                said = ", ".join(f"{percent(share)} %" for share in shares.values())
                cells.append(f"**{said}**" if shares and shares[VANISHED] < 0.5 else said or "cannot")
            rows.append([f"{PROBLEMS[problem].title}, {WORDS[way]}", *cells])
    return Table(
        "Of the edges that left under group lasso: with neurons that it made vanish; with the weakest neurons, forced out at the end of the schedule; by magnitude, "
        "where a neuron that vanished would have left an output out of reach. Bold where group lasso took less than half of them, so that the way is hardly what it is called.",
        ["way", *(f"{percent(part)} %" for part in PARTS)],
        rows,
    )


def _rates(found: Found, problems: Sequence[str]) -> Table:
    rows = []
    for way, words in {DENSE: "all edges", **WORDS}.items():
        cells = []
        for problem in problems:
            parts = (1.0,) if way == DENSE else PARTS
            chosen = [rate for part in parts for rate in values(at(found[problem, way], "rate", part), "rate")]
            cells.append(
                ", ".join(f"{percent(chosen.count(rate) / len(chosen))} %" for rate in RATES) if chosen else "cannot"
            )
        rows.append([words, *cells])
    every = [result for problem in problems for way in (DENSE, *WAYS) for result in found[problem, way]]
    failed = sum(int(value) for result in every for name, value in result.metrics.items() if name.startswith("failed_at_"))
    return Table(
        f"How often validation chose each of the rates {', '.join(map(str, RATES))}, over seeds and parts; the first and the last are the ends of what was tried. "
        f"Trainings that did not stay finite and were passed over: {failed}.",
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


ARTEFACT = Artefact(
    "changing-graphs",
    "Graphs that change: accuracy against edges",
    "Mesh Neural Networks, its future work",
    tuple(EXPERIMENTS.values()),
    render,
)
