"""Drawings of a topology: as a graph, and as its adjacency matrix with the blocks of inputs, hidden and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.transforms import Affine2D, Affine2DBase, ScaledTranslation
from torch import Tensor

from onward.reports.canvas import BLUE, GREEN, ORANGE, RED, SKY, axes_or_new, figure_of
from onward.topology import Topology

KINDS = {"input": SKY, "bias": "#BBBBBB", "hidden": ORANGE, "output": GREEN}
LARGEST_GRAPH = 150  # neurons that can be told apart in a drawing
READABLE = 7.0  # points across of a neuron that has room for its name


def draw_graph(topology: Topology, weight: np.ndarray | Tensor | None = None, axes: Axes | None = None) -> Figure:
    """Draw a topology as a graph (figures 2 and 3 of the paper): inputs left, outputs right, hidden neurons by depth.

    Args:
        topology: of at most `LARGEST_GRAPH` neurons.
        weight: one an edge; if given, positive edges are blue, negative ones red, and strong ones thick.
        axes: where to draw; left out, a new figure.

    Raises:
        ValueError: too many neurons to draw.
    """
    if topology.neurons > LARGEST_GRAPH:
        raise ValueError(
            f"a graph of {topology.neurons} neurons cannot be read; at most {LARGEST_GRAPH} are drawn, "
            f"draw_adjacency draws any number"
        )
    axes = axes_or_new(axes, (7.5, 4.6))
    places = _places(topology)
    size = _size(topology, places, axes)
    values = None if weight is None else topology.one_an_edge(weight)
    strongest = 1.0 if values is None or not values.size else float(np.abs(values).max()) or 1.0
    for edge, (s, t) in enumerate(zip(topology.source.tolist(), topology.target.tolist(), strict=True)):
        colour, width, alpha = KINDS[topology.kind(s)], 0.9, 0.75
        if values is not None:
            strength = abs(float(values[edge])) / strongest
            colour = BLUE if values[edge] > 0 else RED
            width, alpha = 0.3 + 2.2 * strength, 0.15 + 0.75 * strength
        _arrow(axes, places, s, t, colour, width, alpha, size)
    for neuron, (x, y) in enumerate(places):
        kind = topology.kind(neuron)
        axes.plot(x, y, "o", ms=size, color=KINDS[kind], mec="#333333", mew=0.8, zorder=3)
        if topology.neurons <= 40 and size >= READABLE:
            label = "b" if kind == "bias" else str(neuron) if topology.labels is None else topology.labels[neuron]
            axes.annotate(label, (x, y), ha="center", va="center", fontsize=min(8.0, size * 0.5), zorder=4)
    for kind in dict.fromkeys(topology.kind(neuron) for neuron in range(topology.neurons)):
        axes.plot([], [], "o", color=KINDS[kind], mec="#333333", mew=0.8, label=kind)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=4, frameon=False, fontsize=9)
    axes.set_axis_off()
    axes.margins(0.09)
    left, right = min(x for x, _ in places), max(x for x, _ in places)
    axes.set_xlim(
        left - 0.1 * (right - left), right + 0.1 * (right - left)
    )  # bends count as if neurons stood as far apart across as upright
    return figure_of(axes)


def draw_adjacency(topology: Topology, weight: np.ndarray | Tensor | None = None, axes: Axes | None = None) -> Figure:
    """Draw the adjacency matrix with its blocks of inputs, hidden and output neurons (figures 1 and 8 of the paper).

    Rows are sources, columns targets. Without weights edges are blue; with weights, positive ones are blue, negative ones
    red, and grey entries are not edges.
    """
    axes = axes_or_new(axes, (5.2, 4.8))
    present = topology.mask
    if weight is None:
        axes.imshow(np.where(present, 1.0, np.nan), cmap=ListedColormap([BLUE]), interpolation="nearest")
    else:
        matrix = np.where(present, topology.adjacency(weight), np.nan)
        limit = float(np.nanmax(np.abs(matrix))) if topology.edges else 1.0
        norm = TwoSlopeNorm(0, -(limit or 1.0), limit or 1.0)
        axes.set_facecolor("#E3E6EA")  # what is not an edge, told apart from a weight near zero
        image = axes.imshow(matrix, cmap="RdBu", norm=norm, interpolation="nearest")
        figure_of(axes).colorbar(image, ax=axes, label="weight", shrink=0.8)
    sizes = [topology.inputs, topology.hidden, topology.outputs]
    ends = np.cumsum(sizes)
    for end in ends[:-1]:
        axes.axhline(end - 0.5, color="#333333", lw=0.9)
        axes.axvline(end - 0.5, color="#333333", lw=0.9)
    middles = [end - size / 2 - 0.5 for end, size in zip(ends, sizes, strict=True) if size]
    names = [f"{name}\n({size})" for name, size in zip("IHO", sizes, strict=True) if size]
    axes.set_xticks(middles, names)
    axes.set_yticks(middles, names)
    axes.tick_params(length=0)
    axes.set_xlabel("to")
    axes.set_ylabel("from")
    return figure_of(axes)


def _size(topology: Topology, places: Sequence[tuple[float, float]], axes: Axes) -> float:
    """Give the points across of a neuron: fewer where there are many, and so few that no two touch."""
    figure, spec = figure_of(axes), axes.get_subplotspec()
    rows, columns = (1, 1) if spec is None else (spec.get_gridspec().nrows, spec.get_gridspec().ncols)
    inches = 0.7 * figure.get_figwidth() / columns, 0.6 * figure.get_figheight() / rows  # beside margins and the legend
    at = np.array(places)
    points = 72 * np.array(inches) * (at - at.min(0)) / np.maximum(np.ptp(at, axis=0), 1e-9)
    apart = np.linalg.norm(points[:, None] - points, axis=2)[np.triu_indices(len(points), 1)]
    return float(min(np.clip(26 - 0.2 * topology.neurons, READABLE, 20), apart.min()))


def _places(topology: Topology) -> list[tuple[float, float]]:
    """Inputs at depth 0, hidden neurons at their distance from the inputs, outputs last; layers with inner edges bulge."""
    depth = np.full(topology.neurons, -1)
    depth[: topology.features] = 0
    for step in range(1, topology.neurons):
        found = np.unique(topology.target[depth[topology.source] == step - 1])
        found = found[depth[found] < 0]
        depth[found] = step
    depth[: topology.inputs] = 0
    hidden = range(topology.inputs, topology.inputs + topology.hidden)
    feeds_later = _chain(topology)
    for rank, neuron in enumerate(hidden):
        depth[neuron] = rank + 1 if feeds_later else max(int(depth[neuron]), 1)
    depth[topology.neurons - topology.outputs :] = max([int(depth[h]) for h in hidden], default=0) + 1
    places: list[tuple[float, float]] = [(0.0, 0.0)] * topology.neurons
    inside = depth[topology.source] == depth[topology.target]
    height = max(np.bincount(depth)) - 1
    for level in np.unique(depth):
        members = np.flatnonzero(depth == level)
        bulges = 0 < level < depth.max() and len(members) > 2 and bool(inside[depth[topology.source] == level].any())
        for k, neuron in enumerate(members):
            angle = 2 * np.pi * k / len(members) + np.pi / 2
            gap = 0.5 * (1 + height / len(members))  # short columns are spread out, though not to the full height
            straight = (float(level), gap * ((len(members) - 1) / 2 - k))
            round_ = (level + 0.3 * float(np.cos(angle)), 0.5 * height * float(np.sin(angle)))
            places[neuron] = round_ if bulges else straight
            if feeds_later and neuron in hidden:
                places[neuron] = (float(level), 0.5 * (-1) ** k + 0.55 * (level % 2 - 0.5))
    return places


def _chain(topology: Topology) -> bool:
    """Whether every hidden neuron feeds all later ones and none before: a cascade, drawn in a row."""
    first, last = topology.inputs, topology.inputs + topology.hidden
    inner = topology.mask[first:last, first:last]
    return topology.hidden > 1 and bool((inner == np.triu(np.ones_like(inner), 1)).all())


def _arrow(
    axes: Axes, places: Sequence[tuple[float, float]], s: int, t: int, colour: str, width: float, alpha: float, size: float
) -> None:
    (x, y), end = places[s], places[t]
    style = {"color": colour, "lw": width, "alpha": alpha, "zorder": 1, "mutation_scale": 7, "shrinkB": size / 2}
    if s == t:
        loop = FancyArrowPatch(
            (-0.35 * size, 0.36 * size), (0.35 * size, 0.36 * size), connectionstyle="arc3,rad=-1.8", arrowstyle="-|>", shrinkA=0,
            **style | {"shrinkB": 0, "mutation_scale": min(7.0, 0.5 * size)},
        )  # fmt: skip
        of_points = figure_of(axes).dpi_scale_trans + ScaledTranslation(x, y, cast("Affine2DBase", axes.transData))
        loop.set_transform(Affine2D().scale(1 / 72) + of_points)
        loop.set_clip_on(False)  # those of the highest neurons stand above the axes
        axes.add_patch(loop)
        return
    bend = "arc3,rad=0.12" if abs(end[0] - x) > 0.9 else "arc3,rad=0.22"
    axes.add_patch(FancyArrowPatch((x, y), end, connectionstyle=bend, arrowstyle="-|>", shrinkA=size / 2, **style))
