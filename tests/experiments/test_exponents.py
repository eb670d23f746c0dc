"""Exponents fitted to costs whose exponents are known."""

from typing import Any

import pytest
import torch

from onward.experiments.exponents import exponent, upper_half

PLACES = [2.0**k for k in range(12)]


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0, 4.0])
def test_an_exact_power_is_found_exactly(power: float) -> None:
    found = exponent(PLACES, [3e-7 * place**power for place in PLACES])
    assert found.value == pytest.approx(power, abs=1e-12)
    assert found.half < 1e-6
    assert (found.n, found.low, found.high) == (6, 64, 2048)


def test_what_is_small_does_not_count() -> None:
    """Overhead of a thousand bends the lower half alone."""
    costs = [place**3 + 1000 for place in PLACES]
    assert exponent(PLACES, costs).value == pytest.approx(3, abs=0.01)


def test_the_interval_holds_the_exponent_as_often_as_it_says() -> None:
    drawn = torch.randn(2000, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    held = 0
    for noise in drawn.tolist():
        found = exponent(PLACES, [place**2 * 2.0 ** (0.1 * one) for place, one in zip(PLACES, noise, strict=True)])
        held += found.holds(2)
    assert held / 2000 == pytest.approx(0.95, abs=0.015)


def test_the_interval_is_that_of_scipy() -> None:
    from scipy.stats import linregress, t

    costs = [place * (1 + 0.2 * (k % 3)) for k, place in enumerate(PLACES)]
    found = exponent(PLACES, costs)
    line: Any = linregress(
        torch.tensor(PLACES[6:]).log().tolist(), torch.tensor(costs[6:], dtype=torch.float64).log().tolist()
    )
    assert found.value == pytest.approx(line.slope, rel=1e-6)
    assert found.half == pytest.approx(t.ppf(0.975, 4) * line.stderr, rel=1e-5)


def test_the_upper_half_is_that_of_the_logarithm_with_its_middle() -> None:
    assert upper_half([1, 10, 100]) == [1, 2]
    assert upper_half([4, 5, 6, 15, 16, 64]) == [4, 5]
    assert upper_half([100, 1, 10]) == [0, 2]


def test_what_cannot_be_fitted_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3 places in the upper half of the range, got 2"):
        exponent([1, 2, 4], [1, 2, 4])
    with pytest.raises(ValueError, match="at least 3 places in the upper half of the range, got 0"):
        exponent([], [])
    with pytest.raises(ValueError, match="numbers above 0, got 0"):
        exponent(PLACES, [0, *PLACES[1:]])
    with pytest.raises(ValueError, match="numbers above 0, got nan"):
        exponent(PLACES, [float("nan"), *PLACES[1:]])
    with pytest.raises(ValueError, match="one cost a place, got 2 for 12"):
        exponent(PLACES, [1, 2])
