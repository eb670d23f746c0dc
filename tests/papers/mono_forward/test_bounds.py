"""Goals and printed ratios are judged by intervals."""

from math import comb, isnan, nan

import pytest

from onward.experiments.statistics import Mean
from onward.papers.mono_forward.bounds import Interval, grouped, of_mean, of_turns, verdict, word


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Interval(1.4, 1.3, 1.5), "yes"),
        (Interval(1.4, 1.29, 1.5), "undecided (above by the middle)"),
        (Interval(1.25, 1.2, 1.3), "undecided (below by the middle)"),
        (Interval(1.25, 1.2, 1.29), "**no**"),
        (Interval(1.4, nan, nan), "undecided (above in one run)"),
    ],
)
def test_a_bound_in_the_interval_is_undecided(found: Interval, said: str) -> None:
    assert verdict(found, 1.3) == said
    assert said.startswith(word(found, 1.3))


def test_the_interval_of_a_mean_is_that_of_its_runs() -> None:
    assert of_mean(Mean(1.5, 0.2, 5)) == pytest.approx((1.5, 1.3, 1.7))
    assert isnan(of_mean(Mean(1.5, nan, 1)).low)


@pytest.mark.parametrize(("turns", "cut"), [(2, 1), (3, 1), (5, 1), (6, 1), (8, 1), (9, 2), (12, 3), (25, 8)])
def test_the_interval_of_a_median_lies_between_turns(turns: int, cut: int) -> None:
    found = of_turns([float(k) for k in range(turns, 0, -1)])
    assert found == ((turns + 1) / 2, cut, turns + 1 - cut)
    if turns > 5:  # the median is in it in 95 % of cases, and a narrower one would not do
        outside = [2 * sum(comb(turns, k) for k in range(below)) / 2**turns for below in (cut, cut + 1)]
        assert outside[0] <= 0.05 < outside[1]


def test_intervals_are_written_with_their_ends() -> None:
    assert str(of_turns([1.0, 2.0, 3.0])) == "2.00 (1.00 to 3.00)"
    assert str(of_turns([1.5])) == "1.50"


def test_places_are_listed_by_what_is_said_of_them() -> None:
    assert grouped({"a": "yes", "b": "**no**", "c": "yes"}) == "reached in a; c, not reached in b"
    assert grouped({"a": "undecided"}) == "undecided in a"
