"""The trial that most experiments are: train a learner on data, choose by validation, judge on the test part.

All seeds that are given are trained side by side, each with its own data, first weights and order. Where several recipes
are given, every seed keeps the one with its lowest validation loss; the test part plays no role in that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from onward.experiments.spec import Outcome, Progress
from onward.learners.base import AbstractLearner
from onward.nets.mesh import MeshNet
from onward.training.data import Dataset, Split, stack
from onward.training.fit import Recipe, fit
from onward.training.judging import evaluate
from onward.training.metrics import accuracy, balanced_accuracy

Measure = Callable[[AbstractLearner, Sequence[int]], dict[str, Tensor]]
Once = Callable[[AbstractLearner, Dataset, Recipe, Sequence[int], Progress], dict[str, list[Tensor]]]

POINTS = 100  # of a stored series
SMALL = 400  # edges, up to which the chosen weights are stored too, so that figures can draw the net


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

    Raises:
        ValueError: several recipes and no validation data.
    """
    together = stack([data(seed) for seed in seeds])
    nets = [net(generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    learner = rule(MeshNet.stack(nets))
    recipe_of, histories = choose(learner, together, recipes, seeds, progress, train_once)
    chosen = {name: value.clone() for name, value in learner.state_dict().items()}
    parts = {"train": together.train, "validation": together.validation, "test": together.test}
    metrics = {
        f"{part}_{name}": value
        for part, split in parts.items()
        if split is not None
        for name, value in judged(learner, split).items()
    }
    metrics["recipe"] = recipe_of
    metrics["parameters"] = torch.full((len(seeds),), nets[0].topology.edges)
    metrics.update({} if also is None else also(learner, seeds))
    kept = {"weight": chosen["net.weight"]} if nets[0].topology.edges <= SMALL else {}
    return [
        Outcome(
            {name: value[k].item() for name, value in metrics.items()},
            {name: [value[k].item() for value in thinned(series)] for name, series in histories[number].items()}
            | {name: value[k].tolist() for name, value in kept.items()},
        )
        for k, number in enumerate(recipe_of.tolist())
    ]


def choose(
    learner: AbstractLearner,
    data: Dataset,
    recipes: Sequence[Recipe],
    seeds: Sequence[int],
    progress: Progress,
    once: Once,
) -> tuple[Tensor, list[dict[str, list[Tensor]]]]:
    """Train nets side by side by every recipe from the same weights, and leave each at the one of its lowest validation loss.

    Args:
        learner: of the stacked nets; it is left with the weights that were chosen.
        data: stacked, one for each net.
        recipes: tried one after another.
        seeds: one a net.
        progress: told the part that is done.
        once: trains the nets by one recipe, and gives what it measured after every epoch.

    Returns:
        The number of the recipe that each net keeps, and what was measured with each recipe.

    Raises:
        ValueError: several recipes and no validation data.
    """
    if len(recipes) > 1 and data.validation is None:
        raise ValueError(f"{len(recipes)} recipes need validation data to choose by, and {data.name} has none")
    first = {name: value.clone() for name, value in learner.state_dict().items()}
    chosen, lowest = dict(first), torch.full((len(seeds),), torch.inf)
    recipe_of = torch.zeros(len(seeds), dtype=torch.int64)
    histories: list[dict[str, list[Tensor]]] = []
    for number, recipe in enumerate(recipes):
        learner.load_state_dict(first)
        told: Progress = partial(_within, progress, number, len(recipes))
        histories.append(once(learner, data, recipe, seeds, told))
        loss = evaluate(learner, data.validation)[0] if data.validation is not None else torch.zeros(len(seeds))
        better = loss < lowest
        lowest, recipe_of = torch.where(better, loss, lowest), torch.where(better, number, recipe_of)
        for name, value in learner.state_dict().items():
            chosen[name] = torch.where(better.view(-1, *[1] * (value.ndim - 1)), value, chosen[name])
    learner.load_state_dict(chosen)
    return recipe_of, histories


def _within(progress: Progress, number: int, of: int, part: float) -> None:
    progress((number + part) / of)


def train_once(
    learner: AbstractLearner, data: Dataset, recipe: Recipe, seeds: Sequence[int], progress: Progress
) -> dict[str, list[Tensor]]:
    """Train nets side by side by one recipe; give what was measured after every epoch, one value a net."""
    series: dict[str, list[Tensor]] = {"epoch": [], "loss": [], "train_accuracy": []}
    if data.validation is not None:
        series["validation_loss"] = []
    for epoch in fit(learner, data, recipe, generator=[order(seed) for seed in seeds]):
        series["epoch"].append(torch.full((len(seeds),), epoch.number))
        series["loss"].append(epoch.loss)
        series["train_accuracy"].append(judged(learner, data.train)["accuracy"])
        if epoch.validation_loss is not None:
            series["validation_loss"].append(epoch.validation_loss)
        progress(epoch.number / recipe.epochs)
    return series


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
