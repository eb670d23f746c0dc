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


def holm(found: Sequence[Mean]) -> list[bool]:
    """Tell which of several means differ from 0, so that in 5 % of cases at most any of them is wrongly said to.

    The smallest chance (p-value of Student's t) is held against 5 % over the number of means, the next one against 5 % over one less, and so
    on until one is too large (Holm, Scandinavian Journal of Statistics 6, 1979). A mean of one value never differs.
    """
    from scipy.stats import t

    chances = [1.0] * len(found)
    for k, one in enumerate(found):
        if one.n > 1 and one.value:
            apart = abs(one.value) / one.half * t.ppf(0.975, one.n - 1) if one.half else float("inf")
            chances[k] = 2 * float(t.sf(apart, one.n - 1))
    differs = [False] * len(found)
    for rank, k in enumerate(sorted(range(len(found)), key=chances.__getitem__)):
        if chances[k] > 0.05 / (len(found) - rank):
            break
        differs[k] = True
    return differs


def values(results: Sequence[Result], metric: str) -> list[float]:
    """Give a metric of some results."""
    return [result.metrics[metric] for result in results]


def paired(ours: Sequence[Result], theirs: Sequence[Result], metric: str) -> Mean:
    """Give the mean difference of two arms in a metric, over the seeds that both have, with its interval."""
    other = {result.seed: result.metrics[metric] for result in theirs}
    return mean([result.metrics[metric] - other[result.seed] for result in ours if result.seed in other])


def stands(difference: Mean) -> str:
    """Say by the interval alone where one number stands to another: "above", "below", "level" or, of fewer than two values, "unknown"."""
    if difference.n < 2:
        return "unknown"
    if difference.value > difference.half:
        return "above"
    return "below" if difference.value < -difference.half else "level"
