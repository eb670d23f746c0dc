"""Ways to make a mesh smaller, to a given number of edges: before it is trained, or while it is, by magnitude, by neurons, by exchange.

A *way* is a function of a job that gives the trained mesh, or None where it cannot come to so few edges. All count edges without those of
the bias, which are never pruned alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from onward.experiments.trials import order
from onward.graphs.changes import Change, remove_neurons
from onward.kernels import reach
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.nets.pruning import at_random, by_magnitude, prunable, vanished, weakest
from onward.topology import Topology
from onward.training.changing import change_graph
from onward.training.data import Dataset
from onward.training.edge_schedules import cosine, cubic
from onward.training.fit import Recipe, Training
from onward.training.group_lasso import shrink
from onward.training.regrowing import by_gradient

BEGIN, END = 0.05, 0.6  # parts of the epochs between which edges go
DRAWS = 10_000  # of random graphs until one is found in which inputs reach every output
PRESS, FIRST_STRENGTH = (
    1.5,
    1e-4,
)  # factor of the strength of group lasso after an epoch with too many edges, and its first value
EXCHANGED, EVERY = 0.3, 4  # part of the edges that is exchanged at first, and after how many epochs


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

    def run(self, net: MeshNet) -> Training:
        """Begin to train a mesh forward-only."""
        return Training(ForwardOnly(net, engine="factored"), self.data, self.recipe, generator=order(self.seed))

    def falling(self, epoch: int, first: int) -> int:
        """Give the number of edges that is due after an epoch."""
        epochs = self.recipe.epochs
        return cubic(epoch, first=first, last=self.edges, begin=round(BEGIN * epochs), end=round(END * epochs))


Way = Callable[[Job], MeshNet | None]


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


def as_it_is(job: Job) -> MeshNet:
    """Train the mesh with all its edges."""
    net = job.mesh(job.dense)
    for _ in job.run(net).epochs():
        pass
    return net


def pruned_before(job: Job) -> MeshNet:
    """Prune at random, then train (section 4.2)."""
    net = job.pruned(job.part)
    for _ in job.run(net).epochs():
        pass
    return net


def pruned_by_magnitude(job: Job) -> MeshNet:
    """Train all edges, and leave out the smallest as training goes on."""
    net = job.mesh(job.dense)
    first, run = count(net), job.run(net)
    for epoch in run.epochs():
        due = job.falling(epoch.number, first)
        if due < count(net):
            change_graph(run, by_magnitude(net, due))
    return net


def pruned_by_neurons(job: Job, start: float | None = None) -> MeshNet | None:
    """Let whole neurons vanish by group lasso, from all edges or from a mesh that was pruned at random to `start` times as many as due.

    The strength of the proximal steps grows in epochs after which there are more edges than are due, and rests in others.
    """
    net = job.mesh(job.dense) if start is None else job.pruned(min(start * job.part, 1.0))
    first = count(net)
    without = remove_neurons(net.topology, range(net.topology.inputs, net.topology.inputs + net.topology.hidden)).after
    if int(prunable(without).sum()) > job.edges:
        return None
    run, strength, due, last = job.run(net), FIRST_STRENGTH, first, round(END * job.recipe.epochs)
    for epoch in run.steps():
        if count(net) > due:  # and no longer, as neurons of like size vanish soon after one another
            shrink(net, strength)
            gone = vanished(net)
            if gone.lost.size:
                change_graph(run, gone if possible(gone, job.ticks) else by_magnitude(net, job.edges))
        if epoch is None or epoch.number > last:
            continue
        if epoch.number == last:
            force(run, net, job)
        strength = strength * PRESS if count(net) > due else max(strength / PRESS, FIRST_STRENGTH)
        due = job.falling(epoch.number + 1, first)
    return net


def force(run: Training, net: MeshNet, job: Job) -> None:
    """Take the weakest neurons out until there are few enough edges; where an output would be out of reach, the smallest edges."""
    while count(net) > job.edges:
        change = weakest(net, 1)
        change_graph(run, change if possible(change, job.ticks) else by_magnitude(net, job.edges))


def pruned_and_regrown(job: Job) -> MeshNet:
    """Prune at random, then exchange the smallest edges for absent ones of large gradient as training goes on."""
    net = job.pruned(job.part)
    run, edges = job.run(net), count(net)
    learner, x, y = ForwardOnly(net), job.data.train.x, job.data.train.y
    end = round(END * job.recipe.epochs)
    for epoch in run.epochs():
        moved = round(edges * cosine(epoch.number, first=EXCHANGED, end=end))
        if moved and epoch.number < end and epoch.number % EVERY == 0:
            change_graph(run, by_magnitude(net, edges - moved))
            change_graph(run, by_gradient(learner, x, y, moved, job.dense))
    return net
