"""Data sets that need no download: made, or shipped with a dependency.

Every function draws, shuffles and parts (stratified) its data by the seed alone.
"""

from __future__ import annotations

import numpy as np

from onward.training import problems
from onward.training.data import Dataset, partition
from onward.training.problems import World


def mixture(seed: int, *, world: World, examples: int = 1000, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Points of a world of Gaussian mixtures, as `problems.moons`; centres that are random are drawn by the seed too."""
    rng = np.random.default_rng(seed)
    x, y = problems.draw(world(rng), examples, rng)
    return partition(world.__name__.replace("_", " "), x, y, seed=seed, test=test, validation=validation)


def moons(seed: int, *, examples: int = 1000, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Two half circles that reach into each other, noise 0.1."""
    return mixture(seed, world=problems.moons, examples=examples, test=test, validation=validation)


def circles(seed: int, *, examples: int = 1000, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """A circle around one of half its radius, noise 0.1."""
    return mixture(seed, world=problems.circles, examples=examples, test=test, validation=validation)


def blobs(seed: int, *, examples: int = 1000, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Three round clouds around random centres."""
    return mixture(seed, world=problems.blobs, examples=examples, test=test, validation=validation)


def double_blobs(seed: int, *, examples: int = 1000, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Three classes of two round clouds each, around random centres."""
    return mixture(seed, world=problems.double_blobs, examples=examples, test=test, validation=validation)


def noisy_spirals(seed: int, *, examples: int = 1000, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Two interleaved spirals under Gaussian noise of 10 % of their outer radius; no classifier can part them well."""
    return mixture(seed, world=problems.noisy_spirals, examples=examples, test=test, validation=validation)


def spirals(seed: int, *, examples: int = 1000, noise: float = 0.1, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Two interleaved spirals as the Mesh Neural Networks code draws them."""
    x, y = problems.spiral_points(examples, np.random.default_rng(seed), noise)
    return partition("spirals", x, y, seed=seed, test=test, validation=validation)


def iris(seed: int, *, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Fisher's Iris (150 flowers, 4 features, 3 classes; shipped with scikit-learn)."""
    from sklearn.datasets import load_iris

    x, y = map(np.asarray, load_iris(return_X_y=True))
    return partition("iris", x, y, seed=seed, test=test, validation=validation)
