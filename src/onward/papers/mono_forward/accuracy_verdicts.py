"""What the intervals say of accuracy: whether a printed number was reached, and whether Mono-Forward "consistently outperforms BP"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean, values
from onward.papers.mono_forward import printed
from onward.papers.mono_forward.accuracy_cells import LONGER, NAMES, PROBLEMS, TITLES, printed_for, ways_of
from onward.papers.mono_forward.words import READINGS, against, judged, percent
from onward.reports.artefact import Text
from onward.reports.words import NOT_RUN

FITTED = 0.1  # training loss below which a net has learned its examples
TEST = 10_000  # pictures in the test part of each data set
NEAR = 0.3  # points below the paper that still count as its number


def verdicts(found: Mapping[tuple[str, str], Sequence[Result]]) -> Text:
    """Say for every printed cell, by its interval, whether it was reached; validation chooses between two readouts."""
    groups: dict[tuple[str, bool], list[str]] = {}
    for (name, rule), ours in found.items():
        theirs = printed_for(name, rule)
        if theirs is None or not ours:
            continue
        ways = ways_of(rule)
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
