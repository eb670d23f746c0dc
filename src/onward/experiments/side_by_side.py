"""The trial of small nets on large data: all seeds learn in one computation, each with its own net, parts and order of examples.

Training is most of the cost, so what is measured on the way is the validation part alone; the test part is read once, at the end. Every
seed keeps the recipe, and with patience the epoch, of its lowest validation loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from onward.experiments.spec import Outcome, Progress
from onward.experiments.trials import Measure, choose, order, thinned
from onward.learners.base import AbstractLearner
from onward.training.data import Dataset, stack
from onward.training.fit import Recipe, fit
from onward.training.judging import evaluate

Learners = Callable[[Sequence[int]], AbstractLearner]  # makes a learner of nets side by side, one a seed


def train_side_by_side(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    learner: Learners,
    recipes: Sequence[Recipe],
    also: Measure | None = None,
) -> list[Outcome]:
    """Train and judge.

    Args:
        seeds: trained together.
        progress: told the part that is done.
        data: makes the data of a seed.
        learner: makes the learner of all seeds.
        recipes: tried one after another; more than one needs validation data to choose by.
        also: measures more of the trained learner, one value a seed and name.

    Raises:
        ValueError: several recipes and no validation data.
    """
    together, taught = stack([data(seed) for seed in seeds]), learner(seeds)
    recipe_of, histories = choose(taught, together, recipes, seeds, progress, watched)
    more = {} if also is None else also(taught, seeds)
    return outcomes(taught, together, seeds, recipe_of, histories, more | spent(recipe_of, histories))


def outcomes(
    learner: AbstractLearner,
    data: Dataset,
    seeds: Sequence[int],
    recipe_of: Tensor,
    histories: Sequence[dict[str, list[Tensor]]],
    more: Mapping[str, Tensor],
) -> list[Outcome]:
    """Judge trained nets on the parts that they did not learn from; give what each seed came to, with more of it and the course of its recipe."""
    metrics = {"recipe": recipe_of, **more}
    for name, split in (("validation", data.validation), ("test", data.test)):
        if split is not None:
            loss, right = evaluate(learner, split)
            metrics[f"{name}_loss"] = loss
            metrics |= {} if right is None else {f"{name}_accuracy": right}
    return [
        Outcome(
            {name: value[k].item() for name, value in metrics.items()},
            {name: [value[k].item() for value in thinned(series)] for name, series in histories[number].items()},
        )
        for k, number in enumerate(recipe_of.tolist())
    ]


def spent(recipe_of: Tensor, histories: Sequence[dict[str, list[Tensor]]]) -> dict[str, Tensor]:
    """Give passes over the data and seconds of training, of the recipe that each net keeps and of all that were tried (`all_passes`, `all_seconds`).

    Passes count losses and gradients that were computed. Seconds are of all nets side by side.
    """
    found = {}
    for name in ("passes", "seconds"):
        last = torch.stack([series[name][-1] for series in histories])  # recipes x nets
        found |= {name: last.gather(0, recipe_of.unsqueeze(0))[0], f"all_{name}": last.sum(0)}
    return found


def watched(
    learner: AbstractLearner, data: Dataset, recipe: Recipe, seeds: Sequence[int], progress: Progress
) -> dict[str, list[Tensor]]:
    """Train nets side by side by one recipe; give the losses after every epoch and what it took until then, one value a net."""
    series: dict[str, list[Tensor]] = {"epoch": [], "loss": [], "passes": [], "seconds": []}
    for epoch in fit(learner, data, recipe, generator=[order(seed) for seed in seeds]):
        series["epoch"].append(torch.full((len(seeds),), epoch.number))
        series["loss"].append(epoch.loss)
        for name in ("passes", "seconds"):
            series[name].append(torch.full((len(seeds),), getattr(epoch, name), dtype=torch.float64))
        for name in ("validation_loss", "validation_accuracy"):
            value = getattr(epoch, name)
            if value is not None:
                series.setdefault(name, []).append(value)
        progress(epoch.number / recipe.epochs)
    return series
