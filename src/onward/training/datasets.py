"""Data sets that need no download: made, or shipped with a dependency."""

from __future__ import annotations

import math

import numpy as np

from onward.training.data import Dataset, partition


def spiral_points(examples: int, rng: np.random.Generator, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Draw two interleaved spirals of a little over two turns, `examples / 2` points each: x, y in +-13.6 and the class.

    The curve is that of the Mesh Neural Networks code: radius equal to the angle, `780 degrees * sqrt(u)`, with uniform
    noise of `noise` in each coordinate (0.1 against a distance of 6.3 between turns).
    """
    half = examples // 2
    angle = np.sqrt(rng.random((half, 1))) * math.radians(780)
    arm = np.hstack([-np.cos(angle), np.sin(angle)]) * angle + rng.random((half, 2)) * noise
    return np.vstack([arm, -arm]), np.repeat([0, 1], half)


def spirals(seed: int, *, examples: int = 1000, noise: float = 0.1, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Two interleaved spirals, drawn, shuffled and parted (stratified) by the seed."""
    x, y = spiral_points(examples, np.random.default_rng(seed), noise)
    return partition("spirals", x, y, seed=seed, test=test, validation=validation)


def iris(seed: int, *, test: float = 0.3, validation: float = 0.2) -> Dataset:
    """Fisher's Iris (150 flowers, 4 features, 3 classes; shipped with scikit-learn), parted (stratified) by the seed."""
    from sklearn.datasets import load_iris

    x, y = map(np.asarray, load_iris(return_X_y=True))
    return partition("iris", x, y, seed=seed, test=test, validation=validation)
