"""Meshes whose smallest weights are left out while they are trained: online pruning by magnitude, of nets side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from onward.experiments.side_by_side import outcomes
from onward.experiments.spec import Outcome, Progress
from onward.experiments.trials import choose, order
from onward.learners.base import AbstractLearner
from onward.learners.forward_only import ForwardOnly
from onward.learners.masked import Masked
from onward.papers.mesh_neural_networks.classifiers import counted, largest, meshes
from onward.training.data import Dataset, stack
from onward.training.edge_schedules import cubic
from onward.training.fit import Recipe, Training
from onward.training.masking import mask_edges

BEGIN, END = 0.1, 0.6  # parts of the passes between which edges go


def train_while_pruning(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    ticks: int,
    keep: int,
    recipes: Sequence[Recipe],
) -> list[Outcome]:
    """Train unpruned meshes, leaving edges out after every pass until few enough are left; judge.

    Args:
        seeds: trained together.
        progress: told the part that is done.
        data: makes the data of a seed, with a validation part.
        ticks: updates of the mesh.
        keep: connections that are kept, those of the bias among them.
        recipes: tried one after another; without patience, as early weights are of more edges.
    """
    together = stack([data(seed) for seed in seeds])
    learner = meshes(seeds, density=1.0, ticks=ticks)
    recipe_of, histories = choose(learner, together, recipes, seeds, progress, partial(_pruned, keep=keep))
    learner.edges.copy_(_largest(learner, keep))  # those of the recipe that was chosen; all others weigh zero
    return outcomes(learner, together, seeds, recipe_of, histories, counted(learner, seeds))


def _pruned(
    learner: AbstractLearner, data: Dataset, recipe: Recipe, seeds: Sequence[int], progress: Progress, *, keep: int
) -> dict[str, list[Tensor]]:
    """Train by one recipe, from all edges to those that are kept; give what there was after every pass, one value a net."""
    assert isinstance(learner, Masked)  # noqa: S101
    learner.edges.fill_(True)
    first, begin, end = learner.edges.shape[-1], round(BEGIN * recipe.epochs), round(END * recipe.epochs)
    series: dict[str, list[Tensor]] = {"epoch": [], "loss": [], "validation_loss": [], "edges": []}
    run = Training(learner, data, recipe, generator=[order(seed) for seed in seeds])
    for epoch in run.epochs():
        assert epoch.validation_loss is not None  # noqa: S101
        due = cubic(epoch.number, first=first, last=keep, begin=begin, end=end)
        mask_edges(run, _largest(learner, due))
        found = (torch.tensor(epoch.number), epoch.loss, epoch.validation_loss, torch.tensor(due))
        for name, value in zip(series, found, strict=True):
            series[name].append(value.expand(len(seeds)))
        progress(epoch.number / recipe.epochs)
    return series


def _largest(learner: Masked, count: int) -> Tensor:
    rule = learner.rule
    assert isinstance(rule, ForwardOnly)  # noqa: S101
    return largest(learner.weight, rule.net.topology, count)
