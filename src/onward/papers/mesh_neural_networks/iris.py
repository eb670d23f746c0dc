"""Iris and Figure 6: as published, and under a sound protocol beside scikit-learn's `MLPClassifier` on the same splits."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial

from onward import graphs
from onward.experiments.cross_validation import folds, train_cross_validated
from onward.experiments.spec import Experiment, Outcome, Progress
from onward.experiments.trials import train
from onward.learners.forward_only import ForwardOnly
from onward.nets import initialise
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks.data import iris_as_published
from onward.papers.mesh_neural_networks.recipes import as_published, sound_for_small_data
from onward.training import datasets

PRINTED = (0.97, 0.0162)  # 10 runs, three standard errors
SEEDS = 50
EQUAL_PARAMETERS = 29  # hidden neurons of a perceptron with 235 parameters; the mesh has 234
DATA = partial(datasets.iris, validation=0)


def sound_mesh(activation: str) -> Experiment:
    """The paper's mesh of 5 + 10 + 3 neurons and 3 ticks."""
    trial = partial(
        train_cross_validated,
        data=DATA,
        net=partial(MeshNet, graphs.mesh(4, 10, 3), 3, hidden=activation),
        rule=ForwardOnly,
        recipes=sound_for_small_data(epochs=100, batch=16),
    )
    return Experiment(f"mnn/iris/sound/mesh-{activation}", trial, seeds=SEEDS, together=SEEDS)


def perceptron(
    seeds: Sequence[int], progress: Progress, *, hidden: int, activation: str, epochs: int, batch: int
) -> list[Outcome]:
    """Train scikit-learn's `MLPClassifier` on the same parts, chosen on the same folds by the same measure.

    The choice is among Adam at three learning rates and L-BFGS, each with three weight decays.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier

    decays = [1e-4, 0.1, 1.0]
    adam = {"solver": ["adam"], "learning_rate_init": [0.003, 0.01, 0.03], "max_iter": [epochs], "batch_size": [batch]}
    lbfgs = {"solver": ["lbfgs"], "max_iter": [500]}
    grid = [adam | {"alpha": decays}, lbfgs | {"alpha": decays}]
    outcomes = []
    for done, seed in enumerate(seeds):
        data = DATA(seed)
        (x, y), (x_test, y_test) = ((split.x.numpy(), split.y.numpy()) for split in (data.train, data.test))
        net = MLPClassifier((hidden,), activation=activation, random_state=seed)
        search = GridSearchCV(net, grid, scoring="neg_log_loss", cv=folds(data.train.y, seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            search.fit(x, y)
        right = search.predict(x_test) == y_test
        metrics = {"test_accuracy": float(right.mean()), "cross_validation_loss": float(-search.best_score_)}
        outcomes.append(Outcome(metrics | {"recipe": int(search.best_index_)}, {}))
        progress((done + 1) / len(seeds))
    return outcomes


def sound_perceptron(hidden: int, activation: str) -> Experiment:
    """`MLPClassifier` with one hidden layer, given twice the mesh's epochs."""
    trial = partial(perceptron, hidden=hidden, activation=activation, epochs=200, batch=16)
    return Experiment(f"mnn/iris/sound/mlp-{hidden}-{activation}", trial, seeds=SEEDS, together=10)


AS_PUBLISHED = Experiment(
    "mnn/iris/as-published/mesh",
    partial(
        train,
        data=iris_as_published,
        net=partial(MeshNet, graphs.mesh(4, 10, 3), 3, output="relu", initialise=initialise.uniform),
        rule=ForwardOnly,
        recipes=as_published(epochs=1000),
    ),
    seeds=SEEDS,
    together=SEEDS,
)
SOUND_MESH = {activation: sound_mesh(activation) for activation in ("relu", "tanh")}
SOUND_PERCEPTRON = {
    (hidden, activation): sound_perceptron(hidden, activation)
    for hidden in (10, EQUAL_PARAMETERS)
    for activation in ("relu", "tanh")
}
