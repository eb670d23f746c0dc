"""A mesh that is trained unpruned for some passes, keeps its largest weights, and is trained on: static pruning by magnitude."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from onward.experiments.side_by_side import outcomes, watched
from onward.experiments.spec import Outcome, Progress
from onward.experiments.trials import choose
from onward.learners.forward_only import ForwardOnly
from onward.learners.masked import Masked
from onward.papers.mesh_neural_networks.classifiers import counted, largest, meshes
from onward.training.data import Dataset, stack
from onward.training.fit import Recipe


def train_prune_train(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    ticks: int,
    keep: int,
    before: Recipe,
    recipes: Sequence[Recipe],
) -> list[Outcome]:
    """Train, prune, train on, judge.

    Args:
        seeds: trained together.
        progress: told the part that is done.
        data: makes the data of a seed, with a validation part.
        ticks: updates of the mesh.
        keep: connections that are kept, those of the bias among them.
        before: how the unpruned mesh is trained.
        recipes: how the pruned one is, tried one after another from the same weights.
    """
    together = stack([data(seed) for seed in seeds])
    dense = meshes(seeds, density=1.0, ticks=ticks)
    part = before.epochs / (before.epochs + sum(recipe.epochs for recipe in recipes))
    choose(dense, together, [before], seeds, lambda done: progress(part * done), watched)
    rule = dense.rule
    assert isinstance(rule, ForwardOnly)  # noqa: S101
    net = rule.net
    edges = largest(net.weight, net.topology, keep)
    pruned = Masked(ForwardOnly(net.with_weight(torch.where(edges, net.weight.detach(), 0.0))), edges)
    recipe_of, histories = choose(
        pruned, together, recipes, seeds, lambda done: progress(part + (1 - part) * done), watched
    )
    return outcomes(pruned, together, seeds, recipe_of, histories, counted(pruned, seeds))
