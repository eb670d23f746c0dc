"""Accuracy of Mono-Forward and its rivals: the paper's tables for perceptrons and convolutional nets.

Every cell has the same net, data, passes and tuning for all rules; what the paper printed stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import mean, paired, values
from onward.papers.mono_forward import printed
from onward.papers.mono_forward.accuracy_cells import (
    CELLS,
    CHECKED,
    EXPERIMENTS,
    HALF,
    LONG,
    LONGER,
    NAMES,
    PROBLEMS,
    SECOND,
    SINGLE,
    TITLES,
    TUNING,
    printed_for,
    ways_of,
)
from onward.papers.mono_forward.accuracy_verdicts import NEAR, reached, readings, verdicts
from onward.papers.mono_forward.words import CIFAR_10_NOTE, INTERVALS, READINGS, against, judged, percent, points
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, grid_of_axes
from onward.reports.words import NOT_RUN


def render(results: Results) -> list[Element]:
    """Show paper and onward side by side, the two readings of Mono-Forward against BP, and how rates were chosen."""
    found = {key: results[experiment.name] for key, experiment in CELLS.items()}
    long = {key: results[experiment.name] for key, experiment in LONG.items()}
    elements: list[Element] = [Text(PROTOCOL), _table(found), verdicts(found)]
    elements += [Text("## Mono-Forward against BP"), _pairs(found, long)]
    elements += [Text(sentence) for sentence in readings(found, long)]
    elements += [Picture("Validation accuracy over the passes, mean over the seeds with its 95 % band.", _figure(found))]
    elements += [
        Text("## Half precision"),
        _precision(*({key: results[one.name] for key, one in arm.items()} for arm in (HALF, SINGLE))),
    ]
    elements += [Text("## How the rates were chosen"), rates(results, TUNING)]
    elements += [Text(one) for one in _seconds(found, {key: results[one.name] for key, one in SECOND.items()})]
    return elements


PROTOCOL = (
    "Every rule trains the same net (no biases) on the same parts with Adam, batches of 128, cosine decay to 0, no penalty, no "
    "augmentation; products in bfloat16, weights and losses in float32. The learning rate is one of three, the same for all "
    "rules, chosen by validation accuracy after a short run, in which the test part plays no role; the paper tuned on the test part and does not state rate, batch or epochs. Reported are the last weights. Passes: "
    + "; ".join(f"{TITLES[name]} {problem.epochs}" for name, problem in PROBLEMS.items())
    + f". **Reduced** to what two cores can do: few passes, one to five seeds a cell (the paper's are not stated). {INTERVALS} {CIFAR_10_NOTE}"
)


def _table(found: Mapping[tuple[str, str], Sequence[Result]]) -> Table:
    rows = []
    for (name, rule), ours in found.items():
        if not ours:
            continue
        theirs = printed_for(name, rule)
        for way, words in ways_of(rule).items():
            value = mean(values(ours, way))
            rows.append(
                [
                    TITLES[name],
                    NAMES[rule] + (f", {words}" if words else ""),
                    "" if theirs is None else f"{theirs:.2f}",
                    percent(value),
                    f"{value.n}",
                    "" if theirs is None else f"{100 * value.value - theirs:+.2f}",
                ]
            )
    rows += [
        [TITLES[prefix + data], NAMES.get(rule, rule), f"{theirs:.2f}", "not run", "", ""]
        for prefix, table in (("", printed.MLP), ("cnn-", printed.CNN))
        for rule, cells in table.items()
        for data, theirs in cells.items()
        if rule in ("bp", "mf") and not found.get((prefix + data, rule))
    ]
    return Table(
        "Test accuracy in per cent: mean ± 95 % over the seeds. The paper's FA, DFA and all of its spreads are lost.",
        ["data, net", "rule", "paper", "onward", "seeds", "difference"],
        rows,
    )


def _pairs(found: Mapping[tuple[str, str], Sequence[Result]], long: Mapping[tuple[str, str], Sequence[Result]]) -> Table:
    rows = []
    for name in PROBLEMS:
        for arms, times in ((found, 1), (long, LONGER.get(name, 0))):
            ours, theirs = (arms.get((name, rule), []) for rule in ("mf", "bp"))
            if not ours or not theirs:
                continue
            differences = [points(against(ours, theirs, f"test_accuracy_{way}")) for way in READINGS]
            rows.append([TITLES[name], f"{times * PROBLEMS[name].epochs}", *differences])
    header = ["data, net", "passes of both", *(f"Mono-Forward by {words} minus BP" for words in READINGS.values())]
    return Table("Paired by seed, in points of test accuracy: mean ± 95 %.", header, rows)


def _figure(found: Mapping[tuple[str, str], Sequence[Result]]) -> Figure:
    there = [name for name in PROBLEMS if any(ours for (of, _), ours in found.items() if of == name)]
    columns = min(3, max(1, len(there)))
    grid = grid_of_axes(-(-max(1, len(there)) // columns), columns, (3.4, 3.0))
    axes = [axis for line in grid for axis in line]
    for axis in axes[len(there) :]:
        axis.set_axis_off()
    for number, (axis, name) in enumerate(zip(axes, there, strict=False)):
        series = {
            NAMES[rule]: (
                list(range(1, PROBLEMS[name].epochs + 1)),
                [result.history["validation_accuracy"] for result in ours],
            )
            for (of, rule), ours in found.items()
            if of == name and ours
        }
        figures.draw_curves(series, x="passes", y="" if number % columns else "validation accuracy", axes=axis)
        axis.legend(frameon=False, fontsize=8, loc="lower right", handlelength=1.2, labelspacing=0.2)
        axis.set_title(TITLES[name], fontsize=9)
    return figure_of(axes[0])


def _precision(
    half: Mapping[tuple[str, str], Sequence[Result]], single: Mapping[tuple[str, str], Sequence[Result]]
) -> Table:
    rows = []
    for (name, rule), theirs in single.items():
        passes, ours = f"{CHECKED[name] or PROBLEMS[name].epochs}", half[name, rule]
        if not theirs or not ours:
            rows.append([TITLES[name], passes, NAMES[rule], NOT_RUN, ""])
            continue
        for way, words in ways_of(rule).items():
            title = NAMES[rule] + (f", {words}" if words else "")
            told = percent(mean(values(theirs, way))), points(paired(ours, theirs, way))
            rows.append([TITLES[name], passes, title, *told])
    header = ["data, net", "passes", "rule", "float32, %", "bfloat16 minus float32, points"]
    return Table("All products in float32, and what bfloat16 changes: paired, mean ± 95 %.", header, rows)


def _seconds(
    found: Mapping[tuple[str, str], Sequence[Result]], second: Mapping[tuple[str, str], Sequence[Result]]
) -> list[str]:
    """Tell how BP does at a rate that validation put second by a hair, and where Mono-Forward then stands."""
    return [
        f"At the rate that came second on {TITLES[name]} {NAMES[rule]} has {percent(mean(values(theirs, 'test_accuracy')))} (the paper's {printed_for(name, rule):.2f} less {NEAR}: "
        f"{reached(mean(values(theirs, 'test_accuracy')), printed_for(name, rule) or 0)}); against that Mono-Forward is {judged(against(found[name, 'mf'], theirs, 'test_accuracy_last'))}."
        for (name, rule), theirs in second.items()
        if theirs and found.get((name, "mf"))
    ]


def rates(results: Results, tuning: Mapping[tuple[str, str], Experiment]) -> Table:
    """Show what the short runs that chose a rate found, by problem and rule."""
    rows = []
    for (name, rule), experiment in tuning.items():
        for result in results[experiment.name]:
            chosen = result.metrics["recipe"]
            offered = PROBLEMS[name].rates
            cells = [
                f"{100 * result.metrics[f'validation_accuracy_{k}']:.2f} at {rate:g}" for k, rate in enumerate(offered)
            ]
            cells[chosen] = f"**{cells[chosen]}**"
            edge = "yes" if chosen in (0, len(offered) - 1) else ""
            rows.append([TITLES[name], NAMES[rule], f"{PROBLEMS[name].tuning}", *cells, edge])
    header = ["data, net", "rule", "passes", "low rate", "middle rate", "high rate", "at the edge"]
    caption = "Validation accuracy in per cent after the short runs of one seed; the best is taken, also at the edge of the three."
    return Table(caption, header, rows)


ARTEFACT = Artefact(
    "accuracy",
    "Accuracy of Mono-Forward beside BP, FA and DFA on pictures",
    "Mono-Forward, tables 2 and 3",
    EXPERIMENTS,
    render,
)
