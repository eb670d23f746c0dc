"""How a cost grows: the exponent of a power law, fitted to its logarithm where the numbers are large.

What is small is overhead, so only the upper half of the range, in its logarithm, counts. The interval is that of the slope of a
line by least squares; it tells how well a line fits the points there are, not what lies beyond them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

FEWEST = 3  # points that a line with an interval can be fitted to


class Exponent(NamedTuple):
    """A fitted exponent, the half-width of its 95 % interval, the number of points, and the range that they cover."""

    value: float
    half: float
    n: int
    low: float
    high: float

    def __str__(self) -> str:
        """Write it with its interval."""
        return f"{self.value:.2f} ± {self.half:.2f}"

    def holds(self, exponent: float) -> bool:
        """Tell whether an exponent lies in the interval."""
        return abs(self.value - exponent) <= self.half


def upper_half(places: Sequence[float]) -> list[int]:
    """Give the numbers of the places that are not below the geometric middle of the lowest and the highest."""
    middle = math.sqrt(min(places) * max(places))
    return [k for k, place in enumerate(places) if place >= middle * (1 - 1e-9)]


def exponent(places: Sequence[float], costs: Sequence[float]) -> Exponent:
    """Fit `cost ~ place ** exponent` over the upper half of the places.

    Args:
        places: what grows, above 0.
        costs: one a place, above 0.

    Raises:
        ValueError: too few places in the upper half, numbers that have no logarithm, or one list longer than the other.
    """
    from scipy.stats import t

    if len(places) != len(costs):
        raise ValueError(f"an exponent needs one cost a place, got {len(costs)} for {len(places)}")
    wrong = [number for number in (*places, *costs) if not number > 0]
    if wrong:
        raise ValueError(f"an exponent is fitted to numbers above 0, got {wrong[0]}")
    chosen = upper_half(places) if places else []
    if len(chosen) < FEWEST:
        raise ValueError(f"an exponent needs at least {FEWEST} places in the upper half of the range, got {len(chosen)}")
    x, y = (np.log(np.asarray([each[k] for k in chosen], dtype=np.float64)) for each in (places, costs))
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    degrees = len(chosen) - 2
    error = math.sqrt(float(rest @ rest) / degrees / float(x @ x))
    ends = places[chosen[0]], places[chosen[-1]]
    return Exponent(slope, float(t.ppf(0.975, degrees)) * error, len(chosen), float(min(ends)), float(max(ends)))
