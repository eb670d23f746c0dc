"""The solvers that are compared on small problems, each with as many starts and chosen by the same validation data.

*lm*: Levenberg-Marquardt, all examples in a step or 140. *adam*: Adam with cosine decay at three rates. *lbfgs*:
L-BFGS with a strong Wolfe line search. *mlp*: scikit-learn's `MLPClassifier` with at least as many parameters as the
mesh, one layer or two, tanh or ReLU, by L-BFGS or Adam.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
import torch

from onward import graphs
from onward.estimators.threads import one_thread
from onward.experiments.spec import Experiment, Outcome, Progress
from onward.experiments.starts import train_from_starts
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks.problems import PROBLEMS
from onward.papers.mesh_neural_networks.recipes import sound
from onward.training.data import Dataset
from onward.training.fit import Recipe
from onward.training.second_order import LevenbergMarquardt

SEEDS = 10
STARTS = 8
TICKS = 3

RECIPES: dict[str, tuple[Recipe, ...]] = {
    "lm": (
        Recipe(LevenbergMarquardt(), epochs=120, patience=30),
        Recipe(LevenbergMarquardt(), epochs=60, batch=140, patience=30),
    ),
    "adam": sound(epochs=300, batch=32),
    "lbfgs": (
        Recipe(partial(torch.optim.LBFGS, line_search_fn="strong_wolfe", max_iter=10), epochs=50, patience=15),
    ),
}  # fmt: skip


def mesh(problem: str, solver: str, hidden: int, activation: str) -> Experiment:
    """The paper's mesh on a problem, sound protocol, by one of the solvers."""
    topology = graphs.mesh(2, hidden, PROBLEMS[problem].classes)
    trial = partial(
        train_from_starts,
        data=PROBLEMS[problem].sound,
        net=partial(MeshNet, topology, TICKS, hidden=activation),
        rule=ForwardOnly,
        recipes=RECIPES[solver],
        starts=STARTS,
    )
    return Experiment(f"mnn/solvers/{problem}/mesh-{hidden:02d}-{activation}-{solver}", trial, seeds=SEEDS, together=1)


def perceptron(problem: str, hidden: int) -> Experiment:
    """`MLPClassifier` with at least as many parameters as the mesh of some hidden neurons."""
    classes = PROBLEMS[problem].classes
    trial = partial(
        best_perceptron,
        data=PROBLEMS[problem].sound,
        shapes=shapes_of(graphs.mesh(2, hidden, classes).edges, 2, classes),
        starts=STARTS // 2,  # of each activation
        epochs=300,
        rate=0.01,
    )
    return Experiment(f"mnn/solvers/{problem}/mlp-as-{hidden:02d}", trial, seeds=SEEDS, together=1)


def shapes_of(parameters: int, features: int, classes: int) -> list[list[int]]:
    """The smallest perceptrons of one hidden layer and of two equal ones that have at least so many parameters."""
    outputs = 1 if classes == 2 else classes  # as scikit-learn counts

    def count(layers: Sequence[int]) -> int:
        sizes = [features, *layers, outputs]
        return sum((before + 1) * after for before, after in pairwise(sizes))

    found = []
    for depth in (1, 2):
        width = 1
        while count([width] * depth) < parameters:
            width += 1
        found.append([width] * depth)
    return found


def best_perceptron(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Dataset],
    shapes: Sequence[Sequence[int]],
    starts: int,
    epochs: int,
    rate: float,
) -> list[Outcome]:
    """Train scikit-learn's perceptron in all its settings, keep the one with the lowest validation loss."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import log_loss
    from sklearn.neural_network import MLPClassifier

    outcomes = []
    for done, seed in enumerate(seeds):
        began, passes = time.perf_counter(), 0
        parts = data(seed)
        train, validation, test = (
            (split.x.numpy().astype(np.float64), split.y.numpy())
            for split in (parts.train, parts.validation, parts.test)
            if split is not None
        )
        settings: list[dict[str, Any]] = [{"solver": "lbfgs", "max_iter": 500, "random_state": k} for k in range(starts)]
        settings += [
            {"solver": "adam", "max_iter": epochs, "batch_size": 32, "learning_rate_init": rate, "random_state": 0}
        ]
        found = []
        for shape, activation, setting in product(shapes, ("tanh", "relu"), settings):
            net = MLPClassifier(tuple(shape), activation=activation, **setting)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                net.fit(*train)
            passes += net.n_iter_
            found.append((float(log_loss(validation[1], net.predict_proba(validation[0]))), len(found), net))
        seconds = time.perf_counter() - began
        loss, _, best = min(found)
        metrics: dict[str, float | int] = {
            "test_accuracy": float(best.score(*test)),
            "validation_loss": loss,
            "parameters": sum(weights.size for weights in (*best.coefs_, *best.intercepts_)),
            "seconds": seconds,
            "passes": passes,
        }
        outcomes.append(Outcome(metrics, {}))
        progress((done + 1) / len(seeds))
    return outcomes


def timed(solver: str) -> Experiment:
    """Five tanh neurons on the coded spirals once more, for the clock alone: to be run on a machine that does nothing else."""
    same = perceptron("coded-spirals", 5) if solver == "mlp" else mesh("coded-spirals", solver, 5, "tanh")
    return Experiment(f"mnn/solvers/time/{solver}", partial(on_one_thread, trial=same.trial), seeds=3, together=1)


def on_one_thread(
    seeds: Sequence[int], progress: Progress, *, trial: Callable[[Sequence[int], Progress], list[Outcome]]
) -> list[Outcome]:
    """Run a trial on one thread, of NumPy's and scikit-learn's libraries too."""
    from threadpoolctl import threadpool_limits

    with one_thread(), threadpool_limits(1):
        return trial(seeds, progress)
