"""The trial for small data: recipes are chosen by cross-validation inside the training part, then trained on all of it.

Where a training part holds a hundred examples, a fifth of them chooses mostly by chance. Here every seed's training part
is cut into folds, each recipe is trained on all but one and judged on that one, and the recipe with the lowest mean loss
is trained anew on the whole part. That is what scikit-learn's `GridSearchCV` does, which is given the same folds for its
own models. All seeds and folds of a recipe are trained side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from onward.experiments.spec import Outcome, Progress
from onward.experiments.trials import judged, order, thinned
from onward.learners.base import AbstractLearner
from onward.nets.mesh import MeshNet
from onward.training.data import Dataset, Split, stack
from onward.training.fit import Recipe, fit

FOLDS = 5


def folds(labels: Tensor, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut examples into `FOLDS` stratified folds; give (learned from, judged on) for each."""
    from sklearn.model_selection import StratifiedKFold

    cutter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return list(cutter.split(np.zeros((len(labels), 1)), labels.numpy()))


def train_cross_validated(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    net: Callable[..., MeshNet],
    rule: Callable[[MeshNet], AbstractLearner],
    recipes: Sequence[Recipe],
) -> list[Outcome]:
    """Choose by cross-validation, train on the whole training part, judge on the test part.

    Args:
        seeds: trained together; every fold of a seed starts from the same weights.
        progress: told the part that is done.
        data: makes the data of a seed, without a validation part.
        net: makes a net, given a `generator`.
        rule: makes a learner of a net.
        recipes: among which every seed chooses; without patience.
    """
    whole = [data(seed) for seed in seeds]
    cut = [_fold(one, *fold) for one, seed in zip(whole, seeds, strict=True) for fold in folds(one.train.y, seed)]
    together, apart = stack(whole), stack(cut)
    losses, learners, series = [], [], []
    for number, recipe in enumerate(recipes):
        judges, _ = _train([seed for seed in seeds for _ in range(FOLDS)], apart, net, rule, recipe)
        losses.append(judged(judges, apart.test)["loss"].view(len(seeds), FOLDS).mean(1))
        learner, history = _train(seeds, together, net, rule, recipe)
        learners.append(judged(learner, together.test))
        series.append(history)
        progress((number + 1) / len(recipes))
    chosen = torch.stack(losses).argmin(0).tolist()
    return [
        Outcome(
            {f"test_{name}": value[k].item() for name, value in learners[best].items()}
            | {"cross_validation_loss": losses[best][k].item(), "recipe": best},
            {name: [value[k].item() for value in thinned(values)] for name, values in series[best].items()},
        )
        for k, best in enumerate(chosen)
    ]


def _fold(data: Dataset, learned: np.ndarray, judged_on: np.ndarray) -> Dataset:
    """The training part of some data as a data set of its own: one fold for judging, the others for learning."""
    learn, judge = (data.train.take(torch.from_numpy(index)) for index in (learned, judged_on))
    return Dataset(data.name, Split(*learn), Split(*judge))


def _train(
    seeds: Sequence[int],
    data: Dataset,
    net: Callable[..., MeshNet],
    rule: Callable[[MeshNet], AbstractLearner],
    recipe: Recipe,
) -> tuple[AbstractLearner, dict[str, list[Tensor]]]:
    """Train one net a seed side by side; also give training loss and accuracy over the epochs."""
    learner = rule(MeshNet.stack([net(generator=torch.Generator().manual_seed(seed)) for seed in seeds]))
    series: dict[str, list[Tensor]] = {"epoch": [], "loss": [], "train_accuracy": []}
    for epoch in fit(learner, data, recipe, generator=[order(seed) for seed in seeds]):
        series["epoch"].append(torch.full((len(seeds),), epoch.number))
        series["loss"].append(epoch.loss)
        series["train_accuracy"].append(judged(learner, data.train)["accuracy"])
    return learner, series
