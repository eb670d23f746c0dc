"""Classification problems of the plane: how their points are drawn, and how well any classifier can do.

All but the noisy spirals are those of Mesh Neural Networks, section 4.1, with the settings of its code. Where noise is
Gaussian every class is a mixture of Gaussians (a curve is one along its length), so its density is known, and with it
the best possible classifier: the class of the largest density. Its accuracy is the *Bayes limit* of the problem.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Points = tuple[np.ndarray, np.ndarray]  # n x 2, and n class numbers

TURN = math.radians(780)  # of a spiral: a little over two turns
ALONG = 720  # centres that stand for a curve


@dataclass(frozen=True)
class Mixture:
    """A class as a mixture of round Gaussians of one deviation, all as likely."""

    centres: np.ndarray  # m x 2
    deviation: float

    def draw(self, examples: int, rng: np.random.Generator) -> np.ndarray:
        """Draw points, n x 2."""
        picked = self.centres[rng.integers(len(self.centres), size=examples)]
        return picked + self.deviation * rng.standard_normal((examples, 2))

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Give the logarithm of the density at some points, n x 2."""
        from scipy.special import logsumexp

        square = ((x**2).sum(1)[:, None] - 2 * x @ self.centres.T + (self.centres**2).sum(1)) / self.deviation**2
        return logsumexp(-0.5 * square, axis=1) - math.log(len(self.centres)) - 2 * math.log(self.deviation)


Classes = Sequence[Mixture]


def draw(classes: Classes, examples: int, rng: np.random.Generator) -> Points:
    """Draw points of classes in equal numbers (but for rounding), class after class."""
    sizes = [len(part) for part in np.array_split(np.arange(examples), len(classes))]
    x = np.vstack([mixture.draw(size, rng) for mixture, size in zip(classes, sizes, strict=True)])
    return x, np.repeat(np.arange(len(classes)), sizes)


def bayes_accuracy(classes: Classes, x: np.ndarray, y: np.ndarray) -> float:
    """Give the accuracy of the best possible classifier on some points of equally frequent classes."""
    says = [
        np.argmax([mixture.log_density(part) for mixture in classes], 0) for part in np.array_split(x, len(x) // 10_000 + 1)
    ]
    return float((np.concatenate(says) == y).mean())


def moons(rng: np.random.Generator, noise: float = 0.1) -> Classes:
    """Two half circles of radius 1 that reach into each other (scikit-learn's `make_moons`)."""
    angle = np.linspace(0, np.pi, ALONG)
    upper = np.stack([np.cos(angle), np.sin(angle)], 1)
    return Mixture(upper, noise), Mixture(np.array([1.0, 0.5]) - upper, noise)


def circles(rng: np.random.Generator, noise: float = 0.1, factor: float = 0.5) -> Classes:
    """A circle of radius 1 around one of radius `factor` (scikit-learn's `make_circles`)."""
    angle = np.linspace(0, 2 * np.pi, ALONG, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], 1)
    return Mixture(ring, noise), Mixture(factor * ring, noise)


def blobs(rng: np.random.Generator) -> Classes:
    """Three round clouds of deviations 1, 2.5 and 0.5 around centres in +-10 that every seed draws anew."""
    return tuple(Mixture(rng.uniform(-10, 10, (1, 2)), deviation) for deviation in (1.0, 2.5, 0.5))


def double_blobs(rng: np.random.Generator) -> Classes:
    """Three classes of two round clouds each, of deviation 1, around centres in +-10 that every seed draws anew."""
    return tuple(Mixture(rng.uniform(-10, 10, (2, 2)), 1.0) for _ in range(3))


def noisy_spirals(rng: np.random.Generator, noise: float = 0.1) -> Classes:
    """Two spirals under Gaussian noise of a part of the outer radius, as moons and circles have it."""
    arm = _arm(np.linspace(0, 1, 2 * ALONG))
    return Mixture(arm, noise * TURN), Mixture(-arm, noise * TURN)


def spiral_points(examples: int, rng: np.random.Generator, noise: float = 0.1) -> Points:
    """Draw two interleaved spirals as the Mesh Neural Networks code does, `examples / 2` points each.

    The radius equals the angle, `780 degrees * sqrt(u)`, so coordinates reach 13.6; noise is uniform and of `noise` in each
    (0.1 against a distance of 6.3 between turns), so that the arms meet at the origin only and the Bayes limit is 1.
    """
    half = examples // 2
    arm = _arm(rng.random(half)) + rng.random((half, 2)) * noise
    return np.vstack([arm, -arm]), np.repeat([0, 1], half)


def _arm(u: np.ndarray) -> np.ndarray:
    angle = np.sqrt(u)[:, None] * TURN
    return np.hstack([-np.cos(angle), np.sin(angle)]) * angle


World = Callable[[np.random.Generator], Classes]
