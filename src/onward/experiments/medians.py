"""Medians with their intervals, for times: what else the machine does skews them, so nothing is assumed of how they are spread.

The interval is that between two of the numbers themselves, the narrowest that holds the true median with 95 % or more, as each
number falls below it with probability one half (Conover, *Practical Nonparametric Statistics*, section 3.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from statistics import median
from typing import NamedTuple

from onward.experiments.rounding import to_three

CONFIDENCE = 0.95


class Median(NamedTuple):
    """A median, the ends of its 95 % interval, and the number of values."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """Write it to three digits, with its interval."""
        return f"{to_three(self.value)} ({to_three(self.low)} to {to_three(self.high)})"


def median_interval(numbers: Sequence[float]) -> Median:
    """Give the median with its interval; of fewer than six numbers that is the lowest and the highest, and holds it less often.

    Raises:
        ValueError: no numbers.
    """
    if not numbers:
        raise ValueError("a median needs at least 1 number, got none")
    ordered = sorted(numbers)
    left_out = _left_out(len(ordered))
    return Median(median(ordered), ordered[left_out], ordered[len(ordered) - 1 - left_out], len(ordered))


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Median:
    """Give the median of the ratios of numbers that were taken side by side.

    Raises:
        ValueError: as many of one as of the other are needed, or none are given.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"ratios need as many numbers of both, got {len(ours)} and {len(theirs)}")
    return median_interval([one / other for one, other in zip(ours, theirs, strict=True)])


def _left_out(n: int) -> int:
    """Count the numbers at each end that the interval leaves out."""
    outside, left_out = 2 * 0.5**n, 0
    while left_out + 1 < n / 2 and outside + 2 * comb(n, left_out + 1) * 0.5**n <= 1 - CONFIDENCE:
        left_out += 1
        outside += 2 * comb(n, left_out) * 0.5**n
    return left_out
