"""What graphs that change look like: accuracy against the edges that are left, and what is left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from onward.experiments.result import Result
from onward.nets.changing import changed
from onward.nets.mesh import MeshNet
from onward.nets.pruning import dead, prunable
from onward.papers.mesh_neural_networks.changing_cells import DENSE, PARTS, PROBLEMS, TICKS, WAYS, WORDS
from onward.papers.mesh_neural_networks.changing_trials import percent
from onward.papers.mesh_neural_networks.changing_verdicts import Found, at
from onward.reports import figures
from onward.reports.canvas import Figure, figure_of, grid_of_axes, one_legend
from onward.reports.drawings import draw_graph
from onward.topology import Topology

SHOWN = 100  # the seed whose graphs are drawn


def draw_accuracies(found: Found, problems: Sequence[str]) -> Figure:
    """Draw accuracy against the part of the edges that is left, a panel a problem."""
    rows = grid_of_axes((len(problems) + 1) // 2, min(len(problems), 2), (5.2, 3.6))
    axes = [axis for row in rows for axis in row]
    for axis, problem in zip(axes, problems, strict=False):
        series = {}
        for way, words in WORDS.items():
            points = {1.0: at(found[problem, DENSE], "test_accuracy", 1.0)}
            points |= {part: at(found[problem, way], "test_accuracy", part) for part in PARTS}
            seeds = set.intersection(*({one.seed for one in its} for its in points.values() if its))
            there = {part: {one.seed: one.metrics["test_accuracy"] for one in its} for part, its in points.items() if its}
            lines = [[there[part][seed] for part in there] for seed in sorted(seeds)]
            if lines:
                series[words] = ([percent(part) for part in there], lines)
        figures.draw_curves(series, x="edges left, %", y="test accuracy", axes=axis)
        axis.set_xscale("log")
        axis.set_xticks([100, *(percent(part) for part in PARTS)], [str(percent(part)) for part in (1.0, *PARTS)])
        axis.minorticks_off()
        axis.set_title(PROBLEMS[problem].title, fontsize=10)
    for axis in axes[len(problems) :]:
        axis.set_axis_off()
    return one_legend(axes)


def draw_graphs(found: Found, problems: Sequence[str]) -> Figure:
    """Draw what can matter of the smallest meshes, a row a problem, a column a way."""
    axes = grid_of_axes(len(problems), len(WAYS), (3.2, 2.9))
    for row, problem in zip(axes, problems, strict=True):
        for axis, (way, words) in zip(row, WORDS.items(), strict=True):
            shown = next((result for result in found[problem, way] if result.seed == SHOWN), None)
            if shown is None or "source" not in shown.history:
                axis.set_axis_off()
                continue
            net = stored_mesh(shown)
            draw_graph(net.topology, net.weight.detach(), axis)
            legend = axis.get_legend()
            if legend is not None:
                legend.remove()
            axis.set_title(f"{PROBLEMS[problem].title}\n{words}: {prunable(net.topology).sum()} edges", fontsize=7)
    return figure_of(axes[0][0])


def stored_mesh(result: Result) -> MeshNet:
    """Make the mesh that a result holds, without what cannot matter in it."""
    of = result.history
    inputs, hidden, outputs = of["neurons"]
    topology = Topology(inputs, hidden, outputs, *(np.array(of[end]) for end in ("source", "target")), bias=True)
    net = MeshNet(topology, TICKS, weight=torch.tensor(of["weight"]))
    return changed(net, dead(net))
