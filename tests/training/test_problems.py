"""The densities are those that points are drawn from, and the Bayes limit is what the best classifier reaches."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from onward.training import datasets, problems
from onward.training.data import Dataset
from onward.training.problems import Mixture

WORLDS = [problems.moons, problems.circles, problems.blobs, problems.double_blobs, problems.noisy_spirals]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.__name__)
def test_densities_integrate_to_one_and_fit_the_points(world: problems.World) -> None:
    """On a grid over all points: the mass of every class is 1, and its mean and spread are those of the points."""
    rng = np.random.default_rng(3)
    for mixture in world(rng):
        points = mixture.draw(20_000, rng)
        low, high = points.min(0) - 6 * mixture.deviation, points.max(0) + 6 * mixture.deviation
        axes = [np.linspace(a, b, 240) for a, b in zip(low, high, strict=True)]
        cell = np.prod([axis[1] - axis[0] for axis in axes])
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
        mass = np.exp(mixture.log_density(grid)) * cell / (2 * np.pi)
        assert mass.sum() == pytest.approx(1, abs=1e-3)
        assert mass @ grid == pytest.approx(points.mean(0), abs=0.05 * (high - low).max())
        assert mass @ grid**2 == pytest.approx((points**2).mean(0), rel=0.05)


def test_the_limit_of_two_gaussians_is_known() -> None:
    classes = [Mixture(np.array([[-1.0, 0.0]]), 1.0), Mixture(np.array([[1.0, 0.0]]), 1.0)]
    x, y = problems.draw(classes, 100_000, np.random.default_rng(0))
    assert problems.bayes_accuracy(classes, x, y) == pytest.approx(norm.cdf(1), abs=0.005)


def test_deviations_count_in_the_best_classifier() -> None:
    """Two clouds around one centre: the narrow one is named inside the circle where the densities cross."""
    classes = [Mixture(np.zeros((1, 2)), 1.0), Mixture(np.zeros((1, 2)), 3.0)]
    x = np.array([[0.0, 0.0], [2.1, 0.0], [2.3, 0.0]])  # they cross at radius sqrt(2 log(9) / (1 - 1/9)) = 2.22
    assert problems.bayes_accuracy(classes, x, np.array([0, 0, 1])) == 1


@pytest.mark.parametrize(
    ("make", "classes"),
    [
        (datasets.moons, 2),
        (datasets.circles, 2),
        (datasets.blobs, 3),
        (datasets.double_blobs, 3),
        (datasets.noisy_spirals, 2),
    ],
)
def test_data_sets_are_parted_balanced_and_by_the_seed_alone(make: Callable[[int], Dataset], classes: int) -> None:
    data, again, other = make(4), make(4), make(5)
    assert data.validation is not None
    assert (len(data.train), len(data.validation), len(data.test)) == (560, 140, 300)
    assert set(data.test.y.tolist()) == set(range(classes))
    assert max(data.test.y.bincount()) - min(data.test.y.bincount()) <= 1
    assert (data.train.x == again.train.x).all()
    assert not (data.train.x == other.train.x).all()


def test_the_spirals_of_the_paper_do_not_overlap() -> None:
    """Their nearest points of different arms are further apart than noise reaches, but at the origin."""
    x, y = problems.spiral_points(4000, np.random.default_rng(0))
    far = np.linalg.norm(x, axis=1) > 1
    gap = np.linalg.norm(x[far & (y == 0)][:, None] - x[far & (y == 1)][None], axis=2).min()
    assert gap > 0.2
