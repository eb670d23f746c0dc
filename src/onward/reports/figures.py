"""Drawings of results: decision regions, curves, means with their intervals, what blocks predict and early exit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation
from torch import Tensor

from onward.blocks.exit_curve import ExitPoint
from onward.blocks.transparency import Transparency
from onward.experiments.statistics import Mean, geometric, mean
from onward.reports.canvas import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, axes_or_new, figure_of, plain

CLASSES = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)


def draw_decision_regions(
    scores: Callable[[Tensor], Tensor], x: Tensor, y: Tensor, axes: Axes | None = None, *, title: str = ""
) -> Figure:
    """Draw what a classifier says over the plane of its two features, and the examples on it (figures 4 and 5).

    Args:
        scores: maps points (n x 2) to class scores (n x classes).
        x: examples, n x 2.
        y: their classes.
        axes: where to draw; left out, a new figure.
        title: over the drawing.
    """
    axes = axes_or_new(axes, (4.6, 4.4))
    low, high = x.min(0).values, x.max(0).values
    margin = 0.08 * (high - low)
    grid = [torch.linspace(float(a), float(b), 240) for a, b in zip(low - margin, high + margin, strict=True)]
    points = torch.cartesian_prod(*grid).to(x.dtype)
    says = scores(points).detach()
    classes = says.shape[-1]
    colours = ListedColormap(CLASSES[:classes])
    extent = (float(grid[0][0]), float(grid[0][-1]), float(grid[1][0]), float(grid[1][-1]))
    regions = says.argmax(-1).view(240, 240).T.numpy()
    axes.imshow(
        regions, origin="lower", extent=extent, aspect="auto", cmap=colours, vmin=0, vmax=classes - 1, alpha=0.28,
        interpolation="nearest",
    )  # fmt: skip
    axes.scatter(*x.T.numpy(), c=y.numpy(), cmap=colours, vmin=0, vmax=classes - 1, s=9, edgecolors="white", linewidths=0.3)
    axes.set_title(title, fontsize=10)
    axes.set_xticks([])
    axes.set_yticks([])
    return figure_of(axes)


def draw_curves(
    series: Mapping[str, tuple[Sequence[float | int], Sequence[Sequence[float | int]]]], *, x: str, y: str, axes: Axes | None = None,
    log: bool = False,
) -> Figure:  # fmt: skip
    """Draw series over seeds, each as its mean with the band of its 95 % interval.

    Args:
        series: for each name, the places on the x axis and one list of values a seed.
        x: label of the x axis.
        y: label of the y axis.
        axes: where to draw; left out, a new figure.
        log: whether the y axis is logarithmic.
    """
    from scipy.stats import t

    axes = axes_or_new(axes, (6.4, 3.6))
    for colour, (name, (places, values)) in zip(CLASSES, series.items(), strict=False):
        data = np.asarray(values, dtype=np.float64)
        middle = np.where(data.mean(0) == 0, np.nan, data.mean(0)) if log else data.mean(0)
        axes.plot(places, middle, color=colour, label=name)
        if len(data) > 1:
            half = t.ppf(0.975, len(data) - 1) * data.std(0, ddof=1) / len(data) ** 0.5
            axes.fill_between(places, middle - half, middle + half, color=colour, alpha=0.22, lw=0)
    axes.set(xlabel=x, ylabel=y, yscale="log" if log else "linear")
    plain(axes)
    if len(series) > 3:
        _legend_below(axes)
    elif len(series) > 1:
        axes.legend(frameon=False, fontsize=9)
    return figure_of(axes)


class Power(NamedTuple):
    """A power law: the places that it is drawn over, its value at the last of them, and its exponent."""

    places: Sequence[float | int]
    last: float
    exponent: float


def draw_powers(axes: Axes, powers: Mapping[str, Power]) -> None:
    """Draw power laws dotted, each in the colour of the curve of its name, which is there already."""
    colours = {line.get_label(): line.get_color() for line in axes.get_lines()}
    for name, (places, last, exponent) in powers.items():
        values = [last * (place / places[-1]) ** exponent for place in places]
        axes.plot(places, values, ":", color=colours[name], lw=1.6)


def draw_means(arms: Mapping[str, Mapping[int, Mean]], *, x: str, y: str, axes: Axes | None = None) -> Figure:
    """Draw means with their 95 % intervals against a number, one colour an arm; arms stand a little apart."""
    axes = axes_or_new(axes, (7.2, 4.2))
    for k, (name, points) in enumerate(arms.items()):
        places = np.array(list(points)) + 0.12 * (k - (len(arms) - 1) / 2)
        middle = [mean.value for mean in points.values()]
        half = [0.0 if np.isnan(mean.half) else mean.half for mean in points.values()]
        colour = "#333333" if k >= len(CLASSES) else CLASSES[k]
        axes.errorbar(places, middle, half, fmt="o-", ms=4, lw=1.2, capsize=2, color=colour, label=name)
    axes.set(xlabel=x, ylabel=y, xticks=sorted({place for points in arms.values() for place in points}))
    plain(axes)
    axes.legend(frameon=False, fontsize=8.5)
    return figure_of(axes)


def draw_geometric_means(
    arms: Mapping[str, Mapping[int, Sequence[float]]], *, x: str, y: str, axes: Axes | None = None
) -> Figure:
    """Draw geometric means against a number on a logarithmic axis, one colour an arm, each with the band of the interval of its mean logarithm.

    Args:
        arms: for each name, values above 0 by their place on the x axis.
        x: label of the x axis.
        y: label of the y axis.
        axes: where to draw; left out, a new figure.
    """
    axes = axes_or_new(axes, (6.4, 3.6))
    for colour, (name, points) in zip(CLASSES, arms.items(), strict=False):
        middle, low, high = zip(*(geometric(values) for values in points.values()), strict=True)
        axes.plot(list(points), middle, "o-", ms=3.5, lw=1.2, color=colour, label=name)
        if not np.isnan(low).all():
            axes.fill_between(list(points), low, high, color=colour, alpha=0.18, lw=0)
    axes.set(xlabel=x, ylabel=y, yscale="log")
    plain(axes)
    _legend_below(axes)
    return figure_of(axes)


def draw_bands_and_points(
    bands: Mapping[str, tuple[Sequence[float | int], Sequence[Sequence[float | int]]]],
    points: Mapping[str, Mapping[int, Mean]],
    *,
    x: str,
    y: str,
    axes: Axes | None = None,
    title: str = "",
) -> Figure:
    """Draw series over seeds as means with bands, and beside them means that somebody else found, as points with intervals.

    Args:
        bands: as for `draw_curves`.
        points: for each name, means by their place on the x axis.
        x: label of the x axis.
        y: label of the y axis.
        axes: where to draw; left out, a new figure.
        title: over the drawing.
    """
    axes = axes_or_new(axes, (6.4, 3.8))
    draw_curves(bands, x=x, y=y, axes=axes)
    for marker, (name, means) in zip("sD^v", points.items(), strict=False):
        middle, half = ([getattr(mean, part) for mean in means.values()] for part in ("value", "half"))
        axes.errorbar(
            list(means), middle, half, fmt=marker, ms=5, lw=1.2, capsize=2, color="#333333", mfc="white", label=name
        )
    axes.set_title(title, fontsize=10)
    _legend_below(axes)
    return figure_of(axes)


def draw_arms(
    arms: Mapping[str, Sequence[float]],
    *,
    x: str,
    ends: tuple[float, float] = (-np.inf, np.inf),
    axes: Axes | None = None,
) -> Figure:
    """Draw arms below each other: the mean over splits with its 95 % interval, and every split faintly below it.

    Args:
        arms: for each name, from top to bottom, one value a split.
        x: label of the axis of the values.
        ends: the least and the greatest value there can be; an interval that goes on beyond them is cut there.
        axes: where to draw; left out, a new figure.
    """
    axes = axes_or_new(axes, (7.2, 0.9 + 0.45 * len(arms)))
    for k, values in enumerate(arms.values()):
        found = mean(values)
        colour = "#333333" if k >= len(CLASSES) else CLASSES[k]
        axes.scatter(values, [k + 0.22] * len(values), s=22, color=colour, alpha=0.35, linewidths=0)
        half = 0.0 if np.isnan(found.half) else found.half
        below, above = (max(0.0, min(half, room)) for room in (found.value - ends[0], ends[1] - found.value))
        axes.errorbar(found.value, k, xerr=[[below], [above]], fmt="o", ms=6, lw=1.6, capsize=3, color=colour)
    axes.set_yticks(range(len(arms)), list(arms))
    axes.set_ylim(len(arms) - 0.5, -0.5)
    axes.set_xlabel(x)
    plain(axes)
    return figure_of(axes)


def draw_timeline(series: Mapping[str, Sequence[float]], *, x: str = "milliseconds", axes: Axes | None = None) -> Figure:
    """Draw when each block of a net is done, first block at the top, one colour a series.

    Args:
        series: for each name, one time a block.
        x: label of the axis of time.
        axes: where to draw; left out, a new figure.
    """
    blocks = max(len(times) for times in series.values())
    axes = axes_or_new(axes, (7.2, 1.2 + 0.32 * blocks))
    for k, (colour, (name, times)) in enumerate(zip(CLASSES, series.items(), strict=False)):
        places = [block + 0.2 * (k - (len(series) - 1) / 2) for block in range(1, len(times) + 1)]
        axes.hlines(places, 0, times, color=colour, alpha=0.35, lw=2)
        axes.plot(times, places, "o", ms=5, color=colour, label=name)
    axes.set(xlabel=x, ylabel="block", xlim=(0, None), ylim=(blocks + 0.6, 0.4), yticks=range(1, blocks + 1))
    plain(axes)
    _legend_below(axes)
    return figure_of(axes)


def draw_transparency(transparency: Transparency, axes: Axes | None = None, *, title: str = "") -> Figure:
    """Draw what every block of a net predicts on its own: the accuracy or, of predicted values, the loss.

    Args:
        transparency: what `judge_blocks` gives.
        axes: where to draw; left out, a new figure.
        title: over the drawing.
    """
    axes = axes_or_new(axes, (4.8, 3.4))
    classes = transparency.total.accuracy is not None
    heights = [one.loss if one.accuracy is None else one.accuracy for one in (*transparency.blocks, transparency.total)]
    places = range(len(transparency.blocks))
    axes.plot(places, heights[:-1], "o-", ms=4, lw=1.2, color=BLUE, label="each block alone")
    axes.axhline(heights[-1], color=ORANGE, lw=1.2, ls="--", label="all blocks together")
    best = transparency.best
    axes.plot([best], [heights[best]], "o", ms=10, mfc="none", color=GREEN, label=f"best: block {best}")
    axes.margins(x=0.12, y=0.15)
    axes.set(xlabel="block", ylabel="accuracy" if classes else "loss", xticks=places)
    axes.set_title(title, fontsize=9)
    plain(axes)
    axes.legend(frameon=False, fontsize=8.5)
    return figure_of(axes)


@dataclass(frozen=True)
class Spent:
    """What early exit is weighed against.

    Attributes:
        words: name and unit, for an axis.
        of: reads it off a threshold that was measured.
    """

    words: str
    of: Callable[[ExitPoint], float]


MULTIPLY_ADDS = Spent("million multiply-adds an example", lambda point: point.multiply_adds / 1e6)
MICROSECONDS = Spent("microseconds an example", lambda point: point.seconds * 1e6)


def draw_exit_curve(
    points: Sequence[ExitPoint], axes: Axes | None = None, *, spent: Spent = MULTIPLY_ADDS, title: str = ""
) -> Figure:
    """Draw accuracy against what an example costs, each point with its threshold.

    Args:
        points: what `exit_curve` gives.
        axes: where to draw; left out, a new figure.
        spent: what accuracy is weighed against, `MULTIPLY_ADDS` or `MICROSECONDS`.
        title: over the drawing.

    Raises:
        ValueError: no points.
    """
    if not points:
        raise ValueError("a curve of early exit is drawn through measured thresholds, got none")
    axes = axes_or_new(axes, (5.6, 3.8))
    draw_exit_curves({"early exit": [points]}, spent=spent, axes=axes)
    axes.lines[-1].set_marker("o")
    axes.lines[-1].set_markersize(4)
    for number, point in enumerate(points):
        place = (0, 6) if number % 2 == 0 else (0, -13)  # neighbours stand above and below the line
        at = (spent.of(point), point.accuracy)
        axes.annotate(f"{point.threshold:g}", at, place, textcoords="offset points", ha="center", fontsize=7.5)
    axes.margins(x=0.08, y=0.16)
    axes.set_title(title or "early exit, by threshold", fontsize=9)
    return figure_of(axes)


def draw_exit_curves(
    runs: Mapping[str, Sequence[Sequence[ExitPoint]]], *, spent: Spent = MULTIPLY_ADDS, axes: Axes | None = None
) -> Figure:
    """Draw curves of several ways to leave early, each as the mean over its runs with the band of its 95 % interval.

    Args:
        runs: for each name, the points of every run, at the same thresholds.
        spent: what accuracy is weighed against; of several runs, the mean.
        axes: where to draw; left out, a new figure.
    """
    series = {
        name: (
            np.mean([[spent.of(point) for point in points] for points in each], 0).tolist(),
            [[point.accuracy for point in points] for points in each],
        )
        for name, each in runs.items()
    }
    return draw_curves(series, x=spent.words, y="accuracy", axes=axes)


def _legend_below(axes: Axes) -> None:
    """Put the legend below the label of the x axis, in points, so that it clears the label in axes of any height."""
    figure = figure_of(axes)
    down = ScaledTranslation(0, -32 / 72, figure.dpi_scale_trans)
    where = axes.transAxes + down
    columns = 2 if max(len(str(line.get_label())) for line in axes.get_lines()) <= 40 else 1
    axes.legend(frameon=False, fontsize=9, ncols=columns, loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=where)
