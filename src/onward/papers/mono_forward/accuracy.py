"""Accuracy of Mono-Forward and its rivals: the paper's tables for perceptrons and convolutional nets.

Every cell has the same net, data, passes and tuning for all rules; what the paper printed stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, paired, values
from onward.papers.mono_forward import printed
from onward.papers.mono_forward.cells import (
    CIFAR_10,
    CIFAR_100,
    CNN_CIFAR_10,
    FASHION,
    MNIST,
    cell,
    tuning,
)
from onward.papers.mono_forward.words import CIFAR_10_NOTE, INTERVALS, NOT_RUN, READINGS, against, judged, percent, points
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, grid_of_axes

FITTED = 0.1  # training loss below which a net has learned its examples
TEST = 10_000  # pictures in the test part of each data set
NEAR = 0.3  # points below the paper that still count as its number

# Which of its problem's rates each rule's short runs chose; a test compares this with the stored results of the tuning.
CHOSEN: dict[str, dict[str, int]] = {
    "mnist": {"bp": 1, "mf": 2, "fa": 1, "dfa": 1},
    "fashion-mnist": {"bp": 2, "mf": 1, "fa": 1, "dfa": 1},
    "cifar-10": {"bp": 1, "mf": 2, "fa": 0, "dfa": 0},
    "cifar-100": {"bp": 1, "mf": 1, "fa": 0, "dfa": 0},
    "cnn-cifar-10": {"bp": 1, "mf": 1},
}
SEEDS: dict[str, dict[str, int]] = {
    "mnist": {"bp": 5, "mf": 5, "fa": 5, "dfa": 5},
    "fashion-mnist": {"bp": 5, "mf": 5, "fa": 5, "dfa": 5},
    "cifar-10": {"bp": 3, "mf": 3, "fa": 1, "dfa": 1},
    "cifar-100": {"bp": 3, "mf": 3, "fa": 1, "dfa": 1},
    "cnn-cifar-10": {"bp": 1, "mf": 1},
}
PROBLEMS = {problem.name: problem for problem in (MNIST, FASHION, CIFAR_10, CIFAR_100, CNN_CIFAR_10)}
LONGER = {"mnist": 3, "cifar-10": 2}  # times the passes, for the second reading
TITLES = {
    "mnist": "MNIST, 2 x 1000",
    "fashion-mnist": "Fashion-MNIST, 2 x 1000",
    "cifar-10": "CIFAR-10, 3 x 2000",
    "cifar-100": "CIFAR-100, 3 x 2000",
    "cnn-mnist": "MNIST, CNN 64-128-256-512",
    "cnn-fashion-mnist": "Fashion-MNIST, CNN 64-128-256-512",
    "cnn-cifar-10": "CIFAR-10, CNN 64-128-256-512",
    "cnn-cifar-100": "CIFAR-100, CNN 64-128-256-512",
}
NAMES = {
    "bp": "BP",
    "mf": "Mono-Forward",
    "fa": "FA",
    "dfa": "DFA",
    "ds": "deep supervision",
    "joint": "joint",
}


TUNING = {(name, rule): tuning(PROBLEMS[name], rule) for name, rules in SEEDS.items() for rule in rules}
CELLS = {
    (name, rule): cell(PROBLEMS[name], rule, chosen, seeds=SEEDS[name][rule])
    for name, rules in CHOSEN.items()
    for rule, chosen in rules.items()
}
LONG = {
    (name, rule): cell(PROBLEMS[name], rule, CHOSEN[name][rule], seeds=3, epochs=times * PROBLEMS[name].epochs)
    for name, times in LONGER.items()
    if name in CHOSEN
    for rule in ("bp", "mf")
}

# What half precision does to the accuracy: the same cell with all products in float32, on photographs with fewer passes of both.
CHECKED = {"mnist": None, "cifar-10": 5}  # passes, if not those of the problem


def checked(name: str, rule: str, *, single: bool) -> Experiment:
    """An arm of the check of half precision; that in half precision is the cell itself where the passes are its own."""
    if not single and CHECKED[name] is None:
        return CELLS[name, rule]
    return cell(PROBLEMS[name], rule, CHOSEN[name][rule], seeds=3, epochs=CHECKED[name], single=single)


HALF, SINGLE = (
    {(name, rule): checked(name, rule, single=single) for name in CHECKED for rule in ("bp", "mf")}
    for single in (False, True)
)

# Rates that came second by a hair, of the rule that is behind there: what the choice does to the difference.
SECOND = {("fashion-mnist", "bp"): cell(FASHION, "bp", 1, seeds=5, beside=True)}


def render(results: Results) -> list[Element]:
    """Show paper and onward side by side, the two readings of Mono-Forward against BP, and how rates were chosen."""
    found = {key: results[experiment.name] for key, experiment in CELLS.items()}
    long = {key: results[experiment.name] for key, experiment in LONG.items()}
    elements: list[Element] = [Text(PROTOCOL), _table(found), _verdicts(found)]
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
        theirs = _printed(name, rule)
        for way, words in _ways(rule).items():
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


def _verdicts(found: Mapping[tuple[str, str], Sequence[Result]]) -> Text:
    """Say for every printed cell, by its interval, whether it was reached; validation chooses between two readouts."""
    groups: dict[tuple[str, bool], list[str]] = {}
    for (name, rule), ours in found.items():
        theirs = _printed(name, rule)
        if theirs is None or not ours:
            continue
        ways = _ways(rule)
        way = max(ways, key=lambda way: mean(values(ours, way.replace("test", "validation"))).value)
        value = mean(values(ours, way))
        by = f" by its {ways[way].partition(' (')[0]}" if len(ways) > 1 else ""
        told = f"{NAMES[rule]} on {TITLES[name]}{by} ({percent(value)}, paper {theirs:.2f})"
        groups.setdefault((reached(value, theirs), value.n > 1), []).append(told)
    words = {
        "reached": f"Within {NEAR} points of the paper or above, by the whole interval",
        "missed": "**Not reached**, below that by the whole interval",
        "undecided": f"Undecided, as {NEAR} points below the paper lies in the interval",
    }
    sentences = [
        f"{words[said]}{'' if several else f', of one seed by the uncertainty of {TEST:,} test pictures alone'}: {'; '.join(groups[said, several])}."
        for several in (True, False)
        for said in words
        if (said, several) in groups
    ]
    return Text(
        " ".join(
            sentences + ["Of Mono-Forward's two predictions validation chooses the one that is judged."] * bool(sentences)
        )
    )


def reached(found: Mean, printed: float) -> str:
    """Judge a cell by its interval: "reached", "missed" or "undecided". One seed has that of the test part alone (a binomial's, at 95 %)."""
    half = found.half if found.n > 1 else 1.96 * (found.value * (1 - found.value) / TEST) ** 0.5
    low, high, bar = 100 * (found.value - half), 100 * (found.value + half), printed - NEAR
    return "reached" if low >= bar else "missed" if high < bar else "undecided"


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


def readings(
    found: Mapping[tuple[str, str], Sequence[Result]], long: Mapping[tuple[str, str], Sequence[Result]]
) -> list[str]:
    """Judge "Mono-Forward consistently outperforms BP" by the paired intervals, for equal passes and for passes of choice.

    In the second reading each rule is trained for as long as its validation accuracy likes better, of the two lengths; the rate falls to
    0 over either.
    """
    sentences = []
    for name, problem in PROBLEMS.items():
        ours, theirs = found.get((name, "mf"), []), found.get((name, "bp"), [])
        if not ours or not theirs:
            continue
        told = [f"with {problem.epochs} passes each Mono-Forward is {_both_ways(ours, theirs)}"]
        if long.get((name, "mf")) and long.get((name, "bp")):
            chosen = {rule: _longer_if_better(found[name, rule], long[name, rule]) for rule in ("mf", "bp")}
            passes = {rule: chosen[rule][0].metrics["epochs"] for rule in chosen}
            told.append(
                f"with passes that validation chose (Mono-Forward {passes['mf']}, BP {passes['bp']}) it is {_both_ways(chosen['mf'], chosen['bp'])}"
            )
        elif name in LONGER:
            told.append(f"{LONGER[name]} times the passes: {NOT_RUN}")
        sentences.append(f"*{TITLES[name]}*: {'; '.join(told)}.{_as_the_study(name, long.get((name, 'mf'), []))}")
    return sentences


def _as_the_study(name: str, long: Sequence[Result]) -> str:
    """Set the independent study beside a reading, and say how far the longer runs of Mono-Forward have come."""
    if name not in printed.STUDY_EQUAL:
        return ""
    converged = printed.STUDY_CONVERGED.get(name)
    told = f" The independent study has {printed.STUDY_EQUAL[name]:+.2f} with equal passes"
    if converged is None:
        return f"{told}."
    told += f", and {converged:+.2f} with each rule trained to its own convergence, with augmentation."
    if not long:
        return told
    losses = [mean([result.history[part][-1] for result in long]).value for part in ("loss", "validation_loss")]
    fitted = ", so more passes have nothing left to learn from" if losses[0] < FITTED else ""
    return (
        f"{told} Here, without augmentation, {int(long[0].metrics['epochs'])} passes bring Mono-Forward's training loss to {losses[0]:.3f} and leave its validation "
        f"loss at {losses[1]:.1f}{fitted}."
    )


def _both_ways(ours: Sequence[Result], theirs: Sequence[Result]) -> str:
    """Judge both predictions of Mono-Forward."""
    last, total = (judged(against(ours, theirs, f"test_accuracy_{way}")) for way in READINGS)
    return f"{last} by its last block and {total} by the sum of blocks"


def _longer_if_better(short: Sequence[Result], long: Sequence[Result]) -> Sequence[Result]:
    seeds = {result.seed for result in long}
    alike = [result for result in short if result.seed in seeds]
    return max((alike, long), key=lambda arm: mean(values(arm, "validation_accuracy")).value)


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
        for way, words in _ways(rule).items():
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
        f"At the rate that came second on {TITLES[name]} {NAMES[rule]} has {percent(mean(values(theirs, 'test_accuracy')))} (the paper's {_printed(name, rule):.2f} less {NEAR}: "
        f"{reached(mean(values(theirs, 'test_accuracy')), _printed(name, rule) or 0)}); against that Mono-Forward is {judged(against(found[name, 'mf'], theirs, 'test_accuracy_last'))}."
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


def _ways(rule: str) -> dict[str, str]:
    """The metrics that a rule's row shows, and how they are read."""
    if rule == "mf":
        return {f"test_accuracy_{way}": words for way, words in READINGS.items()}
    return {"test_accuracy": ""}


def _printed(name: str, rule: str) -> float | None:
    table, data = (printed.CNN, name.removeprefix("cnn-")) if name.startswith("cnn-") else (printed.MLP, name)
    return table.get(rule, {}).get(data)


EXPERIMENTS: tuple[Experiment, ...] = (
    *TUNING.values(),
    *CELLS.values(),
    *LONG.values(),
    *(one for key, one in HALF.items() if one is not CELLS[key]),
    *SINGLE.values(),
    *SECOND.values(),
)
ARTEFACT = Artefact(
    "accuracy",
    "Accuracy of Mono-Forward beside BP, FA and DFA on pictures",
    "Mono-Forward, tables 2 and 3",
    EXPERIMENTS,
    render,
)
