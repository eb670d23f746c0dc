"""A mesh made smaller in one way to several numbers of edges, from the same data, rates and number of steps as in every other way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from onward.experiments.spec import Outcome, Progress
from onward.kernels import reach
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.nets.pruning import prunable
from onward.papers.mesh_neural_networks.changing_ways import Job, Way, count
from onward.topology import Topology
from onward.training.data import Dataset
from onward.training.fit import Recipe
from onward.training.judging import evaluate

STORED = 400  # edges, up to which a trained mesh is stored, to be drawn


def shrunk(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    dense: Topology,
    ticks: int,
    way: Way,
    parts: Sequence[float],
    rates: Sequence[float],
    epochs: int,
    batch: int,
) -> list[Outcome]:
    """Train one mesh for each part of the edges and each rate; validation loss chooses the rate, the test part judges.

    Args:
        seeds: trained one after another.
        progress: told the part that is done.
        data: makes the data of a seed.
        dense: the topology with all edges.
        ticks: updates.
        way: how it is made smaller.
        parts: of the edges that are to be left.
        rates: learning rates of Adam, which falls along a cosine.
        epochs: passes.
        batch: examples a step.
    """
    outcomes, done = [], 0
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=epochs)
    for seed in seeds:
        its = data(seed)
        metrics: dict[str, float | int] = {}
        history: dict[str, list[float | int]] = {}
        for part in sorted(parts, reverse=True):
            found: list[tuple[float, float, MeshNet]] = []
            for rate in rates:
                recipe = Recipe(partial(torch.optim.Adam, lr=rate, fused=True), epochs, batch, schedule=decay)
                net = way(Job(its, dense, ticks, part, recipe, seed))
                if net is not None:
                    assert its.validation is not None  # noqa: S101
                    found.append((evaluate(ForwardOnly(net), its.validation)[0].item(), rate, net))
                done += 1
                progress(done / (len(seeds) * len(parts) * len(rates)))
            if found:
                loss, rate, net = min(found, key=lambda one: one[0])
                measured = measure(net, its) | {"rate": rate, "validation_loss": loss}
                metrics |= {f"{name}_at_{percent(part)}": value for name, value in measured.items()}
                history = graph_of(net)  # of the smallest part there is
        outcomes.append(Outcome(metrics, history))
    return outcomes


def percent(part: float) -> int:
    """Give a part in whole per cent, as metrics name it."""
    return round(100 * part)


def measure(net: MeshNet, data: Dataset) -> dict[str, float | int]:
    """Judge a trained mesh, and count what it consists of."""
    loss, right = evaluate(ForwardOnly(net), data.test)
    assert right is not None  # noqa: S101
    topology = net.topology
    live = reach.live(topology, net.ticks, silent_at_zero=net.hidden.silent_at_zero)
    ends = [topology.source[live], topology.target[live]]
    hidden = {int(n) for one in ends for n in one if topology.inputs <= n < topology.inputs + topology.hidden}
    return {
        "test_accuracy": right.item(),
        "test_loss": loss.item(),
        "edges": count(net),
        "live": int((live & prunable(topology)).sum()),
        "hidden": len(hidden),
    }


def graph_of(net: MeshNet) -> dict[str, list[Any]]:
    """Give the edges of a small mesh and their weights, to be stored; of a large one, nothing."""
    topology = net.topology
    if topology.edges > STORED:
        return {}
    ends = {"source": topology.source.tolist(), "target": topology.target.tolist()}
    return {**ends, "weight": net.weight.tolist(), "neurons": [topology.inputs, topology.hidden, topology.outputs]}
