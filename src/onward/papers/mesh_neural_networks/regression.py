"""Regression, which the paper does not try: a small mesh by Levenberg-Marquardt and Adam, a perceptron, ridge regression.

Every arm chooses among nine settings (ridge regression among as many penalties) by the same cross-validation inside the
training part. Perceptrons have as many parameters as the meshes and the same penalties, in scikit-learn's units at the size of a fold.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from onward import graphs
from onward.estimators.regressor import MeshRegressor
from onward.experiments.result import Result
from onward.experiments.spec import Experiment, Outcome, Progress
from onward.experiments.statistics import mean, paired, values
from onward.papers.mesh_neural_networks.solvers import on_one_thread
from onward.reports.artefact import Artefact, Element, Results, Table, Text
from onward.training.problems import Points

SEEDS = 10
TEST = 0.3
FOLDS = 3
FEATURES = 10
HIDDEN = (3, 6, 10)
PENALTIES = (0.001, 0.01, 0.1)  # c of c/2 |w|^2, beside the mean squared error of standardised targets


def diabetes(seed: int) -> tuple[Points, Points]:
    """Progression of diabetes (442 patients, 10 features; shipped with scikit-learn), parted by the seed."""
    from sklearn.datasets import load_diabetes

    x, y = map(np.asarray, load_diabetes(return_X_y=True))
    return _parted(x, y, seed)


def friedman_1(seed: int) -> tuple[Points, Points]:
    """Friedman's first problem: 500 points, 10 features of which 5 matter, noise of deviation 1."""
    from sklearn.datasets import make_friedman1

    x, y = make_friedman1(500, FEATURES, noise=1.0, random_state=seed)
    return _parted(x, y, seed)


def _parted(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[Points, Points]:
    from sklearn.model_selection import train_test_split

    learned, judged = map(np.asarray, train_test_split(np.arange(len(y)), test_size=TEST, random_state=seed))
    return (x[learned], y[learned]), (x[judged], y[judged])


def mesh(seed: int, examples: int, *, solver: str) -> tuple[Any, dict[str, list[Any]]]:
    """`MeshRegressor` and its settings."""
    return MeshRegressor(solver=solver, random_state=seed), {"hidden": list(HIDDEN), "penalty": list(PENALTIES)}


def perceptron(seed: int, examples: int) -> tuple[Any, dict[str, list[Any]]]:
    """`MLPRegressor` (tanh, L-BFGS) on standardised features and targets, and its settings."""
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.neural_network import MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    net = MLPRegressor(activation="tanh", solver="lbfgs", max_iter=1000, random_state=seed)
    model = TransformedTargetRegressor(make_pipeline(StandardScaler(), net), transformer=StandardScaler())
    widths = [-(-(graphs.mesh(FEATURES, hidden, 1).edges - 1) // (FEATURES + 2)) for hidden in HIDDEN]
    learned_from = examples * (FOLDS - 1) // FOLDS
    alphas = [penalty * learned_from / 2 for penalty in PENALTIES]  # scikit-learn halves the error and divides by examples
    prefix = "regressor__mlpregressor__"
    return model, {f"{prefix}hidden_layer_sizes": [(width,) for width in widths], f"{prefix}alpha": alphas}


def ridge(seed: int, examples: int) -> tuple[Any, dict[str, list[Any]]]:
    """Ridge regression on standardised features, and its settings."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": np.logspace(-3, 3, 9).tolist()}


def regress(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], tuple[Points, Points]],
    arm: Callable[..., tuple[Any, dict[str, list[Any]]]],
) -> list[Outcome]:
    """Choose by cross-validation, train on the whole training part, judge on the test part."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import r2_score
    from sklearn.model_selection import GridSearchCV, KFold

    outcomes = []
    for done, seed in enumerate(seeds):
        (x, y), (x_test, y_test) = data(seed)
        model, grid = arm(seed, len(y))
        folds = KFold(FOLDS, shuffle=True, random_state=seed)
        search = GridSearchCV(model, grid, scoring="neg_mean_squared_error", cv=folds)
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            search.fit(x, y)
        seconds = time.perf_counter() - began
        metrics: dict[str, float | int] = {
            "test_r2": float(r2_score(y_test, search.predict(x_test))),
            "cross_validation_mse": float(-search.best_score_),
            "setting": int(search.best_index_),
            "seconds_a_fit": seconds / (len(search.cv_results_["params"]) * FOLDS + 1),
        }
        outcomes.append(Outcome(metrics, {}))
        progress((done + 1) / len(seeds))
    return outcomes


def known(seeds: Sequence[int], progress: Progress) -> list[Outcome]:
    """Judge the function that Friedman's points were made with on the same test parts: nothing can do better on average."""
    from sklearn.metrics import r2_score

    outcomes = []
    for seed in seeds:
        _, (x, y) = friedman_1(seed)
        true = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
        outcomes.append(Outcome({"test_r2": float(r2_score(y, true))}, {}))
    progress(1.0)
    return outcomes


PROBLEMS = {"diabetes": ("diabetes", diabetes), "friedman-1": ("Friedman 1", friedman_1)}
ARMS: dict[str, tuple[str, Callable[..., tuple[Any, dict[str, list[Any]]]]]] = {
    "mesh-lm": ("mesh, Levenberg-Marquardt", partial(mesh, solver="lm")),
    "mesh-adam": ("mesh, Adam", partial(mesh, solver="adam")),
    "perceptron": ("`MLPRegressor`, L-BFGS", perceptron),
    "ridge": ("ridge regression", ridge),
}
EXPERIMENTS = {
    (problem, arm): Experiment(
        f"mnn/regression/{problem}/{arm}",
        partial(on_one_thread, trial=partial(regress, data=data, arm=make)),
        seeds=SEEDS,
        together=1,
    )
    for problem, (_, data) in PROBLEMS.items()
    for arm, (_, make) in ARMS.items()
}
KNOWN = Experiment("mnn/regression/friedman-1/known", known, seeds=SEEDS)


def render(results: Results) -> list[Element]:
    """Show R2 and the paired difference to the mesh by Levenberg-Marquardt."""
    elements: list[Element] = [
        Text(
            f"{SEEDS} seeds, 30 % of the examples judged on. Meshes of {', '.join(map(str, HIDDEN))} hidden tanh neurons, perceptrons "
            f"with as many parameters, three penalties; {FOLDS}-fold cross-validation inside the training part chooses, for every seed anew."
        )
    ]
    for problem, (title, _) in PROBLEMS.items():
        best = results[EXPERIMENTS[problem, "mesh-lm"].name]
        rows = [
            _row(words, results[EXPERIMENTS[problem, arm].name], best)
            for arm, (words, _) in ARMS.items()
            if results[EXPERIMENTS[problem, arm].name]
        ]
        if problem == "friedman-1" and results[KNOWN.name]:
            rows.append(["*the true function*", f"{mean(values(results[KNOWN.name], 'test_r2'))}", "", ""])
        header = ["model", "R2", "minus mesh by Levenberg-Marquardt, paired", "seconds a fit"]
        elements.append(Table(f"R2 on held-out examples of {title}: mean ± 95 %.", header, rows))
    return elements


def _row(words: str, ours: Sequence[Result], best: Sequence[Result]) -> list[str]:
    difference = paired(ours, best, "test_r2")
    against = "" if ours is best else f"{difference.value:+.3f} ± {difference.half:.3f}"
    return [words, f"{mean(values(ours, 'test_r2'))}", against, f"{mean(values(ours, 'seconds_a_fit')).value:.3f}"]


ARTEFACT = Artefact(
    "regression",
    "Regression: diabetes and Friedman 1",
    "beyond Mesh Neural Networks, which does not try regression",
    (*EXPERIMENTS.values(), KNOWN),
    render,
)
