"""What is timed of single gradients: nets and batches of the paper and larger ones, on one thread and on two, and ranges of ticks and neurons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch

from onward import graphs
from onward.experiments.spec import Experiment
from onward.experiments.turns import Turns
from onward.papers.mesh_neural_networks.curves import Repeats, measure_curve
from onward.papers.mesh_neural_networks.gradient_tasks import Task, task
from onward.papers.mesh_neural_networks.speed_trials import Graph, measure_gradients
from onward.papers.mesh_neural_networks.speed_verdicts import OF_BPTT, OF_BPTT_ANYWHERE
from onward.topology import Topology

FEATURES, CLASSES = 32, 10  # of the MNIST net, whose features an autoencoder makes
WAYS = {
    "influence": "FOP, influence",
    "factored": "FOP, factored",
    "sparse": "FOP, sparse",
    "compiled": "FOP, kernels compiled",
    "by_hand": "BPTT, by hand",
    "by_hand_compiled": "BPTT, by hand, compiled",
    "bptt": "BPTT, eager",
    "backprop": "BPTT, eager (`Backprop`)",
    "bptt_compiled": "BPTT, compiled",
    "jacrev": "`jacrev`",
    "jacfwd": "`jacfwd` of the outputs",
    "jacfwd_of_loss": "`jacfwd` of the loss",
    "numpy_single": "naive NumPy, float32",
    "numpy": "naive NumPy, float64",
}
MOST_FLOPS, MOST_BYTES = 3e12, 6e9  # of one gradient
LONGEST = 2.0  # seconds of a turn
FAST, SLOW, FEW = (Turns(rounds, longest=LONGEST) for rounds in (9, 6, 3))


def full(seed: int, *, features: int, hidden: int, outputs: int) -> Topology:
    """The full mesh, which is the same for every seed."""
    return graphs.mesh(features, hidden, outputs)


def pruned(seed: int, *, hidden: int, density: float) -> Topology:
    """The MNIST net with some number of hidden neurons, of whose edges a part is left."""
    return graphs.random(FEATURES, hidden, CLASSES, density, generator=torch.Generator().manual_seed(seed))


def on(threads: int) -> str:
    """Say on how many threads."""
    return "1 thread" if threads == 1 else f"{threads} threads"


@dataclass(frozen=True)
class Case:
    """A net and a batch.

    Attributes:
        name: of the experiment.
        net: in reports.
        graph: makes the net.
        ticks: updates.
        batch: examples.
        turns: how many, and how long.
        goal: times as long as eager BPTT that it may take; None where none was set.
        rivals: whether goals beside NumPy and `jacfwd` are set for it.
        threads: for one product.
        without: ways that are not run.
    """

    name: str
    net: str
    graph: Graph
    ticks: int
    batch: int
    turns: Turns = FAST
    goal: float | None = None
    rivals: bool = False
    threads: int = 1
    without: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The net, and on how many threads."""
        return f"{self.net}, {on(self.threads)}"

    @property
    def experiment(self) -> Experiment:
        """What is run for it."""
        trial = partial(
            measure_gradients,
            graph=self.graph,
            ticks=self.ticks,
            batch=self.batch,
            ways=tuple(way for way in WAYS if way not in self.without),
            threads=self.threads,
            turns=self.turns,
            most_flops=MOST_FLOPS,
            most_bytes=MOST_BYTES,
        )
        return Experiment(f"mnn/speed/{self.name}-{self.threads}t", trial, seeds=1, together=1)


TOYS = (
    Case("2-d", "2-D problems", partial(full, features=2, hidden=5, outputs=2), 3, 10, goal=OF_BPTT_ANYWHERE),
    Case("iris", "Iris", partial(full, features=4, hidden=10, outputs=3), 3, 10, goal=OF_BPTT_ANYWHERE),
)
MNIST = Case("mnist", "MNIST net", partial(pruned, hidden=50, density=0.15), 3, 32, goal=OF_BPTT, rivals=True)
UNPRUNED = Case("mnist-unpruned", "MNIST net, unpruned", partial(pruned, hidden=50, density=1.0), 3, 32, SLOW)
LARGER = Case("mnist-200", "MNIST net, 200 hidden", partial(pruned, hidden=200, density=0.15), 3, 32, SLOW)
LARGEST = Case("mnist-1000-03", "MNIST net, 1000 hidden", partial(pruned, hidden=1000, density=0.15), 3, 32, SLOW)
# Large products alone, which compiling does not change; few turns, as a step takes long.
LONGER = replace(
    LARGEST,
    name="mnist-1000-10",
    net="MNIST net, 1000 hidden, 10 ticks",
    ticks=10,
    turns=FEW,
    without=("compiled", "by_hand_compiled"),
)
SLOWEST = ("jacfwd", "jacfwd_of_loss", "numpy_single", "numpy")
CASES = (
    *TOYS,
    MNIST,
    replace(MNIST, threads=2),
    UNPRUNED,
    replace(UNPRUNED, threads=2, without=SLOWEST),
    LARGER,
    LARGEST,
    replace(LARGEST, threads=2),
    LONGER,
    replace(LONGER, threads=2),
)


def at_ticks(seed: int, ticks: int) -> Task:
    """The Iris net for some number of ticks."""
    return task(full(seed, features=4, hidden=10, outputs=3), ticks=ticks, batch=10, seed=seed)


def at_hidden(seed: int, hidden: int) -> Task:
    """The MNIST net with some number of hidden neurons."""
    return task(pruned(seed, hidden=hidden, density=0.15), ticks=3, batch=32, seed=seed)


CURVED = ("influence", "factored", "sparse", "by_hand", "bptt")
CURVE_THREADS = 1
_curve = partial(
    measure_curve, ways=CURVED, threads=CURVE_THREADS, repeats=Repeats(rounds=9), most_bytes=MOST_BYTES, metered=True
)
TICKS = Experiment(
    f"mnn/speed/ticks-{CURVE_THREADS}t",
    partial(_curve, problem=at_ticks, places=(1, 2, 3, 5, 10, 30, 100, 300, 1000, 3000, 10_000), most_flops=1.5e10),
    seeds=1,
    together=1,
)
HIDDEN = Experiment(
    f"mnn/speed/hidden-{CURVE_THREADS}t",
    partial(_curve, problem=at_hidden, places=(10, 18, 32, 56, 100, 178, 316, 562, 1000), most_flops=3e11),
    seeds=1,
    together=1,
)
CURVES = {"ticks": (TICKS, "Iris, a full mesh of 18 neurons, batch 10"),
          "hidden neurons": (HIDDEN, "MNIST net, 85 % pruned, 3 ticks, batch 32")}  # fmt: skip
