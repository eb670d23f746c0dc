"""What all drawings share: colours, and axes on a figure of their own where none are given.

Colours are of Okabe and Ito's palette, which people with impaired colour vision can tell apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Figure

BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"


def axes_or_new(axes: Axes | None, size: tuple[float, float]) -> Axes:
    """Give the axes, or those of a new figure of a size in inches."""
    if axes is not None:
        return axes
    return Figure(figsize=size, layout="constrained").subplots()


def row_of_axes(count: int, size: tuple[float, float]) -> list[Axes]:
    """Give some axes side by side on a new figure of a size in inches."""
    return list(Figure(figsize=size, layout="constrained").subplots(1, count, squeeze=False)[0])


def grid_of_axes(rows: int, columns: int, size: tuple[float, float]) -> list[list[Axes]]:
    """Give rows of axes on a new figure, each of a size in inches."""
    figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    return [list(line) for line in figure.subplots(rows, columns, squeeze=False)]


def figure_of(axes: Axes) -> Figure:
    """Give the figure that axes stand on."""
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)  # noqa: S101
    return figure


def one_legend(axes: Sequence[Axes], columns: int = 3) -> Figure:
    """Put the legend of the first axes under the figure, in the place of those of all; give the figure."""
    for axis in axes:
        if legend := axis.get_legend():
            legend.remove()
    figure = figure_of(axes[0])
    names = axes[0].get_legend_handles_labels()
    figure.legend(*names, loc="outside lower center", ncols=columns, fontsize=8, frameon=False)
    return figure


def plain(axes: Axes) -> None:
    """Take away what frames axes, and put a faint grid behind what is drawn on them."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#E6E9ED", lw=0.7)
    axes.set_axisbelow(True)
