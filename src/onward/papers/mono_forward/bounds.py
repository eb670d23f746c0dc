"""Whether a measured number is at least a bound: judged by the interval that it lies in, and undecided where that holds the bound.

All pages that set goals, or compare with a printed ratio, judge by this one function. Intervals are of means over runs (Student's t), or of
medians over turns: between two of the turns in order, so that nothing is taken for granted about how times are spread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb, isnan
from statistics import median
from typing import NamedTuple

from onward.experiments.statistics import Mean

IN_PARALLEL = 1.3  # the goal of blocks in parallel on two cores, over the best BP on as many
YES, NO, UNDECIDED = "yes", "**no**", "undecided"
REACHED = {YES: "reached", UNDECIDED: "undecided", NO: "not reached"}
TAIL = 0.025  # of an interval of 95 %, on either side


class Interval(NamedTuple):
    """A number and the ends of the interval that it lies in; they are NaN where one measurement says nothing about others."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write it with its interval."""
        return f"{self.value:.2f}" + ("" if isnan(self.low) else f" ({self.low:.2f} to {self.high:.2f})")


def of_mean(found: Mean) -> Interval:
    """Give a mean over runs with the ends of its 95 % interval."""
    return Interval(found.value, found.value - found.half, found.value + found.half)


def of_turns(each: Sequence[float]) -> Interval:
    """Give the median over turns with an interval of at least 95 %; of fewer than six turns the lowest and the highest, which cover less.

    The median lies below the k-th of n turns in order only if fewer than k turns are below it: P = sum over j < k of C(n, j) / 2^n.
    """
    if len(each) < 2:
        return Interval(median(each), float("nan"), float("nan"))
    ordered, cut, below = sorted(each), 0, 0.0
    while True:
        below += comb(len(ordered), cut) / 2 ** len(ordered)
        if below > TAIL:
            break
        cut += 1
    cut = max(cut, 1)
    return Interval(median(ordered), ordered[cut - 1], ordered[-cut])


def word(found: Interval, bound: float) -> str:
    """Say whether a number is at least a bound: `YES`, `NO`, or `UNDECIDED` where its interval holds the bound or there is none."""
    if found.low >= bound:
        return YES
    return NO if found.high < bound else UNDECIDED


def verdict(found: Interval, bound: float) -> str:
    """Say whether a number is at least a bound, and of what is undecided on which side of it the number stands."""
    said = word(found, bound)
    if said != UNDECIDED:
        return said
    side = "above" if found.value >= bound else "below"
    return f"{said} ({side} {'in one run' if isnan(found.low) else 'by the middle'})"


def grouped(said: Mapping[str, str]) -> str:
    """List where something is reached, undecided and not reached, from the `word` of each place, leaving out what is empty."""
    groups = {told: [place for place, one in said.items() if one == each] for each, told in REACHED.items()}
    return ", ".join(f"{told} in {'; '.join(places)}" for told, places in groups.items() if places)
