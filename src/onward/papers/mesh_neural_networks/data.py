"""The data of the paper's notebooks, quirks included, and the same problems under a sound protocol.

*As published*, after the authors' code: the spirals are 2000 points, not scaled, one class stacked on the other and cut
at 1400, so that training sees 1000 and 400 points of the classes and the test part holds 600 of one class only. Iris is
shuffled without stratification, not scaled, and its accuracy counts whole batches of 10 (40 of 45 test flowers).

*Sound*: 1000 points (the paper's text), shuffled, stratified, scaled by the training part, a fifth of which chooses.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from onward.learners.base import AbstractLearner
from onward.training import problems
from onward.training.data import Dataset, Split
from onward.training.metrics import balanced_accuracy


def spirals_as_published(seed: int) -> Dataset:
    """The spirals of the 2-D notebook: stacked by class, cut at 70 %."""
    x, y = problems.spiral_points(2000, np.random.default_rng(seed))
    return Dataset("spirals as published", as_split(x[:1400], y[:1400]), as_split(x[1400:], y[1400:]))


def iris_as_published(seed: int) -> Dataset:
    """Iris as in its notebook: 105 flowers to train on, of the other 45 the first 40 to test on."""
    from sklearn.datasets import load_iris

    x, y = map(np.asarray, load_iris(return_X_y=True))
    order = np.random.default_rng(seed).permutation(len(y))
    learned, judged = order[:105], order[105:145]
    return Dataset("iris as published", as_split(x[learned], y[learned]), as_split(x[judged], y[judged]))


def fresh_spirals(learner: AbstractLearner, seeds: Sequence[int]) -> dict[str, Tensor]:
    """Balanced accuracy on 2000 spiral points, half of each class, that neither part holds."""
    x, y = problems.spiral_points(2000, np.random.default_rng(2**32 - 1))
    split = as_split(x, y)
    scores = learner.scores(split.x.expand(len(seeds), *split.x.shape))
    return {"fresh_balanced_accuracy": balanced_accuracy(scores, split.y.expand(len(seeds), -1))}


def as_split(x: np.ndarray, y: np.ndarray) -> Split:
    """Give points and classes as a split, in float32."""
    return Split(torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.int64))
