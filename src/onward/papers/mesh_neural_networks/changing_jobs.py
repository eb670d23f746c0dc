"""One mesh to be trained and made smaller, and what comes of it.

A *way* is a function of jobs that gives for each what was made, None where it cannot come to so few edges, or the error where training
failed. All count edges without those of the bias, which are never pruned alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from onward.experiments.trials import order
from onward.graphs.changes import Change
from onward.kernels import reach
from onward.nets.mesh import MeshNet
from onward.nets.pruning import at_random, prunable
from onward.topology import Topology
from onward.training.data import Dataset, Lesson
from onward.training.edge_schedules import cubic
from onward.training.fit import Recipe, TrainingFailed

BEGIN, END = 0.05, 0.6  # parts of the epochs between which edges go
DRAWS = 10_000  # of random graphs until one is found in which inputs reach every output


@dataclass(frozen=True)
class Job:
    """One mesh to be trained.

    Attributes:
        data: with a validation part.
        dense: the topology with all edges.
        ticks: updates.
        part: of the edges that is to be left.
        recipe: how it is trained.
        seed: of weights, orders and graphs.
    """

    data: Dataset
    dense: Topology
    ticks: int
    part: float
    recipe: Recipe
    seed: int

    @property
    def edges(self) -> int:
        """How many edges are to be left: what pruning at random leaves, rounded block by block."""
        blocks = self.dense.blocks
        return sum(round(self.part * len(edges)) for name, edges in blocks.items() if not name.startswith("bias-"))

    @property
    def lesson(self) -> Lesson:
        """What is learned from; validation data are for whoever judges the mesh in the end."""
        return Lesson(self.data.name, self.data.train)

    @property
    def order(self) -> torch.Generator:
        """The order of examples, the same for all jobs of a seed."""
        return order(self.seed)

    def mesh(self, topology: Topology) -> MeshNet:
        """Make a mesh with first weights for the edges it has."""
        return MeshNet(topology, self.ticks, generator=torch.Generator().manual_seed(self.seed))

    def pruned(self, part: float) -> MeshNet:
        """Make a mesh pruned at random, the first draw in which inputs reach every output."""
        generator = torch.Generator().manual_seed(2_000_003 + self.seed)
        for _ in range(DRAWS):
            change = at_random(self.dense, part, generator=generator)
            if possible(change, self.ticks):
                return self.mesh(change.after)
        raise ValueError(f"in {DRAWS} draws of {part} of the edges no graph had a path to every output")

    def falling(self, epoch: int, first: int) -> int:
        """Give the number of edges that is due after an epoch."""
        epochs = self.recipe.epochs
        return cubic(epoch, first=first, last=self.edges, begin=round(BEGIN * epochs), end=round(END * epochs))


@dataclass(frozen=True)
class Made:
    """What a way made of a job.

    Attributes:
        net: the trained mesh.
        removed: how many edges left it, by what, where a way has more than one means.
    """

    net: MeshNet
    removed: Mapping[str, int] = field(default_factory=dict)


Ending = Made | TrainingFailed | None
Way = Callable[[Sequence[Job]], list[Ending]]


def begun(job: Job, start: float | None = None) -> MeshNet:
    """Make the mesh that edges are taken of: with all edges, or pruned at random to `start` times as many as are to be left."""
    return job.mesh(job.dense) if start is None else job.pruned(min(start * job.part, 1.0))


def pruned(job: Job) -> MeshNet:
    """Make a mesh pruned at random to the edges that are to be left (section 4.2)."""
    return job.pruned(job.part)


def count(net: MeshNet) -> int:
    """Count the edges of a mesh without those of the bias."""
    return int(prunable(net.topology).sum())


def possible(change: Change, ticks: int) -> bool:
    """Tell whether inputs reach every output of a changed graph."""
    try:
        reach.check_outputs(change.after, ticks)
    except ValueError:
        return False
    return True
