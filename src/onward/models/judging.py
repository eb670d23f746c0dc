"""How one contestant is judged on one split of a table.

Every contestant that has something to tune is tuned alike: by the same folds of the training rows; then it is trained on all
of them and judged on rows that it never saw. Axes: n rows.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Shaped
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor

from onward.estimators.layered import LayeredEstimator
from onward.estimators.mesh import MeshEstimator
from onward.models.parted import Parted
from onward.models.rivals import Contestant
from onward.models.scores import CLASSES, score
from onward.training.fit import TrainingFailed

FOLDS = 3


@dataclass(frozen=True)
class Judged:
    """What came of a contestant on one split.

    Attributes:
        name: of the contestant.
        scores: on the rows held out, by metric.
        parameters: how many numbers were learned.
        seconds: that one training took, with the setting that was chosen.
        model: as it was trained.
        chosen: the setting that cross-validation chose; empty if nothing was tuned.
    """

    name: str
    scores: Mapping[str, float]
    parameters: int
    seconds: float
    model: Any = field(repr=False)
    chosen: Mapping[str, float] = field(default_factory=dict)


def judge(contestant: Contestant, parted: Parted, *, seed: int, folds: int = FOLDS) -> Judged:
    """Tune a contestant on the training rows, train it on all of them, and score it on those held out.

    Args:
        contestant: who.
        parted: the rows.
        seed: of its weights, and of the folds.
        folds: into how many parts the training rows are cut, so that all but one train and that one chooses.

    Raises:
        TrainingFailed: it cannot be trained with any setting, or not with the one that was chosen.
    """
    x, y = parted.train_x, parted.train_y
    model, chosen = contestant.make(seed), {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a rival that needs longer is judged as it is
        if contestant.settings:
            chosen = _choose(contestant, model, parted, seed, folds)
        model.set_params(**chosen)
        began = time.perf_counter()
        model.fit(x, y)
        seconds = time.perf_counter() - began
    scores = score(model, parted.test_x, parted.test_y)
    return Judged(contestant.name, scores, parameters(model), seconds, model, chosen)


def parameters(model: Any) -> int:
    """Count the numbers that a trained estimator has learned; none for a baseline, and no scaling."""
    if isinstance(model, MeshEstimator):
        return model.topology_.edges
    if isinstance(model, LayeredEstimator):
        return sum(one.numel() for one in model.learner_.parameters() if one.requires_grad)
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    last = getattr(last, "regressor_", last)
    if isinstance(last, MLPClassifier | MLPRegressor):
        return sum(part.size for part in (*last.coefs_, *last.intercepts_))
    return int(np.size(last.coef_) + np.size(last.intercept_)) if hasattr(last, "coef_") else 0


def folds_of(y: Shaped[np.ndarray, " n"], task: str, *, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut rows into folds, every class alike; give the rows (learned from, judged on) for each."""
    order = np.random.default_rng(seed).permutation(len(y))
    if task == CLASSES:
        order = order[np.argsort(y[order], kind="stable")]
    number = np.empty(len(y), np.int64)
    number[order] = np.arange(len(y)) % count
    return [(np.flatnonzero(number != fold), np.flatnonzero(number == fold)) for fold in range(count)]


def _choose(contestant: Contestant, model: Any, parted: Parted, seed: int, folds: int) -> Mapping[str, float]:
    grid = [{name: [value] for name, value in setting.items()} for setting in contestant.settings]
    cuts = folds_of(parted.train_y, parted.schema.target.task, count=folds, seed=seed)
    search = GridSearchCV(model, grid, scoring=contestant.merit, cv=cuts, refit=False, error_score=-1e300)  # pyright: ignore[reportArgumentType]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitFailedWarning)  # what cannot be trained is not chosen
            search.fit(parted.train_x, parted.train_y)
    except ValueError as error:
        if "fits failed" not in str(error):
            raise
        with suppress(TrainingFailed):  # a parameter that does not suit the table says so itself
            model.set_params(**contestant.settings[0]).fit(parted.train_x, parted.train_y)
        raise TrainingFailed(f"{contestant.name} could not be trained with any of its settings") from error
    return dict(search.best_params_)
