"""How good predictions for a table are, by the metrics of its task. Axes: n rows, i features, k classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

CLASSES, NUMBERS = "classification", "regression"
METRICS = {CLASSES: ("accuracy", "balanced accuracy", "log loss"), NUMBERS: ("R2", "RMSE", "MAE")}
"""What contestants are judged by; the first is the one that is drawn, and of which differences are taken."""


def score(model: Any, x: Float[np.ndarray, "n i"], y: Shaped[np.ndarray, " n"]) -> dict[str, float]:
    """Score a trained estimator on some rows, by the metrics of its task; R2 of equal targets is NaN."""
    if not hasattr(model, "predict_proba"):
        return number_scores(y, model.predict(x))
    return class_scores(y, _aligned(model.predict_proba(x), model.classes_, int(y.max()) + 1))


def class_scores(y: Int[np.ndarray, " n"], likelihood: Float[np.ndarray, "n k"]) -> dict[str, float]:
    """Give accuracy, its mean over the classes that occur, and the mean of -log of the true class's probability."""
    right = likelihood.argmax(1) == y
    balanced = float(np.mean([right[y == one].mean() for one in np.unique(y)]))
    true = likelihood[np.arange(len(y)), y].clip(np.finfo(np.float64).eps)
    return {"accuracy": float(right.mean()), "balanced accuracy": balanced, "log loss": float(-np.log(true).mean())}


def number_scores(y: Float[np.ndarray, " n"], predicted: Float[np.ndarray, " n"]) -> dict[str, float]:
    """Give the part of the variance that is explained (NaN where there is none), and two mean errors."""
    error, spread = predicted - y, float(np.square(y - y.mean()).sum())
    squares = float(np.square(error).sum())
    explained = 1 - squares / spread if spread else float("nan")
    return {"R2": explained, "RMSE": float(np.sqrt(squares / len(y))), "MAE": float(np.abs(error).mean())}


def _aligned(likelihood: np.ndarray, classes: np.ndarray, least: int) -> np.ndarray:
    """Give probabilities a column for every class number, 0 for those that a fold did not hold."""
    whole = np.zeros((len(likelihood), max(least, int(classes.max()) + 1)))
    whole[:, classes] = likelihood
    return whole
