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
from onward.experiments.trials import judged, thinned, train_once
from onward.learners.base import AbstractLearner
from onward.nets.mesh import MeshNet
from onward.training.data import Dataset, Split, stack
from onward.training.fit import Recipe


def cuts(labels: Tensor, seed: int, *, folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut examples into stratified folds; give the positions (learned from, judged on) for each."""
    from sklearn.model_selection import StratifiedKFold

    cutter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return list(cutter.split(np.zeros((len(labels), 1)), labels.numpy()))


def train_cross_validated(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    net: Callable[..., MeshNet],
    rule: Callable[[MeshNet], AbstractLearner],
    recipes: Sequence[Recipe],
    folds: int = 5,
) -> list[Outcome]:
    """Choose by cross-validation, train on the whole training part, judge on the test part.

    Args:
        seeds: trained together; every fold of a seed starts from the same weights.
        progress: told the part that is done.
        data: makes the data of a seed, without a validation part.
        net: makes a net, given a `generator`.
        rule: makes a learner of a net.
        recipes: among which every seed chooses; without patience.
        folds: into how many parts the training part is cut.
    """
    whole = [data(seed) for seed in seeds]
    cut = [
        _fold(one, *fold) for one, seed in zip(whole, seeds, strict=True) for fold in cuts(one.train.y, seed, folds=folds)
    ]
    together, apart = stack(whole), stack(cut)

    def learner_of(group: Sequence[int]) -> AbstractLearner:
        return rule(MeshNet.stack([net(generator=torch.Generator().manual_seed(seed)) for seed in group]))

    repeated = [seed for seed in seeds for _ in range(folds)]
    losses = []
    for number, recipe in enumerate(recipes):
        judge = learner_of(repeated)
        train_once(judge, apart, recipe, repeated, lambda part, n=number: progress((n + part) / (2 * len(recipes))))
        losses.append(judged(judge, apart.test)["loss"].view(len(seeds), folds).mean(1))
    best = torch.stack(losses).argmin(0).tolist()
    outcomes: dict[int, Outcome] = {}
    for number, recipe in enumerate(recipes):
        learner = learner_of(seeds)
        history = train_once(learner, together, recipe, seeds, lambda part: None)
        found = judged(learner, together.test)
        for k in (k for k, chosen in enumerate(best) if chosen == number):
            outcomes[k] = Outcome(
                {f"test_{name}": value[k].item() for name, value in found.items()}
                | {"cross_validation_loss": losses[number][k].item(), "recipe": number},
                {name: [value[k].item() for value in thinned(values)] for name, values in history.items()},
            )
        progress(0.5 + (number + 1) / (2 * len(recipes)))
    return [outcomes[k] for k in range(len(seeds))]


def _fold(data: Dataset, learned: np.ndarray, judged_on: np.ndarray) -> Dataset:
    """The training part of some data as a data set of its own: one fold for judging, the others for learning."""
    learn, judge = (data.train.take(torch.from_numpy(index)) for index in (learned, judged_on))
    return Dataset(data.name, Split(*learn), Split(*judge))
