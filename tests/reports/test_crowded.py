"""Drawings of crowded numbers: what is given stands where it belongs, on axes labelled in the numbers themselves."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from onward.experiments.statistics import Mean
from onward.reports import crowded
from onward.reports.crowded import Change, Mark

NAN = float("nan")


def bars(figure: Figure) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each name, the points, and the lower and upper ends of what stands about them."""
    found = {}
    for one in figure.axes[0].containers:
        assert isinstance(one, ErrorbarContainer)
        line, _, (stems,) = one.lines
        assert line is not None
        ends = np.array([np.asarray(segment)[:, 1] for segment in stems.get_segments()])
        found[str(one.get_label())] = np.asarray(line.get_xydata(), dtype=float), ends
    return found


def ticks(figure: Figure) -> list[str]:
    FigureCanvasAgg(figure).draw()
    return [one.get_text() for one in figure.axes[0].get_xticklabels()]


def test_accuracies_stand_at_their_places_with_intervals_between_0_and_1() -> None:
    marks = {"before": Mark("k", "_", joined=False), "after": Mark("b", "o"), "never": Mark("r", "s")}
    series = {
        "before": {"1": Mean(0.95, 0.01, 3), "BP": Mean(0.97, 0.5, 3)},
        "after": {"1": Mean(0.9, NAN, 1), "2": Mean(0.3, 0.4, 3), "BP": Mean(0.8, 0.01, 3)},
    }
    figure = crowded.draw_accuracies(series, marks, places=("1", "2", "BP"), apart=("BP",))
    found = bars(figure)
    np.testing.assert_allclose(found["before"][0], [[0, 0.95], [2, 0.97]])
    np.testing.assert_allclose(found["before"][1], [[0.94, 0.96], [0.47, 1.0]])
    np.testing.assert_allclose(found["after"][0], [[0, 0.9], [1, 0.3], [2, 0.8]])
    np.testing.assert_allclose(found["after"][1], [[0.9, 0.9], [0.0, 0.7], [0.79, 0.81]], atol=1e-12)
    chains = [np.asarray(line.get_xydata(), dtype=float) for line in figure.axes[0].lines if line.get_marker() == "None"]
    assert [len(chain) for chain in chains] == [0, 2]
    assert ticks(figure) == ["1", "2", "BP"]


def test_halving_the_errors_is_the_same_step_on_an_axis_of_accuracies() -> None:
    figure = crowded.draw_accuracies({"a": {"1": Mean(0.9, NAN, 1)}}, {"a": Mark("k", "o")}, places=("1",))
    axes = figure.axes[0]
    FigureCanvasAgg(figure).draw()
    heights = axes.transData.transform([(0, accuracy) for accuracy in (0.6, 0.8, 0.9)])[:, 1]
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], rel=0.02)
    assert [one.get_text() for one in axes.get_yticklabels()] == ["10", "50", "80", "90", "95", "98", "99"]


def test_changes_stand_at_their_part_of_the_cost_with_their_words_below() -> None:
    lines = {
        "early": [
            Change(0.28, Mean(-0.1, 0.05, 3), "0.5"),
            Change(0.3, Mean(0.0, NAN, 1), "0.9"),
            Change(1.0, Mean(0.0, 0.0, 3)),
        ],
        "cut": [Change(0.28, Mean(-0.1, 0.02, 3)), Change(1.0, Mean(0.0, 0.0, 3))],
    }
    figure = crowded.draw_changes(lines, ticks=(0.1, 0.5, 1.0), x="part", y="points")
    found = bars(figure)
    np.testing.assert_allclose(found["early"][0], [[0.28, -0.1], [0.3, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(found["early"][1][0], [-0.15, -0.05])
    np.testing.assert_allclose(found["cut"][0], [[0.28, -0.1], [1.0, 0.0]])
    said = {one.get_text(): one.xy for one in figure.axes[0].texts if hasattr(one, "xy")}  # pyright: ignore[reportAttributeAccessIssue]
    assert said["0.5"] == pytest.approx((0.28, -0.15))
    assert said["0.9"] == pytest.approx((0.3, 0.0))
    assert ticks(figure) == ["0.28", "0.5", "1"]
    left, middle, right = figure.axes[0].transData.transform([(part, 0) for part in (0.28, 0.3, 1.0)])[:, 0]
    assert middle - left > 0.3 * (right - left)


def test_spreads_are_medians_from_the_lowest_to_the_highest_at_their_numbers() -> None:
    arms = {"a": {2: [1.0, 8.0, 2.0], 50: [3.0, 3.0, 4.0]}, "b": {2: [2.0], 50: [5.0]}}
    figure = crowded.draw_spreads(arms, x="classes", y="ms")
    found = bars(figure)
    np.testing.assert_allclose(found["a"][0], [[2, 2.0], [50, 3.0]])
    np.testing.assert_allclose(found["a"][1], [[1.0, 8.0], [3.0, 4.0]])
    np.testing.assert_allclose(found["b"][0], [[2, 2.0], [50, 5.0]])
    assert (figure.axes[0].get_xscale(), figure.axes[0].get_yscale()) == ("log", "log")
    assert ticks(figure) == ["2", "50"]
