"""Drawings of results show what they are given."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from onward.blocks.exit_curve import ExitPoint
from onward.blocks.transparency import Judged, Transparency
from onward.experiments.statistics import Mean
from onward.reports import figures
from onward.reports.canvas import axes_or_new, row_of_axes


def image(axes: Axes) -> np.ma.MaskedArray:
    """What an image of a drawing holds, with what is not drawn masked."""
    return np.ma.masked_invalid(np.ma.asarray(axes.images[0].get_array(), dtype=float))


def test_decision_regions_show_the_classifier() -> None:
    def scores(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([-x[:, 0], x[:, 0]], dim=1)

    x = torch.tensor([[-1.0, 0.0], [1.0, 2.0]])
    axes = figures.draw_decision_regions(scores, x, torch.tensor([0, 1])).axes[0]
    regions = image(axes)
    assert (regions[:, :119] == 0).all()
    assert (regions[:, 121:] == 1).all()


def test_curves_and_means_are_drawn_with_their_intervals() -> None:
    axes = figures.draw_curves({"a": ([1, 2], [[0.1, 0.2], [0.3, 0.4]])}, x="epoch", y="loss").axes[0]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata(), dtype=float), [0.2, 0.3])
    assert len(axes.collections) == 1
    axes = figures.draw_means({"a": {5: Mean(0.9, 0.1, 10), 7: Mean(0.95, float("nan"), 1)}}, x="h", y="acc").axes[0]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata(), dtype=float), [0.9, 0.95])


def test_powers_are_drawn_dotted_in_the_colour_of_their_curve() -> None:
    axes = figures.draw_curves({"a": ([1, 2, 4], [[1, 5, 12]]), "b": ([1, 2], [[1, 1]])}, x="n", y="s", log=True).axes[0]
    figures.draw_powers(axes, {"b": figures.Power([2, 4, 8], 3.0, 2)})
    *curves, power = axes.lines
    np.testing.assert_allclose(np.asarray(power.get_ydata(), dtype=float), [3 / 16, 3 / 4, 3])
    assert power.get_linestyle() == ":"
    assert power.get_color() == curves[1].get_color() != curves[0].get_color()


def test_geometric_means_are_drawn_with_bands_above_0() -> None:
    arms = {"a": {1: [0.1, 10.0, 1.0], 2: [2.0, 2.0, 2.0]}, "b": {1: [3.0]}}
    axes = figures.draw_geometric_means(arms, x="block", y="norm").axes[0]
    assert axes.get_yscale() == "log"
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_ydata(), dtype=float), [1.0, 2.0])
    (band,) = axes.collections  # one value has none
    heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
    np.testing.assert_allclose([heights.min(), heights.max()], [1 / heights.max(), heights.max()])
    assert heights.min() > 0


def drawn(figure: Figure) -> FigureCanvasAgg:
    """Lay a figure out, so that its parts have places."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


@pytest.mark.parametrize("axes", [lambda: axes_or_new(None, (6.4, 3.6)), lambda: row_of_axes(3, (10.2, 3.4))[1],
                                  lambda: row_of_axes(1, (3.4, 6.0))[0]])  # fmt: skip
def test_a_legend_below_clears_the_label_of_the_axis_and_stays_on_the_page(axes: Callable[[], Axes]) -> None:
    axis = axes()
    series = {f"rule {k}": ([1, 2], [[0.1 * k, 0.2]]) for k in range(4)}
    figure = figures.draw_curves(series, x="passes", y="validation accuracy", axes=axis)
    canvas = drawn(figure)
    legend = axis.get_legend()
    assert legend is not None
    below, label = (one.get_window_extent(canvas.get_renderer()) for one in (legend, axis.xaxis.label))
    assert below.y1 < label.y0
    assert below.y0 >= 0


def judged() -> Transparency:
    return Transparency((Judged(0.5, 0.8), Judged(0.3, 0.95), Judged(0.2, 0.9)), Judged(0.25, 0.93))


def test_transparency_is_drawn_block_by_block_from_0_with_the_best_and_all_together() -> None:
    axes = figures.draw_transparency(judged(), title="digits").axes[0]
    blocks, together, best = (np.asarray(line.get_xydata(), dtype=float) for line in axes.lines)
    np.testing.assert_allclose(blocks, [[0, 0.8], [1, 0.95], [2, 0.9]])
    np.testing.assert_allclose(together[:, 1], [0.93, 0.93])
    np.testing.assert_allclose(best, [[1, 0.95]])
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("block", "accuracy", "digits")
    legend = axes.get_legend()
    assert legend is not None
    assert "best: block 1" in [text.get_text() for text in legend.get_texts()]


def test_blocks_that_predict_values_are_drawn_by_their_loss() -> None:
    plain = Transparency((Judged(0.5, None), Judged(0.3, None)), Judged(0.4, None))
    axes = figures.draw_transparency(plain).axes[0]
    assert axes.get_ylabel() == "loss"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "1"]


POINTS = [ExitPoint(0.5, 0.90, 2e6, 3e-6, (1.0, 0.0)), ExitPoint(0.9, 0.95, 4e6, 5e-6, (0.4, 0.6))]


def test_a_curve_of_early_exit_is_drawn_with_its_thresholds() -> None:
    axes = figures.draw_exit_curve(POINTS).axes[0]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xydata(), dtype=float), [[2, 0.90], [4, 0.95]])
    assert [text.get_text() for text in axes.texts] == ["0.5", "0.9"]
    assert axes.get_xlabel() == "million multiply-adds an example"
    timed = figures.draw_exit_curve(POINTS, spent=figures.MICROSECONDS).axes[0]
    np.testing.assert_allclose(np.asarray(timed.lines[0].get_xdata(), dtype=float), [3, 5])
    with pytest.raises(ValueError, match="drawn through measured thresholds, got none"):
        figures.draw_exit_curve([])


def test_curves_of_several_runs_are_drawn_at_their_mean_with_a_band() -> None:
    other = [ExitPoint(0.5, 0.92, 4e6, 1e-6, ()), ExitPoint(0.9, 0.97, 6e6, 1e-6, ())]
    axes = figures.draw_exit_curves({"early exit": [POINTS, other], "cut net": [POINTS]}).axes[0]
    np.testing.assert_allclose(np.asarray(axes.lines[0].get_xydata(), dtype=float), [[3, 0.91], [5, 0.96]])
    assert len(axes.collections) == 1
    assert len(axes.lines) == 2
