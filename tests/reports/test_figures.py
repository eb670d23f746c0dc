"""Drawings of results show what they are given."""

import numpy as np
import torch
from matplotlib.axes import Axes

from onward.experiments.statistics import Mean
from onward.reports import figures


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
