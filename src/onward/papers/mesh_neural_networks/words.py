"""How the reports on Table 2 write a mean and a paired difference, or say that it was not run."""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean, values
from onward.papers.mono_forward.words import NOT_RUN


def averaged(results: Sequence[Result], metric: str = "test_accuracy") -> str:
    """Write the mean of a metric with its interval."""
    return f"{mean(values(results, metric))}" if results else NOT_RUN


def signed(difference: Mean) -> str:
    """Write a difference with its interval."""
    if not difference.n:
        return NOT_RUN
    return (
        f"{difference.value:+.4f} ± {difference.half:.4f}" if difference.n > 1 else f"{difference.value:+.4f} (one trial)"
    )


def listed(words: Sequence[str]) -> str:
    """Write words as a list in a sentence."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
