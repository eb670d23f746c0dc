"""The trial of small nets that start several times: the start and the recipe with the lowest validation loss are kept.

Where training takes a second, the first weights decide more than anything else, and starting again is the cheapest
remedy. Every rival is given as many starts. Starts of one net are trained side by side where the recipe allows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import torch

from onward.experiments.spec import Outcome, Progress
from onward.experiments.trials import Measure, judged, order
from onward.learners.base import AbstractLearner
from onward.nets.mesh import MeshNet
from onward.training.data import Dataset, stack
from onward.training.fit import Recipe, fit
from onward.training.judging import evaluate


def train_from_starts(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    net: Callable[..., MeshNet],
    rule: Callable[[MeshNet], AbstractLearner],
    recipes: Sequence[Recipe],
    starts: int,
    dtype: torch.dtype = torch.float64,
    also: Measure | None = None,
) -> list[Outcome]:
    """Train every seed from several first weights, choose by validation loss, judge on the test part.

    Args:
        seeds: trained one after another, so that the time of each is its own.
        progress: told the part that is done.
        data: makes the data of a seed, with a validation part.
        net: makes a net, given a `generator` and a `dtype`.
        rule: makes a learner of a net.
        recipes: each tried from every start.
        starts: first weights for every seed; the same for all recipes.
        dtype: of weights and data.
        also: measures more of the chosen learner, one value a name.
    """
    outcomes = []
    for done, seed in enumerate(seeds):
        began, passes = time.perf_counter(), 0.0
        parts = data(seed).to(dtype)
        if parts.validation is None and starts * len(recipes) > 1:
            raise ValueError(f"the best of several starts is chosen by validation data, and {parts.name} has none")
        found: list[tuple[float, MeshNet, int]] = []
        for number, recipe in enumerate(recipes):
            nets = [net(generator=torch.Generator().manual_seed(1000 * seed + k), dtype=dtype) for k in range(starts)]
            groups = [[one] for one in nets] if _alone(recipe) else [nets]
            for group in groups:
                learner = rule(MeshNet.stack(group))
                together = stack([parts] * len(group))
                *_, epoch = fit(learner, together, recipe, generator=[order(seed) for _ in group])
                passes += len(group) * epoch.passes
                losses = evaluate(learner, together.validation or together.train)[0]
                weights = dict(learner.named_parameters())["net.weight"].detach()
                found += [
                    (loss, one.with_weight(weight), number)
                    for loss, one, weight in zip(losses.tolist(), group, weights, strict=True)
                ]
        seconds = time.perf_counter() - began
        _, best, number = min(found, key=lambda one: one[0])
        learner = rule(best)
        metrics = {
            f"{part}_{name}": value.item()
            for part, split in (("train", parts.train), ("validation", parts.validation), ("test", parts.test))
            if split is not None
            for name, value in judged(learner, split).items()
        }
        metrics |= {"recipe": number, "parameters": best.topology.edges, "seconds": seconds, "passes": passes}
        metrics |= {} if also is None else {name: value.item() for name, value in also(learner, [seed]).items()}
        outcomes.append(Outcome(metrics, {"weight": best.weight.tolist()}))
        progress((done + 1) / len(seeds))
    return outcomes


def _alone(recipe: Recipe) -> bool:
    """Whether a recipe trains one net at a time."""
    made = recipe.optimiser
    return isinstance(made, partial) and made.func is torch.optim.LBFGS
