"""A mesh and its rivals on a person's own table: who they are, and how one of them is judged on one split.

Every contestant that has something to tune is tuned alike: over the same penalties c of `c/2 |w|^2` on the mean loss, by
the same folds of the training rows; then it is trained on all of them and judged on rows that it never saw. Axes: n rows
to learn from, m rows to judge on, i features, k classes.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from onward.estimators.mesh import MeshEstimator
from onward.estimators.classifier import MeshClassifier
from onward.estimators.regressor import MeshRegressor
from onward.tables.parting import held_out
from onward.tables.schema import Schema
from onward.tables.table import Table
from onward.tables.targets import ClassTarget, Target
from onward.training.fit import TrainingFailed

CLASSES, NUMBERS = "classification", "regression"
METRICS = {CLASSES: ("accuracy", "balanced accuracy", "log loss"), NUMBERS: ("R2", "RMSE", "MAE")}
"""What contestants are judged by; the first is the one that is drawn, and of which differences are taken."""
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
FOLDS = 3
SMALL = 2000  # training rows up to which scikit-learn advises L-BFGS for its perceptron


@dataclass(frozen=True)
class Parted:
    """A table as arrays, parted into rows to learn from and rows to judge on.

    Attributes:
        schema: learned of the training rows alone.
        train_x: features to learn from, n x i.
        train_y: their class numbers or numbers, n.
        test_x: features of the rows held out, m x i; a text that training did not see is none of the levels.
        test_y: their targets, m.
    """

    schema: Schema
    train_x: Float[np.ndarray, "n i"] = field(repr=False)
    train_y: Shaped[np.ndarray, " n"] = field(repr=False)
    test_x: Float[np.ndarray, "m i"] = field(repr=False)
    test_y: Shaped[np.ndarray, " m"] = field(repr=False)


@dataclass(frozen=True)
class Contestant:
    """A way to learn from a table.

    Attributes:
        name: what reports call it.
        make: makes the untrained estimator of a seed.
        settings: what it is tuned over, parameters by scikit-learn's names; empty if there is nothing to tune.
    """

    name: str
    make: Callable[[int], Any] = field(repr=False)
    settings: Sequence[Mapping[str, float]] = ()


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


def part(
    table: Table, target: Target, *, held: float, seed: int, missing: str = "impute", drop: Iterable[str] = ()
) -> Parted:
    """Part a table by a seed, every class alike, and learn the schema of the training rows.

    Raises:
        TableError: rows or columns that cannot be used; too few rows; a part or a seed out of range.
    """
    stratify = isinstance(target, ClassTarget)
    train, test = held_out(target.encode(table), part=held, seed=seed, stratify=stratify)
    schema = Schema.learn(table, target.name, rows=train, task=target.task, missing=missing, drop=drop)
    known, new = table.take(train), table.take(test)
    return Parted(
        schema,
        schema.encode(known),
        schema.encode_target(known),
        schema.encode(new, unknown="ignore"),
        schema.encode_target(new),
    )


def mesh(task: str, name: str, *, tuned: bool = False, **parameters: Any) -> Contestant:
    """Give a mesh as a contestant; parameters as those of `MeshClassifier` or `MeshRegressor`."""
    kind = MeshClassifier if task == CLASSES else MeshRegressor

    def make(seed: int) -> MeshEstimator:
        return kind(random_state=seed, **parameters)

    return Contestant(name, make, [{"penalty": penalty} for penalty in PENALTIES] if tuned else ())


def baseline(task: str) -> Contestant:
    """Give the rival that looks at no feature: the most frequent class with the frequencies of all, or the mean."""
    if task == CLASSES:
        return Contestant("most frequent class", lambda seed: DummyClassifier(strategy="prior"))
    return Contestant("mean", lambda seed: DummyRegressor())


def linear(task: str, *, rows: int, tuned: bool = False) -> Contestant:
    """Give logistic or ridge regression on standardised features.

    Args:
        task: "classification" or "regression".
        rows: to learn from, which turn a penalty on the mean loss into one on the sum.
        tuned: whether the penalty is chosen; if not, it is scikit-learn's own.
    """
    if task == CLASSES:
        logistic = partial(LogisticRegression, max_iter=5000)
        settings = [{"logisticregression__C": 1 / (penalty * rows)} for penalty in PENALTIES]
        return Contestant(
            "logistic regression", lambda seed: make_pipeline(StandardScaler(), logistic()), settings if tuned else ()
        )
    settings = [{"ridge__alpha": penalty * rows / 2} for penalty in PENALTIES]
    return Contestant("ridge regression", lambda seed: make_pipeline(StandardScaler(), Ridge()), settings if tuned else ())


def perceptron(task: str, *, features: int, outputs: int, edges: int, rows: int, tuned: bool = False) -> Contestant:
    """Give scikit-learn's perceptron of one hidden layer with about as many parameters as a mesh, tanh like it.

    Args:
        task: "classification" or "regression".
        features: after encoding.
        outputs: classes, or 1.
        edges: parameters of the mesh.
        rows: to learn from.
        tuned: whether the penalty is chosen; if not, it is scikit-learn's own.
    """
    solver = {"solver": "lbfgs", "max_iter": 1000} if rows <= SMALL else {"solver": "adam", "max_iter": 200}
    settings = {"hidden_layer_sizes": (width(features, outputs, edges),), "activation": "tanh", **solver}
    if task == CLASSES:
        return Contestant(
            "MLPClassifier",
            lambda seed: make_pipeline(StandardScaler(), MLPClassifier(random_state=seed, **settings)),
            [{"mlpclassifier__alpha": penalty * rows} for penalty in PENALTIES] if tuned else (),
        )

    def make(seed: int) -> Any:  # scaled targets, as the mesh has them
        net = TransformedTargetRegressor(MLPRegressor(random_state=seed, **settings), transformer=StandardScaler())
        return make_pipeline(StandardScaler(), net)

    name = "transformedtargetregressor__regressor__alpha"
    return Contestant("MLPRegressor", make, [{name: penalty * rows / 2} for penalty in PENALTIES] if tuned else ())


def width(features: int, outputs: int, edges: int) -> int:
    """Give the hidden neurons of the perceptron whose weights and biases are nearest to a number of edges, at least 1."""
    outputs = 1 if outputs == 2 else outputs  # scikit-learn has one output for two classes
    return max(1, round((edges - outputs) / (features + 1 + outputs)))


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


def parameters(model: Any) -> int:
    """Count the numbers that a trained estimator has learned; none for a baseline, and no scaling."""
    if isinstance(model, MeshEstimator):
        return model.topology_.edges
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
    search = GridSearchCV(model, grid, scoring=_minus_loss, cv=cuts, refit=False, error_score=-1e300)  # pyright: ignore[reportArgumentType]
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


def _minus_loss(model: Any, x: np.ndarray, y: np.ndarray) -> float:
    found = score(model, x, y)
    return -found["log loss"] if "log loss" in found else -(found["RMSE"] ** 2)


def _aligned(likelihood: np.ndarray, classes: np.ndarray, least: int) -> np.ndarray:
    """Give probabilities a column for every class number, 0 for those that a fold did not hold."""
    whole = np.zeros((len(likelihood), max(least, int(classes.max()) + 1)))
    whole[:, classes] = likelihood
    return whole
