"""A mesh made smaller in one way to several numbers of edges, from the same data, rates and number of steps as in every other way."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from onward.experiments.spec import Outcome, Progress
from onward.kernels import reach
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.nets.pruning import prunable
from onward.papers.mesh_neural_networks.changing_jobs import Job, Made, Way, count
from onward.topology import Topology
from onward.training.data import Dataset
from onward.training.fit import Recipe, TrainingFailed
from onward.training.judging import evaluate

STORED = 400  # edges, up to which a trained mesh is stored, to be drawn


@dataclass(frozen=True)
class Tried:
    """A mesh that was trained at one rate, with its validation loss."""

    loss: float
    rate: float
    made: Made


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
    """Train one mesh for each seed, part of the edges and rate; validation loss chooses the rate, the test part judges.

    Args:
        seeds: given to the way together.
        progress: told the part that is done, after every rate.
        data: makes the data of a seed.
        dense: the topology with all edges.
        ticks: updates.
        way: how meshes are made smaller.
        parts: of the edges that are to be left.
        rates: learning rates of Adam, which falls along a cosine.
        epochs: passes.
        batch: examples a step.

    Raises:
        TrainingFailed: at none of the rates does a mesh stay finite.
    """
    its = {seed: data(seed) for seed in seeds}
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=epochs)
    tried: dict[tuple[int, float], list[Tried]] = {(s, part): [] for s in seeds for part in sorted(parts, reverse=True)}
    failed: Counter[tuple[int, float]] = Counter()
    for done, rate in enumerate(rates, 1):
        recipe = Recipe(partial(torch.optim.Adam, lr=rate, fused=True), epochs, batch, schedule=decay)
        jobs = [Job(its[seed], dense, ticks, part, recipe, seed) for seed, part in tried]
        for key, ending in zip(tried, way(jobs), strict=True):
            if ending is None:  # so few edges cannot be had
                continue
            loss = validation_loss(ending.net, its[key[0]]) if isinstance(ending, Made) else math.nan
            if isinstance(ending, Made) and math.isfinite(loss):
                tried[key].append(Tried(loss, rate, ending))
            else:  # at this rate the mesh does not stay finite
                failed[key] += 1
        progress(done / len(rates))
    for (seed, part), times in failed.items():
        if times == len(rates):
            raise TrainingFailed(
                f"at none of the rates {list(rates)} did the mesh of seed {seed} with {percent(part)} % of its edges stay finite"
            )
    return [
        _outcome({part: tried[seed, part] for part in sorted(parts, reverse=True)}, its[seed], len(rates)) for seed in seeds
    ]


def _outcome(tried: Mapping[float, Sequence[Tried]], data: Dataset, rates: int) -> Outcome:
    """Judge, for each part of the edges from the largest down, the mesh of the lowest validation loss."""
    metrics: dict[str, float | int] = {}
    history: dict[str, list[float | int]] = {}
    for part, some in tried.items():
        if not some:
            continue
        best = min(some, key=lambda one: one.loss)
        measured = {**measure(best.made.net, data), **best.made.removed}
        measured |= {"rate": best.rate, "validation_loss": best.loss, "failed": rates - len(some)}
        metrics |= {f"{name}_at_{percent(part)}": value for name, value in measured.items()}
        history = graph_of(best.made.net)  # of the smallest part there is
    return Outcome(metrics, history)


def percent(part: float) -> int:
    """Give a part in whole per cent, as metrics name it."""
    return round(100 * part)


def validation_loss(net: MeshNet, data: Dataset) -> float:
    """Judge a trained mesh on the validation part."""
    assert data.validation is not None  # noqa: S101
    return evaluate(ForwardOnly(net), data.validation)[0].item()


def measure(net: MeshNet, data: Dataset) -> dict[str, float | int]:
    """Judge a trained mesh on the test part, and count what it consists of."""
    loss, right = evaluate(ForwardOnly(net), data.test)
    assert right is not None  # noqa: S101
    topology = net.topology
    live = reach.live(topology, net.ticks, silent_at_zero=net.activation.silent_at_zero)
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
