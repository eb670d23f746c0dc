"""How the reports of this paper write accuracies and differences, and judge its sentences.

A sentence is judged by the interval of a difference over seeds, never by a mean alone; a single seed says nothing about others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean, stands
from onward.reports.words import NOT_RUN

READINGS = {"last": "last block (BP prediction)", "total": "sum of blocks (FF prediction)"}
CIFAR_10_NOTE = (
    "Copies of CIFAR-10's test file may differ: in some, 23 of the 10,000 pictures are not bit-exact, which can move an accuracy "
    "by up to 0.23 points."
)
INTERVALS = (
    "Intervals are over seeds alone, all of which read the same test part: they tell how much a number depends on the draw of weights, batches "
    "and parts. What another test part would change is not in them: of 10,000 examples an accuracy of 98.5 % is uncertain by "
    "0.24 points, one of 57 % by 0.97, a paired difference by less."
)


def percent(found: Mean) -> str:
    """Write an accuracy in per cent with its interval."""
    return _hundredfold(found, "")


def points(found: Mean) -> str:
    """Write a difference of accuracies in points with its interval."""
    return _hundredfold(found, "+")


def _hundredfold(found: Mean, sign: str) -> str:
    if not found.n:
        return NOT_RUN
    spread = f" ± {100 * found.half:.2f}" if found.n > 1 else " (one seed)"
    return f"{100 * found.value:{sign}.2f}{spread}"


def within(results: Sequence[Result], one: str, other: str) -> Mean:
    """Give the mean difference of two metrics of the same runs, with its interval."""
    return mean([result.metrics[one] - result.metrics[other] for result in results])


def against(ours: Sequence[Result], theirs: Sequence[Result], metric: str, other: str = "test_accuracy") -> Mean:
    """Give the mean difference of a metric of ours to another of theirs, over the seeds that both have."""
    rival = {result.seed: result.metrics[other] for result in theirs}
    return mean([result.metrics[metric] - rival[result.seed] for result in ours if result.seed in rival])


def told(difference: Mean, rival: str = "") -> str:
    """Write where one accuracy stands to another, and the difference in points.

    Args:
        difference: of the two.
        rival: what the other one is called; left out where the sentence names it.
    """
    if not difference.n:
        return NOT_RUN
    standing = stands(difference)
    if standing == "unknown":
        to = f" against {rival}" if rival else ""
        return f"{100 * difference.value:+.2f} points{to} in one seed, which says nothing about others"
    words = "not told apart from" if standing == "level" else standing
    named = f"{words} {rival}" if rival else words.removesuffix(" from")
    return f"{named} ({points(difference)} points)"


def judged(difference: Mean) -> str:
    """Say where Mono-Forward stands to BP by the interval alone."""
    return told(difference, "BP")


def counted(groups: Mapping[str, Sequence[str]]) -> str:
    """List what stands where, leaving out what is empty."""
    return "; ".join(f"{words}: {', '.join(group)}" for words, group in groups.items() if group)
