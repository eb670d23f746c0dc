"""Numbers are written to three digits, and large ones in full."""

import pytest

from onward.experiments.rounding import to_three


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0"), (1.7e-06, "1.7e-06"), (0.01234, "0.0123"), (12.34, "12.3"), (99.96, "100"), (999.6, "1,000"), (-46_496, "-46,500"), (float("inf"), "inf")],
)  # fmt: skip
def test_numbers_are_written_to_three_digits(value: float, words: str) -> None:
    assert to_three(value) == words
