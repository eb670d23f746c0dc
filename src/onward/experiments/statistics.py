"""Means with their 95 % intervals, over seeds; paired where two arms share their seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from onward.experiments.result import Result


class Mean(NamedTuple):
    """A mean, the half-width of its 95 % interval by Student's t (NaN for one value), and the number of values."""

    value: float
    half: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.half:.3f}" if self.n > 1 else f"{self.value:.3f}"


def mean(numbers: Sequence[float]) -> Mean:
    """Give the mean of some numbers with its interval; of none, NaN."""
    from scipy.stats import t

    data = np.asarray(numbers, dtype=np.float64)
    if len(data) < 2:
        return Mean(float(data.sum()) if len(data) else float("nan"), float("nan"), len(data))
    half = float(t.ppf(0.975, len(data) - 1)) * float(data.std(ddof=1)) / len(data) ** 0.5
    return Mean(float(data.mean()), half, len(data))


def geometric(numbers: Sequence[float]) -> tuple[float, float, float]:
    """Give the geometric mean of numbers above 0 with the ends of the 95 % interval of the mean logarithm; of one number, NaN ends.

    Raises:
        ValueError: a number that is not above 0, or none.
    """
    if not numbers or not min(numbers) > 0:
        raise ValueError(f"a geometric mean is of numbers above 0, got {list(numbers)}")
    found = mean(np.log(numbers).tolist())
    middle, low, high = np.exp([found.value, found.value - found.half, found.value + found.half]).tolist()
    return middle, low, high


def wider(found: Mean, comparisons: int) -> Mean:
    """Widen an interval for several comparisons, so that all of them together are wrong in 5 % of cases at most (Bonferroni)."""
    from scipy.stats import t

    degrees = found.n - 1
    if degrees < 1:
        return found
    return found._replace(half=found.half * float(t.ppf(1 - 0.025 / comparisons, degrees) / t.ppf(0.975, degrees)))


def values(results: Sequence[Result], metric: str) -> list[float]:
    """Give a metric of some results."""
    return [result.metrics[metric] for result in results]


def paired(ours: Sequence[Result], theirs: Sequence[Result], metric: str) -> Mean:
    """Give the mean difference of two arms in a metric, over the seeds that both have, with its interval."""
    other = {result.seed: result.metrics[metric] for result in theirs}
    return mean([result.metrics[metric] - other[result.seed] for result in ours if result.seed in other])
