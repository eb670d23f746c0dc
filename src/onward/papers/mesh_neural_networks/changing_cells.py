"""Which problems, ways of making a mesh smaller, parts of its edges and rates are tried with graphs that change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from onward import graphs
from onward.datasets.small import breast_cancer, digits
from onward.experiments.spec import Experiment
from onward.papers.mesh_neural_networks.changing_jobs import Way, begun, pruned
from onward.papers.mesh_neural_networks.changing_neurons import one_by_one, pruned_by_neurons
from onward.papers.mesh_neural_networks.changing_trials import shrunk
from onward.papers.mesh_neural_networks.changing_ways import exchange, fall, trained
from onward.papers.mesh_neural_networks.solvers import on_one_thread
from onward.topology import Topology
from onward.training import datasets
from onward.training.data import Dataset

PARTS = (0.5, 0.3, 0.2, 0.1, 0.05)
RATES = (0.003, 0.01, 0.03)
TICKS = 3
BATCH = 32
SEEDS = 20
TOGETHER = 5  # seeds whose meshes are trained side by side, where a way can
START = 2.0  # times as many edges as are to be left, of the meshes pruned at random that edges are then taken of


@dataclass(frozen=True)
class Problem:
    """A problem and the mesh for it.

    Attributes:
        title: what people call it.
        data: makes the data of a seed.
        shape: features, hidden neurons, outputs.
        epochs: passes over the training data.
    """

    title: str
    data: Callable[[int], Dataset]
    shape: tuple[int, int, int]
    epochs: int

    @property
    def dense(self) -> Topology:
        """The full mesh."""
        return graphs.mesh(*self.shape)


PROBLEMS = {
    "moons": Problem("moons", datasets.moons, (2, 30, 2), 100),
    "breast-cancer": Problem("Breast Cancer Wisconsin", breast_cancer, (30, 20, 2), 100),
    "spirals": Problem("spirals", datasets.spirals, (2, 30, 2), 200),
    "digits": Problem("digits", digits, (64, 30, 10), 60),
}
DENSE, RANDOM = "dense", "random"
AS_IT_IS = partial(trained, begin=begun)
WAYS: dict[str, Way] = {
    RANDOM: partial(trained, begin=pruned),
    "magnitude": partial(trained, begin=begun, step=fall),
    "magnitude-of-pruned": partial(trained, begin=partial(begun, start=START), step=fall),
    "neurons": partial(one_by_one, way=pruned_by_neurons),
    "neurons-of-pruned": partial(one_by_one, way=partial(pruned_by_neurons, start=START)),
    "regrown": partial(trained, begin=pruned, step=exchange),
}
WORDS = {
    RANDOM: "random, before training",
    "magnitude": "by magnitude from all edges",
    "magnitude-of-pruned": "by magnitude from a pruned mesh",
    "neurons": "group lasso from all edges",
    "neurons-of-pruned": "group lasso from a pruned mesh",
    "regrown": "prune and regrow by gradient",
}
ONLINE = tuple(way for way in WAYS if way != RANDOM)
LASSO = ("neurons", "neurons-of-pruned")


def experiment(problem: str, way: str) -> Experiment:
    """One way on one problem, for all parts of the edges."""
    its = PROBLEMS[problem]
    trial = partial(
        shrunk,
        data=its.data,
        dense=its.dense,
        ticks=TICKS,
        way=AS_IT_IS if way == DENSE else WAYS[way],
        parts=(1.0,) if way == DENSE else PARTS,
        rates=RATES,
        epochs=its.epochs,
        batch=BATCH,
    )
    together = 1 if way in LASSO else TOGETHER
    name = f"mnn/changing-graphs/{problem}/{way}"
    return Experiment(name, partial(on_one_thread, trial=trial), seeds=SEEDS, together=together)


EXPERIMENTS = {(problem, way): experiment(problem, way) for problem in PROBLEMS for way in (DENSE, *WAYS)}
