"""Drawings of numbers that crowd on a plain axis: accuracies near 1, costs near the least one, times over powers of ten.

Each axis is spread where the numbers are close, and is labelled in the numbers themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullLocator

from onward.experiments.statistics import Mean
from onward.reports.canvas import BLUE, GREEN, ORANGE, PURPLE, RED, SKY, axes_or_new, figure_of, plain

GREY = "#7A8490"
ACCURACIES = (0.1, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99)  # where an axis of accuracies has its ticks
SURELY_RIGHT = 1.001  # stands for an accuracy that an axis by errors does not reach


@dataclass(frozen=True)
class Mark:
    """How a series is drawn: its colour, its marker, and whether its places are joined."""

    colour: str
    marker: str
    joined: bool = True


def draw_accuracies(
    series: Mapping[str, Mapping[str, Mean]],
    marks: Mapping[str, Mark],
    *,
    places: Sequence[str],
    apart: Sequence[str] = (),
    ends: tuple[float, float] = (0.05, 0.99),
    axes: Axes | None = None,
) -> Figure:
    """Draw accuracies with their 95 % intervals at named places; halving the errors is the same step everywhere on the axis.

    Args:
        series: for each name, the mean at each place where there is one.
        marks: how each series is drawn; those of a name stand at the same distance from their place in all axes.
        places: from left to right.
        apart: places that are joined to no other.
        ends: of the axis of accuracies.
        axes: where to draw; left out, a new figure.
    """
    axes = axes_or_new(axes, (4.6, 3.4))
    for name, points in series.items():
        mark = marks[name]
        shift = 0.15 * (list(marks).index(name) - (len(marks) - 1) / 2) if mark.joined else 0.0
        there = [place for place in places if place in points]
        at = {place: places.index(place) + shift for place in there}
        middle = {place: points[place].value for place in there}
        chain = [place for place in there if place not in apart] if mark.joined else []
        axes.plot([at[one] for one in chain], [middle[one] for one in chain], color=mark.colour, lw=1.0, alpha=0.6)
        reach = [_within(points[place]) for place in there]
        axes.errorbar(
            list(at.values()), list(middle.values()), np.array(reach).reshape(-1, 2).T, fmt=mark.marker, color=mark.colour,
            ms=14 if mark.marker == "_" else 4.5, lw=0.9, capsize=1.5 if mark.joined else 0, label=name,
        )  # fmt: skip
    axes.set_yscale("function", functions=(_by_errors, _of_errors))
    axes.set_ylim(*ends)
    axes.yaxis.set_major_locator(FixedLocator([one for one in ACCURACIES if ends[0] <= one <= ends[1]]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}")
    axes.set_xticks(range(len(places)), places)
    axes.set_xlim(-0.6, len(places) - 0.4)
    plain(axes)
    return figure_of(axes)


def _within(found: Mean) -> tuple[float, float]:
    """Give how far an interval reaches below and above a mean, between 0 and 1."""
    half = 0.0 if np.isnan(found.half) else found.half
    return min(half, found.value), min(half, 1 - found.value)


def _by_errors(accuracy: np.ndarray) -> np.ndarray:
    return -np.log10(np.maximum(SURELY_RIGHT - np.asarray(accuracy), 1e-6))


def _of_errors(place: np.ndarray) -> np.ndarray:
    return SURELY_RIGHT - 10.0 ** -np.asarray(place)


@dataclass(frozen=True)
class Change:
    """What is gained or lost at a cost.

    Attributes:
        part: of the whole cost.
        gain: with its interval, in the unit of the axis.
        words: what stands beside the marker.
    """

    part: float
    gain: Mean
    words: str = ""


def draw_changes(
    lines: Mapping[str, Sequence[Change]],
    *,
    ticks: Sequence[float],
    x: str,
    y: str,
    axes: Axes | None = None,
) -> Figure:
    """Draw gains with their 95 % intervals against a part of the cost, on an axis that is spread towards the least part.

    Args:
        lines: for each name, from the least part on.
        ticks: parts that are labelled, beside the least.
        x: label of the axis of the parts.
        y: label of the axis of the gains.
        axes: where to draw; left out, a new figure.
    """
    axes = axes_or_new(axes, (8.4, 3.2))
    least = min(one.part for line in lines.values() for one in line)
    most = max(one.part for line in lines.values() for one in line)
    for colour, marker, (name, line) in zip((BLUE, ORANGE, GREEN), "osD", lines.items(), strict=False):
        half = [0.0 if np.isnan(one.gain.half) else one.gain.half for one in line]
        parts, middle = [one.part for one in line], [one.gain.value for one in line]
        axes.errorbar(
            parts, middle, half, fmt=f"{marker}-", ms=5, lw=1.3, elinewidth=0.9, capsize=2.5, color=colour, label=name
        )
        for one, spread in zip(line, half, strict=True):
            axes.annotate(
                one.words, (one.part, one.gain.value - spread), (0, -5), textcoords="offset points", ha="center", va="top",
                rotation=90, fontsize=8, color=colour, bbox={"fc": "white", "ec": "none", "pad": 0.4, "alpha": 0.8},
            )  # fmt: skip
    spread_by = (most - least) / 200 or 1.0
    axes.set_xscale(
        "function",
        functions=(
            lambda part: np.log10(np.maximum(np.asarray(part) - least + spread_by, spread_by / 10)),
            lambda place: 10.0 ** np.asarray(place) + least - spread_by,
        ),
    )
    axes.set_xlim(least - 0.3 * spread_by, most + 0.2 * (most - least + spread_by))
    axes.xaxis.set_major_locator(FixedLocator([least, *(one for one in ticks if least < one <= most)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.3g}")
    axes.axhline(0, color=GREY, lw=0.9)
    axes.margins(y=0.24)
    axes.set(xlabel=x, ylabel=y)
    plain(axes)
    axes.legend(frameon=False, fontsize=9, loc="lower center")
    return figure_of(axes)


def draw_spreads(arms: Mapping[str, Mapping[int, Sequence[float]]], *, x: str, y: str, axes: Axes | None = None) -> Figure:
    """Draw medians with the lowest and the highest value against a number, on two logarithmic axes.

    Arms that lie on each other are told apart by the size of their markers, not moved.

    Args:
        arms: for each name, the values at each number.
        x: label of the axis of the numbers, all of which are labelled.
        y: label of the axis of the values.
        axes: where to draw; left out, a new figure.
    """
    axes = axes_or_new(axes, (4.6, 3.6))
    for k, (name, points) in enumerate(arms.items()):
        middle = [median(values) for values in points.values()]
        reach = [
            [value - min(values) for value, values in zip(middle, points.values(), strict=True)],
            [max(values) - value for value, values in zip(middle, points.values(), strict=True)],
        ]
        colour, marker = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)[k % 6], "osDv^P"[k % 6]
        size = 9.0 - 1.4 * min(k, 4)
        axes.errorbar(
            list(points),
            middle,
            reach,
            fmt=f"{marker}-",
            ms=size,
            mfc="none",
            lw=1.2,
            capsize=2.5,
            color=colour,
            label=name,
        )
    axes.set(xlabel=x, ylabel=y, xscale="log", yscale="log")
    numbers = sorted({number for points in arms.values() for number in points})
    axes.xaxis.set_major_locator(FixedLocator(numbers))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    plain(axes)
    return figure_of(axes)
