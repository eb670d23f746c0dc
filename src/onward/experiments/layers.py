"""The trial of layered nets on real data: train a learner, choose among recipes by validation, judge on the test part once.

Seeds are trained one after another: nets of this size fill a machine each. A seed is that of the first weights, of the
feedback and the projections, of the order of examples and of the part that chooses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from onward.experiments.spec import Outcome, Progress
from onward.experiments.trials import order
from onward.learners.base import AbstractLearner
from onward.nets.layered import LayeredNet
from onward.training.data import Augment, Dataset
from onward.training.fit import Epoch, Recipe, fit
from onward.training.judging import evaluate

Also = Callable[[AbstractLearner, Dataset], dict[str, float]]


def train_layers(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    net: Callable[..., LayeredNet],
    rule: Callable[[LayeredNet], AbstractLearner],
    recipe: Recipe,
    augment: Augment | None = None,
    also: Also | None = None,
) -> list[Outcome]:
    """Train by one recipe and judge.

    Args:
        seeds: trained one after another.
        progress: told the part that is done.
        data: makes the data of a seed, with a validation part.
        net: makes a net, given a `generator`.
        rule: makes a learner of a net.
        recipe: how it is trained.
        augment: changes every batch that is learned from at random.
        also: measures more of the trained learner.
    """
    outcomes = []
    for done, seed in enumerate(seeds):
        parts = replace(data(seed), augment=augment)
        learner = rule(net(generator=torch.Generator().manual_seed(seed)))
        began = time.perf_counter()
        epochs = trained(learner, parts, recipe, seed, within(progress, done, len(seeds), recipe))
        seconds = time.perf_counter() - began
        outcomes.append(_outcome(learner, parts, recipe, epochs, seconds, also))
    return outcomes


def choose_layers(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    net: Callable[..., LayeredNet],
    rule: Callable[[LayeredNet], AbstractLearner],
    recipes: Sequence[Recipe],
    also: Also | None = None,
) -> list[Outcome]:
    """Train by every recipe, keep for each seed the learner of the highest validation accuracy, judge that one.

    For small data, where training is cheap; arguments as for `train_layers`. Of equals the one of the lower validation loss.
    """
    outcomes = []
    for done, seed in enumerate(seeds):
        parts = data(seed)
        found = []
        began = time.perf_counter()
        for number, recipe in enumerate(recipes):
            learner = rule(net(generator=torch.Generator().manual_seed(seed)))
            see = within(progress, done * len(recipes) + number, len(seeds) * len(recipes), recipe)
            epochs = trained(learner, parts, recipe, seed, see)
            found.append((learner, recipe, epochs))
        best = min(range(len(found)), key=lambda k: (-_last_accuracy(found[k][2]), _last_loss(found[k][2])))
        learner, recipe, epochs = found[best]
        outcome = _outcome(learner, parts, recipe, epochs, time.perf_counter() - began, also)
        outcomes.append(Outcome(outcome.metrics | {"recipe": best}, outcome.history))
    return outcomes


def tune(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    net: Callable[..., LayeredNet],
    rule: Callable[[LayeredNet], AbstractLearner],
    recipes: Sequence[Recipe],
    augment: Augment | None = None,
) -> list[Outcome]:
    """Train by every recipe and judge each on the validation part; the test part is not looked at.

    Arguments as for `train_layers`. The metrics are the number of the best recipe and the validation accuracy of each.
    """
    outcomes = []
    for done, seed in enumerate(seeds):
        parts = replace(data(seed), augment=augment)
        found = []
        for number, recipe in enumerate(recipes):
            learner = rule(net(generator=torch.Generator().manual_seed(seed)))
            see = within(progress, done * len(recipes) + number, len(seeds) * len(recipes), recipe)
            found.append(_last_accuracy(trained(learner, parts, recipe, seed, see)))
        metrics: dict[str, float | int] = {f"validation_accuracy_{k}": right for k, right in enumerate(found)}
        outcomes.append(Outcome(metrics | {"recipe": found.index(max(found))}, {}))
    return outcomes


def trained(
    learner: AbstractLearner, data: Dataset, recipe: Recipe, seed: int, see: Callable[[Epoch], None]
) -> list[Epoch]:
    """Train by a recipe in the order of a seed; give the epochs."""
    epochs = []
    for epoch in fit(learner, data, recipe, generator=order(seed)):
        epochs.append(epoch)
        see(epoch)
    return epochs


def _outcome(
    learner: AbstractLearner, parts: Dataset, recipe: Recipe, epochs: Sequence[Epoch], seconds: float, also: Also | None
) -> Outcome:
    metrics: dict[str, float | int] = {"seconds": seconds, "epochs": len(epochs)}
    metrics["parameters"] = sum(parameter.numel() for parameter in learner.parameters())
    with recipe.autocast(parts.train.x.device):
        for name, split in (("validation", parts.validation), ("test", parts.test)):
            if split is not None:
                loss, right = evaluate(learner, split)
                metrics[f"{name}_loss"] = loss.item()
                metrics |= {} if right is None else {f"{name}_accuracy": right.item()}
        metrics |= {} if also is None else also(learner, parts)
    return Outcome(metrics, _series(epochs))


def within(progress: Progress, before: int, of: int, recipe: Recipe) -> Callable[[Epoch], None]:
    """Tell the part that is done, of several runs of which some are."""
    return lambda epoch: progress((before + epoch.number / recipe.epochs) / of)


def _last_loss(epochs: Sequence[Epoch]) -> float:
    loss = epochs[-1].validation_loss
    return float("inf") if loss is None else loss.item()


def _last_accuracy(epochs: Sequence[Epoch]) -> float:
    right = epochs[-1].validation_accuracy
    if right is None:
        raise ValueError("recipes are compared by their accuracy on validation data, and there is none")
    return right.item()


def _series(epochs: Sequence[Epoch]) -> dict[str, list[float | int]]:
    series: dict[str, list[float | int]] = {"loss": [epoch.loss.item() for epoch in epochs]}
    series["seconds"] = [epoch.seconds for epoch in epochs]
    for name in ("validation_loss", "validation_accuracy"):
        values = [getattr(epoch, name) for epoch in epochs]
        if all(value is not None for value in values):
            series[name] = [value.item() for value in values]
    return series
