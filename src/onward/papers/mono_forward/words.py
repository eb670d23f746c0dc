"""How the reports of this paper write accuracies, differences and verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean

CIFAR_10_NOTE = (
    "Some copies of CIFAR-10, this one too, hold 23 of the 10,000 test pictures from JPEGs instead of the exact pixels, which can "
    "move an accuracy by 0.23 points at the most."
)
READINGS = {"last": "last block (BP prediction)", "total": "sum of blocks (FF prediction)"}


def percent(found: Mean) -> str:
    """Write an accuracy in per cent with its interval."""
    return f"{100 * found.value:.2f} ± {100 * found.half:.2f}" if found.n > 1 else f"{100 * found.value:.2f} (one seed)"


def points(found: Mean) -> str:
    """Write a difference of accuracies in points with its interval."""
    return f"{100 * found.value:+.2f} ± {100 * found.half:.2f}" if found.n > 1 else f"{100 * found.value:+.2f} (one seed)"


def against(ours: Sequence[Result], theirs: Sequence[Result], metric: str, other: str = "test_accuracy") -> Mean:
    """Give the mean difference of a metric of ours to another of theirs, over the seeds that both have."""
    rival = {result.seed: result.metrics[other] for result in theirs}
    return mean([result.metrics[metric] - rival[result.seed] for result in ours if result.seed in rival])


def judged(difference: Mean) -> str:
    """Say where Mono-Forward stands to BP by the interval alone."""
    if difference.n < 2:
        return f"{points(difference)} against BP, which says nothing about other seeds"
    if difference.value > difference.half:
        return f"above BP ({points(difference)} points)"
    if difference.value < -difference.half:
        return f"**below BP** ({points(difference)} points)"
    return f"level with BP within the interval ({points(difference)} points)"
