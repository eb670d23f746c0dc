"""The synthetic problems of section 4.1: sound, with their Bayes limits, and as the authors' code draws them.

*As published*, after the code: 1000 points (2000 of the spirals), not scaled, in the order in which the generator gives them, the last 30 % to
test on. The single blobs' centres are drawn anew and unseeded, so the problem changes with each run. The double blobs are
two draws of `make_blobs` put one behind the other, so the test part holds points of the second draw only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from onward.experiments.spec import Experiment, Outcome, Progress
from onward.papers.mesh_neural_networks.data import as_split, spirals_as_published
from onward.training import datasets, problems
from onward.training.data import Dataset
from onward.training.problems import World


@dataclass(frozen=True)
class Problem:
    """One problem under both protocols.

    Attributes:
        title: what people call it.
        sound: data of a seed: shuffled, stratified, scaled by the training part, with a validation part.
        published: data of a seed as in the authors' code; None if they did not have it.
        world: the classes' densities, where they are known.
        classes: how many.
    """

    title: str
    sound: Callable[[int], Dataset]
    published: Callable[[int], Dataset] | None
    world: World | None
    classes: int = 2


def _cut(name: str, points: Sequence[Any], learned: int = 700) -> Dataset:
    x, y = np.asarray(points[0]), np.asarray(points[1])
    return Dataset(f"{name} as published", as_split(x[:learned], y[:learned]), as_split(x[learned:], y[learned:]))


def moons_as_published(seed: int) -> Dataset:
    """`make_moons` with noise 0.1."""
    from sklearn.datasets import make_moons

    return _cut("moons", make_moons(1000, noise=0.1, random_state=seed))


def circles_as_published(seed: int) -> Dataset:
    """`make_circles` with noise 0.1 and factor 0.5."""
    from sklearn.datasets import make_circles

    return _cut("circles", make_circles(1000, noise=0.1, factor=0.5, random_state=seed))


def blobs_as_published(seed: int) -> Dataset:
    """`make_blobs` with deviations 1, 2.5 and 0.5."""
    from sklearn.datasets import make_blobs

    deviations: Any = [1.0, 2.5, 0.5]
    return _cut("blobs", make_blobs(1000, cluster_std=deviations, random_state=seed))


def double_blobs_as_published(seed: int) -> Dataset:
    """Two draws of `make_blobs`, 500 points each, one behind the other."""
    from sklearn.datasets import make_blobs

    first, second = (make_blobs(500, random_state=2 * seed + k) for k in (0, 1))
    return _cut("double blobs", [np.concatenate(parts) for parts in zip(first[:2], second[:2], strict=True)])


PROBLEMS = {
    "moons": Problem("moons", datasets.moons, moons_as_published, problems.moons),
    "circles": Problem("circles", datasets.circles, circles_as_published, problems.circles),
    "blobs": Problem("single blobs", datasets.blobs, blobs_as_published, problems.blobs, 3),
    "double-blobs": Problem("double blobs", datasets.double_blobs, double_blobs_as_published, problems.double_blobs, 3),
    "spirals": Problem("spirals", datasets.spirals, spirals_as_published, None),
    "coded-spirals": Problem("spirals, 2000 points as in the code", partial(datasets.spirals, examples=2000), None, None),
    "noisy-spirals": Problem("spirals, 10 % noise", datasets.noisy_spirals, None, problems.noisy_spirals),
}


def limit(seeds: Sequence[int], progress: Progress, *, world: World, points: int) -> list[Outcome]:
    """Estimate the accuracy of the best possible classifier, with the centres that a seed draws, on fresh points."""
    outcomes = []
    for done, seed in enumerate(seeds):
        rng = np.random.default_rng(seed)
        classes = world(rng)  # the same first draws as those of the seed's data
        x, y = problems.draw(classes, points, rng)
        outcomes.append(Outcome({"limit": problems.bayes_accuracy(classes, x, y)}, {}))
        progress((done + 1) / len(seeds))
    return outcomes


LIMITS = {
    name: Experiment(f"mnn/limits/{name}", partial(limit, world=problem.world, points=100_000), seeds=10)
    for name, problem in PROBLEMS.items()
    if problem.world is not None
}
