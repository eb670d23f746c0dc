"""Means with their 95 % intervals, over seeds; paired where two arms share their seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Mean(NamedTuple):
    """A mean, the half-width of its 95 % interval by Student's t (NaN for one value), and the number of values."""

    value: float
    half: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.half:.3f}" if self.n > 1 else f"{self.value:.3f}"


def mean(values: Sequence[float]) -> Mean:
    """Give the mean of some values with its interval."""
    from scipy.stats import t

    data = np.asarray(values, dtype=np.float64)
    if len(data) < 2:
        return Mean(float(data.mean()), float("nan"), len(data))
    half = float(t.ppf(0.975, len(data) - 1)) * float(data.std(ddof=1)) / len(data) ** 0.5
    return Mean(float(data.mean()), half, len(data))


def paired(ours: Sequence[float], theirs: Sequence[float]) -> Mean:
    """Give the mean difference of two arms that saw the same seeds, with its interval."""
    return mean([a - b for a, b in zip(ours, theirs, strict=True)])
