"""Medians and their intervals: what they hold, and how often."""

from math import comb

import pytest
import torch

from onward.experiments.medians import median_interval, ratio


def test_the_interval_stands_between_two_of_the_numbers() -> None:
    assert median_interval([5.0, 1.0, 3.0]) == (3.0, 1.0, 5.0, 3)
    assert median_interval([float(k) for k in range(6)]) == (2.5, 0.0, 5.0, 6)
    assert median_interval([float(k) for k in range(9)]) == (4.0, 1.0, 7.0, 9)
    assert median_interval([float(k) for k in range(12)]) == (5.5, 2.0, 9.0, 12)


@pytest.mark.parametrize("n", range(6, 60))
def test_it_holds_with_95_percent_and_no_narrower_one_does(n: int) -> None:
    found = median_interval([float(k) for k in range(n)])
    left_out = int(found.low)
    assert found.high == n - 1 - left_out

    def outside(ends: int) -> float:
        return 2 * sum(comb(n, k) for k in range(ends + 1)) / 2**n

    assert outside(left_out) <= 0.05 < outside(left_out + 1)


def test_it_holds_the_median_of_skewed_numbers_about_as_often_as_it_says() -> None:
    drawn = torch.empty(4000, 12, dtype=torch.float64).exponential_(generator=torch.Generator().manual_seed(0))
    true = torch.log(torch.tensor(2.0)).item()
    held = [one.low <= true <= one.high for one in (median_interval(row) for row in drawn.tolist())]
    assert sum(held) / len(held) == pytest.approx(0.961, abs=0.012)


def test_ratios_are_those_of_numbers_side_by_side() -> None:
    assert ratio([2.0, 8.0, 9.0], [1.0, 2.0, 3.0]) == (3.0, 2.0, 4.0, 3)


def test_what_cannot_be_had_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 number, got none"):
        median_interval([])
    with pytest.raises(ValueError, match="as many numbers of both, got 2 and 1"):
        ratio([1.0, 2.0], [1.0])


def test_it_is_written_to_three_digits() -> None:
    assert str(median_interval([1234.5, 1000.0, 2000.0])) == "1,230 (1,000 to 2,000)"
