"""Sparse meshes on raw pixels and on bags of words, beside perceptrons with as many connections, pruned and dense, and a linear classifier.

The paper stops at 32 features. With hundreds of inputs a perceptron of few connections is narrow, while a pruned net may have many neurons of few
edges each; that is where sparse connections could pay. A pruned perceptron tells what that is worth from what the other edges of a mesh are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from onward.datasets.images import mnist
from onward.datasets.texts import imdb_counts
from onward.experiments.result import Result
from onward.experiments.side_by_side import Learners, train_side_by_side
from onward.experiments.spec import Experiment
from onward.experiments.statistics import mean, paired, stands, values, wider
from onward.papers.mesh_neural_networks import classifiers
from onward.papers.mesh_neural_networks.classifiers import connections, counted, densities
from onward.papers.mesh_neural_networks.solvers import on_one_thread
from onward.papers.mesh_neural_networks.table_2_cells import TICKS, adam
from onward.papers.mesh_neural_networks.table_2_verdicts import at_the_edges
from onward.papers.mesh_neural_networks.words import ACCURACY, averaged
from onward.reports.artefact import Element, Results, Table, Text
from onward.reports.words import NOT_RUN, listed, signed
from onward.training.data import Dataset, Split

SEEDS = 5
RATES = (0.0003, 0.001, 0.003, 0.01)


@dataclass(frozen=True)
class Problem:
    """Data of many inputs, and the nets of as many connections for them.

    Attributes:
        title: what the report calls it.
        data: makes the data of a seed.
        features: inputs.
        outputs: classes.
        width: of the dense perceptron's hidden layer, whose connections are those that the pruned nets have too.
        hidden: neurons of the mesh and of the pruned perceptron.
        epochs: passes.
        batch: examples a step.
    """

    title: str
    data: Callable[[int], Dataset]
    features: int
    outputs: int
    width: int
    hidden: int
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
    "mnist": Problem("MNIST, 784 pixels", flat_mnist, 784, 10, width=14, hidden=200, epochs=6),
    "imdb": Problem(
        "IMDB, 2,000 words", partial(logarithms_of_counts, vocabulary=2_000), 2_000, 2, width=4, hidden=100, epochs=6
    ),
}
ARMS = {"mesh": "sparse mesh", "pruned": "pruned MLP", "mlp": "dense MLP", "linear": "linear classifier"}
# Of the pruned arms, beside hidden-output; in the order in which they are drawn.
BLOCKS = {"mesh": ("input-hidden", "input-output", "hidden-hidden"), "pruned": ("input-hidden",)}
COMPARED = (("mesh", "pruned"), ("mesh", "mlp"), ("mesh", "linear"), ("pruned", "mlp"))


def learner_of(problem: Problem, arm: str) -> Learners:
    """Give what makes the learner of an arm; the pruned perceptron is a mesh that needs 2 ticks."""
    shape = {"features": problem.features, "outputs": problem.outputs}
    if arm in BLOCKS:
        edges = connections(problem.features, (problem.width,), problem.outputs)
        density = densities(edges, BLOCKS[arm], hidden=problem.hidden, **shape)
        ticks = TICKS if arm == "mesh" else 2
        return partial(classifiers.mesh, density=density, ticks=ticks, hidden=problem.hidden, **shape)
    return partial(classifiers.perceptrons, widths=(problem.width,) if arm == "mlp" else (), **shape)


def _experiment(name: str, arm: str) -> Experiment:
    problem = PROBLEMS[name]
    trial = partial(
        train_side_by_side,
        data=problem.data,
        learner=learner_of(problem, arm),
        recipes=adam(problem.epochs, problem.batch, RATES),
        also=counted,
    )
    return Experiment(f"mnn/table-2/raw/{name}/{arm}", partial(on_one_thread, trial=trial), seeds=SEEDS, together=1)


EXPERIMENTS = {(name, arm): _experiment(name, arm) for name in PROBLEMS for arm in ARMS}
Found = Mapping[tuple[str, str], Sequence[Result]]


def shown(results: Results) -> list[Element]:
    """Show the arms on both problems, and what the paired differences say."""
    found = {key: results[experiment.name] for key, experiment in EXPERIMENTS.items()}
    header = ["data", "net", "hidden neurons", "connections", "live", "onward ± 95 %", "mesh minus this net, paired"]
    chosen = {words: [one for name in PROBLEMS for one in found[name, arm]] for arm, words in ARMS.items()}
    return [
        Text("## Raw inputs"),
        Text(_protocol()),
        Table("Test accuracy on raw inputs: mean ± 95 %, not widened.", header, [_row(found, *key) for key in EXPERIMENTS]),
        *(Text(sentence) for sentence in verdicts(found)),
        *(Text(sentence) for sentence in at_the_edges(chosen, RATES)),
    ]


def _protocol() -> str:
    passes = " and ".join(f"{problem.epochs} passes ({problem.title})" for problem in PROBLEMS.values())
    return (
        f"The dense MLP sets how many connections the pruned nets have, biases among them. The sparse mesh and the pruned MLP have more hidden neurons, equally many, "
        f"and densities that follow from one rule: every hidden neuron feeds every output, and each other block is pruned at random to the same density, "
        f"which is what as many connections leave. The mesh has {', '.join(BLOCKS['mesh'][:-1])} and {BLOCKS['mesh'][-1]} beside hidden-output, and {TICKS} ticks; the pruned MLP {BLOCKS['pruned'][0]} alone, of the "
        f"same draw, and 2 ticks; both learn forward-only, the others by backpropagation. So the pruned MLP beside the dense one says what it is worth to be sparse and "
        f"wide, and the mesh beside the pruned MLP what its other connections are worth. Numbers of hidden neurons were set, not tuned. {SEEDS} seeds (graph, first weights, order, "
        f"part that chooses), Adam with cosine decay in batches of {next(iter(PROBLEMS.values())).batch} at one of {len(RATES)} rates ({', '.join(map(str, RATES))}) that validation loss chooses for every "
        f"seed and net, with the epoch; {passes}. **Reduced**: passes and seeds."
    )


def _row(found: Found, name: str, arm: str) -> list[str]:
    problem, ours = PROBLEMS[name], found[name, arm]
    hidden = problem.hidden if arm in BLOCKS else problem.width if arm == "mlp" else 0
    words = [problem.title, ARMS[arm], f"{hidden}"]
    if not ours:
        return [*words, "", "", NOT_RUN, ""]
    against = "" if arm == "mesh" else signed(paired(found[name, "mesh"], ours, ACCURACY))
    counts = [f"{mean(values(ours, count)).value:.0f}" for count in ("connections", "live")]
    return [*words, *counts, averaged(ours), against]


def verdicts(found: Found) -> list[str]:
    """Say where nets stand to each other, by the intervals of paired differences, widened for all comparisons on raw inputs."""
    count, told = len(COMPARED) * len(PROBLEMS), []
    for name, problem in PROBLEMS.items():
        places: dict[str, list[str]] = {}
        for ours, theirs in COMPARED:
            difference = wider(paired(found[name, ours], found[name, theirs], ACCURACY), count)
            if difference.n > 1:
                standing = {"level": "not told apart from"}.get(stands(difference), stands(difference))
                places.setdefault(ours, []).append(f"{standing} the {ARMS[theirs]} ({signed(difference)})")
        clauses = [f"the {ARMS[ours]} is {listed(words)}" for ours, words in places.items()]
        told += [f"On {problem.title}, {'; '.join(clauses)}."] if clauses else []
    return [f"In intervals that are widened for {count} comparisons: {' '.join(told)}"] if told else []
