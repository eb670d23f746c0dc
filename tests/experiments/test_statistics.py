"""Means and intervals are Student's."""

import math

import numpy as np
import pytest
from scipy import stats

from onward.experiments.result import Result
from onward.experiments.statistics import geometric, mean, paired, wider


def test_interval_is_students() -> None:
    values = [0.9, 0.95, 0.97, 0.99]
    found = mean(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.value - found.half, found.value + found.half) == pytest.approx((low, high))
    assert str(found) == f"{found.value:.3f} ± {found.half:.3f}"


def test_one_value_has_no_interval() -> None:
    assert math.isnan(mean([0.5]).half)
    assert str(mean([0.5])) == "0.500"


def test_the_interval_of_a_geometric_mean_is_that_of_the_logarithm() -> None:
    middle, low, high = geometric([0.1, 10.0])
    half = stats.t.ppf(0.975, 1) * math.log(10)  # deviation of the logarithm sqrt(2) log 10, of two values
    assert middle == pytest.approx(1)
    assert (low, high) == (pytest.approx(math.exp(-half)), pytest.approx(math.exp(half)))
    assert low > 0
    assert geometric([3.0])[0] == pytest.approx(3)
    assert math.isnan(geometric([3.0])[1])


@pytest.mark.parametrize("numbers", [[], [1.0, 0.0], [math.nan]])
def test_a_geometric_mean_of_what_is_not_above_0_is_refused(numbers: list[float]) -> None:
    with pytest.raises(ValueError, match="^a geometric mean is of numbers above 0, got "):
        geometric(numbers)


def results(values: dict[int, float]) -> list[Result]:
    return [Result("e", seed, [seed], "", {}, {"accuracy": v}, {}, 0.0, {}, "") for seed, v in values.items()]


def test_pairs_are_compared_seed_by_seed_where_both_have_one() -> None:
    found = paired(results({1: 0.9, 2: 0.5, 3: 0.7, 9: 0.0}), results({3: 0.6, 2: 0.4, 1: 0.8, 8: 1.0}), "accuracy")
    assert found.n == 3
    assert found.value == pytest.approx(0.1)
    assert found.half == pytest.approx(0, abs=1e-12)


def test_no_values_have_no_mean() -> None:
    assert math.isnan(mean([]).value)


def test_an_interval_for_several_comparisons_is_that_of_a_smaller_share_of_error() -> None:
    numbers = [0.9, 0.95, 0.97, 0.99]
    found = wider(mean(numbers), 5)
    low, high = stats.t.interval(0.99, 3, np.mean(numbers), stats.sem(numbers))
    assert (found.value - found.half, found.value + found.half) == pytest.approx((low, high))
    assert wider(mean(numbers), 1).half == pytest.approx(mean(numbers).half)
    assert wider(mean([0.5]), 3).n == 1
