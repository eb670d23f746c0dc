"""Means and intervals are Student's."""

import math

import numpy as np
import pytest
from scipy import stats

from onward.experiments.statistics import mean, paired


def test_interval_is_students() -> None:
    values = [0.9, 0.95, 0.97, 0.99]
    found = mean(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.value - found.half, found.value + found.half) == pytest.approx((low, high))
    assert str(found) == f"{found.value:.3f} ± {found.half:.3f}"


def test_one_value_has_no_interval() -> None:
    assert math.isnan(mean([0.5]).half)
    assert str(mean([0.5])) == "0.500"


def test_pairs_are_compared_seed_by_seed() -> None:
    found = paired([0.9, 0.5, 0.7], [0.8, 0.4, 0.6])
    assert found.value == pytest.approx(0.1)
    assert found.half == pytest.approx(0, abs=1e-12)
