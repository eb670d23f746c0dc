"""Drawings of a topology show every neuron, edge and weight."""

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from onward import graphs
from onward.reports import canvas, drawings

GRAPHS = {
    "mesh": graphs.mesh(2, 5, 2),
    "layered": graphs.layered(3, [4, 3], 2),
    "cascade": graphs.cascade(2, 4, 1),
    "recurrent": graphs.recurrent(1, 3, 1),
    "without hidden neurons": graphs.layered(2, [], 1),
}


def image(axes: Axes) -> np.ma.MaskedArray:
    """What an image of a drawing holds, with what is not drawn masked."""
    return np.ma.masked_invalid(np.ma.asarray(axes.images[0].get_array(), dtype=float))


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_every_edge_and_neuron_of_a_graph_is_drawn(name: str) -> None:
    topology = GRAPHS[name]
    axes = drawings.draw_graph(topology).axes[0]
    assert sum(isinstance(patch, FancyArrowPatch) for patch in axes.patches) == topology.edges
    dots = [line for line in axes.lines if len(np.asarray(line.get_xdata()))]
    assert len(dots) == topology.neurons
    assert len({(line.get_xdata()[0], line.get_ydata()[0]) for line in dots}) == topology.neurons  # pyright: ignore[reportIndexIssue]


def test_layers_stand_in_columns() -> None:
    places = drawings._places(GRAPHS["layered"])
    assert [x for x, _ in places] == [0] * 4 + [1] * 4 + [2] * 3 + [3] * 2


def test_neurons_of_a_crowded_column_do_not_touch() -> None:
    axes = canvas.grid_of_axes(4, 5, (3.2, 2.9))[2][1]
    drawn = drawings.draw_graph(graphs.layered(30, [10], 2), axes=axes)
    drawn.draw_without_rendering()
    dots = [line for line in axes.lines if len(np.asarray(line.get_xdata()))]
    heights = sorted(axes.transData.transform(np.asarray(line.get_xydata()))[0, 1] for line in dots[:31])
    apart = 72 / drawn.dpi * np.diff(heights).min()
    assert 0.6 * apart < dots[0].get_markersize() < apart


@pytest.mark.parametrize("hidden", [5, 10, 30])
def test_no_two_neurons_touch_where_hidden_ones_stand_in_a_round(hidden: int) -> None:
    topology = graphs.mesh(4, hidden, 3)
    drawn = drawings.draw_graph(topology)
    drawn.draw_without_rendering()
    (axes,) = drawn.axes
    dots = [line for line in axes.lines if len(np.asarray(line.get_xdata()))]
    at = axes.transData.transform(np.concatenate([np.asarray(line.get_xydata()) for line in dots]))
    apart = np.linalg.norm(at[:, None] - at, axis=2)[np.triu_indices(topology.neurons, 1)]
    assert dots[0].get_markersize() < 72 / drawn.dpi * apart.min()
    assert np.ptp(at[:, 0]) > 0.7 * drawn.bbox.width, "bends do not make all else narrow"


def test_loops_begin_at_the_edge_of_their_neuron() -> None:
    topology = graphs.mesh(4, 20, 3)
    drawn = drawings.draw_graph(topology)
    drawn.draw_without_rendering()
    (axes,) = drawn.axes
    dots = [line for line in axes.lines if len(np.asarray(line.get_xdata()))]
    loops = np.flatnonzero(topology.source == topology.target)
    assert len(loops) == 23
    for edge in loops.tolist():
        arrow, dot = axes.patches[edge], dots[topology.source[edge]]
        begin = np.asarray(arrow.get_transform().transform_path(arrow.get_path()).vertices)[0]
        apart = np.linalg.norm(begin - axes.transData.transform(np.asarray(dot.get_xydata())[0]))
        assert 72 / drawn.dpi * apart == pytest.approx(dot.get_markersize() / 2, rel=0.05)


def test_weights_colour_and_thicken_edges() -> None:
    topology = graphs.layered(2, [], 1, bias=False)
    arrows = drawings.draw_graph(topology, np.array([1.0, -2.0])).axes[0].patches
    assert arrows[0].get_linewidth() < arrows[1].get_linewidth()
    assert arrows[0].get_edgecolor()[:3] != arrows[1].get_edgecolor()[:3]


def test_a_graph_too_large_to_read_is_refused() -> None:
    with pytest.raises(ValueError, match="a graph of 303 neurons cannot be read; at most 150 are drawn"):
        drawings.draw_graph(graphs.layered(1, [300], 1))


def test_adjacency_shows_the_matrix_and_its_blocks() -> None:
    topology = graphs.mesh(2, 5, 2)
    weight = torch.randn(topology.edges)
    axes = drawings.draw_adjacency(topology, weight).axes[0]
    shown = image(axes).filled(np.nan)
    np.testing.assert_array_equal(np.isnan(shown), ~topology.mask)
    np.testing.assert_allclose(np.nan_to_num(shown), topology.adjacency(weight))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["I\n(3)", "H\n(5)", "O\n(2)"]
    plain = image(drawings.draw_adjacency(topology).axes[0])
    np.testing.assert_array_equal(np.ma.getmaskarray(plain), ~topology.mask)
