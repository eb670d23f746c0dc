"""Drawings of series: what was said beside what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onward.reports.canvas import BLUE, GREEN, ORANGE, PURPLE, RED, axes_or_new, figure_of

COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE)


def draw_forecasts(
    true: Sequence[float], said: Mapping[str, Sequence[float]], *, x: str = "tick", y: str = "", axes: Axes | None = None
) -> Figure:
    """Draw a series in black, and what was said of each of its ticks beforehand, one colour a name.

    Args:
        true: what came.
        said: for each name, as many values.
        x: label of the axis of time.
        y: label of the axis of values.
        axes: where to draw; left out, a new figure.
    """
    axes = axes_or_new(axes, (8.4, 3.4))
    axes.plot(true, color="#333333", lw=2.2, alpha=0.55, label="what came")
    for colour, (name, values) in zip(COLOURS, said.items(), strict=False):
        axes.plot(values, color=colour, lw=1.2, label=name)
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8.5, ncols=2)
    return figure_of(axes)
