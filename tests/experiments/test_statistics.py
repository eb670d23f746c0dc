"""Means and intervals are Student's."""

import math

import numpy as np
import pytest
from scipy import stats

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, geometric, holm, mean, paired, wider


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


def with_chance(chance: float, n: int = 20) -> Mean:
    """A mean whose difference from 0 has a p-value, below 0."""
    apart, half = map(float, stats.t.ppf([1 - chance / 2, 0.975], n - 1))
    return Mean(-0.3 * apart, 0.3 * half, n)


@pytest.mark.parametrize(
    ("chances", "differs"),
    [
        ([0.049], [True]),
        ([0.051], [False]),
        ([0.04, 0.024], [True, True]),  # neither would do at 0.025 if the other did not
        ([0.026, 0.026], [False, False]),
        ([0.016, 0.04, 0.024], [True, True, True]),
        ([0.04, 0.03, 0.016], [False, False, True]),  # the second is too large for 0.025, so the third is not looked at
    ],
)
def test_of_several_means_the_surest_is_asked_most(chances: list[float], differs: list[bool]) -> None:
    assert holm([with_chance(chance) for chance in chances]) == differs


def test_a_chance_is_that_of_students_test() -> None:
    """Of one mean, to differ is what its interval says."""
    numbers = np.random.default_rng(0).normal(1, 1, (300, 5))
    said = [holm([mean(row.tolist())])[0] for row in numbers]
    chances = np.asarray(stats.ttest_1samp(numbers, 0, axis=1))[1]
    assert said == (chances <= 0.05).tolist()
    assert 0 < sum(said) < 300


def test_a_mean_that_does_not_vary_differs_unless_it_is_0_and_one_of_one_value_never_does() -> None:
    assert holm([mean([0.1, 0.1]), mean([0.0, 0.0]), mean([0.5]), mean([])]) == [True, False, False, False]
    assert holm([]) == []
