"""What is read from counted peaks: bytes of a layer more, where two ways cross, and ratios of the same and of different steps."""

from pathlib import Path

import pytest

from onward.experiments.result import Result
from onward.experiments.run import stored
from onward.papers.mono_forward.memory_cases import BATCHES, DEPTH, DEPTHS
from onward.papers.mono_forward.memory_slopes import crossing, crossing_depth, ratios, slope
from onward.papers.mono_forward.memory_verdicts import verdict, whole
from onward.training.ways import WAYS

RESULTS = Path(__file__).parents[3] / "results"


def counted(**series: list[float]) -> Result:
    return Result("made", 0, [0], "", {}, {}, {"depths": list(DEPTHS), **series}, 1.0, {}, "")


def line(first: float, layer: float) -> list[float]:
    return [first + layer * depth for depth in DEPTHS]


def test_a_slope_is_that_between_the_two_deepest_nets() -> None:
    result = counted(bp_adam_32_peaks=[100.0, 120.0, 200.0])
    assert slope(result, "bp", "adam", 32) == 10.0


def test_two_ways_cross_at_the_batch_at_which_their_slopes_are_equal() -> None:
    # a layer costs ours 10 at any batch, and theirs 4 at 100 and 16 at 200: equal at 150
    series = {f"mf_adam_{batch}_peaks": line(0, 10) for batch in (100, 200)}
    series |= {"bp_adam_100_peaks": line(0, 4), "bp_adam_200_peaks": line(0, 16)}
    result = counted(**series)
    assert crossing(result, "mf", "bp", "adam", (100, 200)) == 150
    assert crossing(result, "mf", "bp", "adam", (200,)) is None
    assert crossing(result, "mf", "bp", "adam", (100,)) == float("inf")


@pytest.mark.parametrize(
    ("ours", "theirs", "since"),
    [
        (line(0, 1), line(10, 2), None),  # less at every depth
        (line(60, 5), line(0, 10), 12.0),  # between two depths
        (line(100, 5), line(0, 10), 20.0),  # beyond the deepest
        (line(100, 5), line(0, 5), float("inf")),  # never
    ],
)
def test_two_ways_cross_at_the_depth_at_which_their_peaks_are_equal(
    ours: list[float], theirs: list[float], since: float | None
) -> None:
    result = counted(mf_adam_32_peaks=ours, bp_adam_32_peaks=theirs)
    assert crossing_depth(result, "mf", "bp", "adam", 32) == since


def test_the_published_ratio_is_of_a_first_step_over_one_that_holds_all_gradients() -> None:
    result = counted(
        bp_adam_32_first=line(0, 24),
        bp_adam_32_peaks=line(0, 36),
        mf_adam_32_kept=line(0, 4),
        mf_adam_32_peaks=line(16, 3),
    )
    published, alike, whole_peaks = ratios(result, 32)
    assert (published, alike, whole_peaks) == (6.0, 12.0, 36 * 16 / 64)


@pytest.mark.parametrize(
    ("first", "said"), [(204e6, "are reproduced to the last digit"), (204.01e6, "are **not** reproduced")]
)
def test_the_published_slopes_are_reproduced_to_the_last_digit_or_not(first: float, said: str) -> None:
    series = {
        f"{way}_adam_{batch}_peaks": line(0, 12e6 if way == "mf" else 1e5 * batch) for way in WAYS for batch in BATCHES
    }
    series |= {f"mf_adam_{batch}_kept": line(0, 16.16e6) for batch in BATCHES}
    series |= {f"bp_adam_{batch}_first": line(0, first if batch == 50_000 else 1e4 * batch) for batch in BATCHES}
    sentence = verdict(counted(**series))
    assert said in sentence
    assert "cost less than BP's of a later step from a batch of about 162 on" in sentence
    assert "Of that pair Mono-Forward's layers cost less from a batch of about 1,616 on" in sentence
    assert "than BP, batch in 16 pieces from a batch of about 120 on" in sentence


def test_whole_peaks_are_set_beside_every_rival() -> None:
    rivals = {way: line(0, 10) for way in WAYS if way != "mf"}
    peaks = {"mf": line(60, 5), **rivals, "bp-pieces": line(0, 5)}
    sentence = whole(counted(**{f"{way}_adam_128_peaks": found for way, found in peaks.items()}), 128)
    assert "than BP from about 12 layers on" in sentence
    assert "than BP, batch in 16 pieces at no depth" in sentence


def test_the_stored_slopes_are_the_ones_that_were_printed() -> None:
    (result,) = stored(DEPTH["mlp"], RESULTS)
    assert slope(result, "bp", "adam", 50_000, "first") / 1e6 == pytest.approx(204.00, abs=0.005)
    assert slope(result, "mf", "adam", 50_000, "kept") / 1e6 == pytest.approx(16.16, abs=0.005)
    assert slope(result, "mf", "adam", 50_000) / 1e6 <= 12.2
    assert slope(result, "mf", "sgd", 50_000) / 1e6 <= 4.1
