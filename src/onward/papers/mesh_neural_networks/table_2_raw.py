"""Sparse meshes on raw pixels and on bags of words, beside perceptrons with as many connections and a linear classifier.

The paper stops at 32 features. With hundreds of inputs a perceptron of few connections is narrow, while a mesh may have many neurons of few edges
each; that is where sparse connections could pay. Meshes learn forward-only by the engine that the plan chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from onward.datasets.images import mnist
from onward.datasets.texts import imdb_counts
from onward.experiments.result import Result
from onward.experiments.side_by_side import Learners, train_side_by_side
from onward.experiments.spec import Experiment
from onward.experiments.statistics import mean, paired, values
from onward.papers.mesh_neural_networks import classifiers
from onward.papers.mesh_neural_networks.classifiers import counted
from onward.papers.mesh_neural_networks.solvers import on_one_thread
from onward.papers.mesh_neural_networks.table_2_cells import TICKS, adam
from onward.papers.mesh_neural_networks.words import averaged, signed
from onward.papers.mono_forward.words import NOT_RUN, stands
from onward.reports.artefact import Element, Results, Table, Text
from onward.training.data import Dataset, Split

SEEDS = 3
ACCURACY = "test_accuracy"
RATES = (0.0003, 0.001, 0.003)


@dataclass(frozen=True)
class Problem:
    """Data of many inputs, a sparse mesh for them, and the perceptron of as many connections.

    Attributes:
        title: what the report calls it.
        data: makes the data of a seed.
        features: inputs.
        outputs: classes.
        hidden: neurons of the mesh.
        density: part of each block of the mesh that is kept.
        width: of the perceptron's hidden layer.
        epochs: passes.
        batch: examples a step.
    """

    title: str
    data: Callable[[int], Dataset]
    features: int
    outputs: int
    hidden: int
    density: dict[str, float]
    width: int
    epochs: int
    batch: int = 64


def flat_mnist(seed: int) -> Dataset:
    """MNIST as rows of 784 numbers."""
    return _changed(mnist(seed), lambda split: replace(split, x=split.x.flatten(1)))


def logarithms_of_counts(seed: int, *, vocabulary: int) -> Dataset:
    """IMDB as bags of words: log(1 + times that a review says each word)."""
    return _changed(imdb_counts(seed, vocabulary=vocabulary), lambda split: replace(split, x=split.x.log1p()))


def _changed(data: Dataset, change: Callable[[Split], Split]) -> Dataset:
    validation = None if data.validation is None else change(data.validation)
    return replace(data, train=change(data.train), test=change(data.test), validation=validation)


PROBLEMS = {
    "mnist": Problem(
        "MNIST, 784 pixels", flat_mnist, 784, 10, 200,
        {"input-hidden": 0.05, "input-output": 0.05, "hidden-hidden": 0.045, "hidden-output": 0.45}, width=14, epochs=10,
    ),
    "imdb": Problem(
        "IMDB, 2,000 words", partial(logarithms_of_counts, vocabulary=2_000), 2_000, 2, 100,
        {"input-hidden": 0.035, "input-output": 0.05, "hidden-hidden": 0.05, "hidden-output": 1.0}, width=4, epochs=6,
    ),
}  # fmt: skip
ARMS = {"mesh": "sparse mesh, forward-only", "mlp": "MLP of one hidden layer", "linear": "linear classifier"}


def _learner(problem: Problem, arm: str) -> Learners:
    shape = {"features": problem.features, "outputs": problem.outputs}
    if arm == "mesh":
        return partial(classifiers.mesh, density=problem.density, ticks=TICKS, hidden=problem.hidden, **shape)
    return partial(classifiers.perceptrons, widths=(problem.width,) if arm == "mlp" else (), **shape)


def _experiment(name: str, arm: str) -> Experiment:
    problem = PROBLEMS[name]
    trial = partial(
        train_side_by_side,
        data=problem.data,
        learner=_learner(problem, arm),
        recipes=adam(problem.epochs, problem.batch, RATES),
        also=counted,
    )
    return Experiment(f"mnn/table-2/raw/{name}/{arm}", partial(on_one_thread, trial=trial), seeds=SEEDS, together=1)


EXPERIMENTS = {(name, arm): _experiment(name, arm) for name in PROBLEMS for arm in ARMS}


def shown(results: Results) -> list[Element]:
    """Show the arms on both problems, and what the paired difference says."""
    found = {key: results[experiment.name] for key, experiment in EXPERIMENTS.items()}
    rows = [_row(name, arm, found[name, arm], found[name, "mesh"]) for name, arm in EXPERIMENTS]
    header = ["data", "net", "connections", "live", "onward ± 95 %", "mesh minus this net, paired"]
    passes = ", ".join(f"{problem.epochs} passes ({problem.title})" for problem in PROBLEMS.values())
    return [
        Text("## Raw inputs"),
        Text(
            f"{SEEDS} seeds, {TICKS} ticks, Adam with cosine decay at one of three rates ({', '.join(map(str, RATES))}) that validation chooses for every "
            f"seed and net, with the epoch; {passes}. The mesh has {' and '.join(str(one.hidden) for one in PROBLEMS.values())} hidden neurons. "
            f"**Reduced**: few passes, {SEEDS} seeds."
        ),
        Table("Test accuracy on raw inputs: mean ± 95 %.", header, rows),
        *(Text(sentence) for sentence in verdicts(found)),
    ]


def _row(name: str, arm: str, ours: Sequence[Result], mesh: Sequence[Result]) -> list[str]:
    words = [PROBLEMS[name].title, ARMS[arm]]
    if not ours:
        return [*words, "", "", NOT_RUN, ""]
    difference = paired(mesh, ours, ACCURACY)
    against = "" if arm == "mesh" else signed(difference)
    counts = [f"{mean(values(ours, count)).value:.0f}" for count in ("connections", "live")]
    return [*words, *counts, averaged(ours), against]


def verdicts(found: dict[tuple[str, str], Sequence[Result]]) -> list[str]:
    """Say where the mesh stands to its rivals, by the intervals of paired differences."""
    told = []
    for name, problem in PROBLEMS.items():
        places = [words for arm in ("mlp", "linear") if (words := _words(found[name, "mesh"], found[name, arm], ARMS[arm]))]
        told += [f"On {problem.title} the sparse mesh is {' and '.join(places)}."] if places else []
    return told


def _words(mesh: Sequence[Result], rival: Sequence[Result], name: str) -> str | None:
    difference = paired(mesh, rival, ACCURACY)
    if difference.n < 2:
        return None
    standing = {"level": "not told apart from"}.get(stands(difference), stands(difference))
    return f"{standing} the {name} ({signed(difference)})"
