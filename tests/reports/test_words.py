"""Words that reports share say what was not run, and never an interval that one value does not have."""

import math

from onward.experiments.statistics import Mean
from onward.reports import words

NOTHING, ONE, SEVERAL = Mean(math.nan, math.nan, 0), Mean(0.25, math.nan, 1), Mean(-0.25, 0.03, 4)


def test_a_mean_is_written_with_its_interval() -> None:
    assert [words.written(found) for found in (NOTHING, ONE, SEVERAL)] == ["not run", "0.250", "-0.250 ± 0.030"]


def test_a_difference_is_written_with_its_sign() -> None:
    assert [words.signed(found) for found in (NOTHING, ONE)] == ["not run", "+0.2500 (one trial)"]
    assert words.signed(SEVERAL) == "-0.2500 ± 0.0300"
    assert words.signed(SEVERAL, 2) == "-0.25 ± 0.03"


def test_a_list_ends_in_and() -> None:
    assert [words.listed("abc"[:count]) for count in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
