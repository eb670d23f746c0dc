"""How sentences of the paper are judged: by the interval of a difference over seeds, never by a mean alone."""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean
from onward.papers.mono_forward.words import points


def within(results: Sequence[Result], one: str, other: str) -> Mean:
    """Give the mean difference of two metrics of the same runs, with its interval."""
    return mean([result.metrics[one] - result.metrics[other] for result in results])


def stands(difference: Mean) -> str:
    """Say where one accuracy stands to another: "above", "below", "level" or, of a single seed, "unknown"."""
    if difference.n < 2:
        return "unknown"
    if difference.value > difference.half:
        return "above"
    return "below" if difference.value < -difference.half else "level"


def told(difference: Mean) -> str:
    """Write a difference in points with where it stands."""
    words = {"level": "level within the interval", "unknown": "one seed, which says nothing about others"}
    standing = stands(difference)
    return f"{words.get(standing, standing)} ({points(difference)} points)"


def counted(groups: dict[str, list[str]]) -> str:
    """List what stands where, leaving out what is empty."""
    return "; ".join(f"{words}: {', '.join(group)}" for words, group in groups.items() if group)
