"""Who is compared on a person's own table: meshes, layered nets taught by any rule, and their rivals of scikit-learn.

Those that have a penalty are tuned over the same ones, c of `c/2 |w|^2` on the mean loss; layered nets over the same
learning rates. Axes: n rows, i features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from onward.estimators.classifier import MeshClassifier
from onward.estimators.layered import LayeredClassifier, LayeredEstimator, LayeredRegressor
from onward.estimators.mesh import MeshEstimator
from onward.estimators.regressor import MeshRegressor
from onward.learners.by_name import Rule
from onward.models.scores import CLASSES, score

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
RATES = (0.001, 0.003, 0.01)
EPOCHS = 100  # of layered nets
SMALL = 2000  # training rows up to which scikit-learn advises L-BFGS for its perceptron

Merit = Callable[[Any, np.ndarray, np.ndarray], float]  # of a trained estimator on some rows; the higher the better


def least_loss(model: Any, x: Float[np.ndarray, "n i"], y: Shaped[np.ndarray, " n"]) -> float:
    """The merit of most: minus the log loss of classes, or minus the mean squared error."""
    found = score(model, x, y)
    return -found["log loss"] if "log loss" in found else -(found["RMSE"] ** 2)


def most_right(model: Any, x: Float[np.ndarray, "n i"], y: Shaped[np.ndarray, " n"]) -> float:
    """The merit of what gives no probabilities worth the name: its accuracy."""
    return score(model, x, y)["accuracy"]


@dataclass(frozen=True)
class Contestant:
    """A way to learn from a table.

    Attributes:
        name: what reports call it.
        make: makes the untrained estimator of a seed.
        settings: what it is tuned over, parameters by scikit-learn's names; empty if there is nothing to tune.
        merit: what the setting that is chosen has most of.
    """

    name: str
    make: Callable[[int], Any] = field(repr=False)
    settings: Sequence[Mapping[str, float]] = ()
    merit: Merit = field(default=least_loss, repr=False)


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


def taught(task: str, rule: Rule, layers: Sequence[int]) -> Contestant:
    """Give a layered net that is taught by a rule, tuned over the learning rate; the scores of some are no log-odds.

    Args:
        task: "classification" or "regression".
        rule: how it is taught.
        layers: neurons of its blocks.
    """
    kind = LayeredClassifier if task == CLASSES else LayeredRegressor
    settings = [{"learning_rate_init": rate} for rate in RATES]
    merit = least_loss if rule.calibrated or task != CLASSES else most_right

    def make(seed: int) -> LayeredEstimator:
        return kind(rule, hidden_layer_sizes=tuple(layers), max_iter=EPOCHS, early_stopping=False, random_state=seed)

    return Contestant(rule.name, make, settings, merit)
