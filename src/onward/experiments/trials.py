"""The trial that most experiments are: train a learner on data, choose by validation, judge on the test part.

All seeds that are given are trained side by side, each with its own data, first weights and order. Where several recipes
are given, every seed keeps the one with its lowest validation loss; the test part plays no role in that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from onward.experiments.spec import Outcome, Progress
from onward.learners.base import AbstractLearner
from onward.nets.mesh import MeshNet
from onward.training.data import Dataset, Split, stack
from onward.training.fit import Recipe, fit
from onward.training.metrics import accuracy, balanced_accuracy

Measure = Callable[[AbstractLearner, Sequence[int]], dict[str, Tensor]]

POINTS = 100  # of a stored series


def train(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    net: Callable[..., MeshNet],
    rule: Callable[[MeshNet], AbstractLearner],
    recipes: Sequence[Recipe],
    also: Measure | None = None,
) -> list[Outcome]:
    """Train and judge.

    Args:
        seeds: trained together.
        progress: told the part that is done.
        data: makes the data of a seed.
        net: makes a net, given a `generator`.
        rule: makes a learner of a net.
        recipes: tried one after another; more than one needs validation data to choose by.
        also: measures more of the trained learner, one value a seed and name.
    """
    datasets = [data(seed) for seed in seeds]
    together = stack(datasets)
    best: list[Outcome | None] = [None] * len(seeds)
    for number, recipe in enumerate(recipes):
        nets = [net(generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        learner = rule(MeshNet.stack(nets))
        series: dict[str, list[Tensor]] = {"epoch": [], "loss": [], "train_accuracy": [], "validation_loss": []}
        for epoch in fit(learner, together, recipe, generator=[order(seed) for seed in seeds]):
            series["epoch"].append(torch.full((len(seeds),), epoch.number))
            series["loss"].append(epoch.loss)
            series["train_accuracy"].append(judged(learner, together.train)["accuracy"])
            if epoch.validation_loss is not None:
                series["validation_loss"].append(epoch.validation_loss)
            progress((number + epoch.number / recipe.epochs) / len(recipes))
        parts = {"train": together.train, "validation": together.validation, "test": together.test}
        metrics = {
            f"{part}_{name}": value
            for part, split in parts.items()
            if split is not None
            for name, value in judged(learner, split).items()
        }
        metrics["recipe"] = torch.full((len(seeds),), number)
        metrics["parameters"] = torch.full((len(seeds),), nets[0].topology.edges)
        metrics.update({} if also is None else also(learner, seeds))
        for k in range(len(seeds)):
            history = {name: [value[k].item() for value in thinned(values)] for name, values in series.items() if values}
            outcome = Outcome({name: value[k].item() for name, value in metrics.items()}, history)
            before = best[k]
            if before is None or outcome.metrics["validation_loss"] < before.metrics["validation_loss"]:
                best[k] = outcome
    return [outcome for outcome in best if outcome is not None]


def judged(learner: AbstractLearner, split: Split) -> dict[str, Tensor]:
    """Measure a classifier on a part of its data, one value a net."""
    scores = learner.scores(split.x)
    return {
        "loss": learner.loss(scores, split.y)[0],
        "accuracy": accuracy(scores, split.y),
        "balanced_accuracy": balanced_accuracy(scores, split.y),
    }


def thinned(series: Sequence[Tensor], points: int = POINTS) -> list[Tensor]:
    """Keep at most `points` values of a long series, evenly spaced, the first and the last among them."""
    if len(series) <= points:
        return list(series)
    return [series[round(k * (len(series) - 1) / (points - 1))] for k in range(points)]


def order(seed: int) -> torch.Generator:
    """A generator for the order of examples, apart from the one that drew the first weights of the same seed."""
    return torch.Generator().manual_seed(1_000_003 + seed)
