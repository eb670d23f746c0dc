"""Ways that leave out whole neurons while a mesh is trained: group lasso, from all edges or from a mesh that was pruned at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from onward.graphs.changes import Change, remove_neurons
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.nets.pruning import by_magnitude, prunable, vanished, weakest
from onward.papers.mesh_neural_networks.changing_jobs import END, Ending, Job, Made, begun, count, possible
from onward.training.changing import change_graph
from onward.training.fit import Training, TrainingFailed
from onward.training.group_lasso import shrink

PRESS, FIRST_STRENGTH = (
    1.5,
    1e-4,
)  # factor of the strength of group lasso after an epoch with too many edges, and its first value
VANISHED, FORCED, SMALLEST = REMOVED = ("vanished", "forced", "smallest")  # by what edges leave


def one_by_one(jobs: Sequence[Job], way: Callable[[Job], Made | None]) -> list[Ending]:
    """Train meshes one after another."""
    endings: list[Ending] = []
    for job in jobs:
        try:
            endings.append(way(job))
        except TrainingFailed as failed:
            endings.append(failed)
    return endings


def pruned_by_neurons(job: Job, start: float | None = None) -> Made | None:
    """Let whole neurons vanish by group lasso, from all edges or from a mesh that was pruned at random to `start` times as many as due.

    The strength of the proximal steps grows in epochs after which there are more edges than are due, and rests in others. Where a neuron
    vanishes that an output is reached by, the smallest edges go instead, as many as are due.
    """
    net = begun(job, start)
    first = count(net)
    without = remove_neurons(net.topology, range(net.topology.inputs, net.topology.inputs + net.topology.hidden)).after
    if int(prunable(without).sum()) > job.edges:
        return None
    run = Training(ForwardOnly(net, engine="factored"), job.lesson, job.recipe, generator=job.order)
    strength, due, last = FIRST_STRENGTH, first, round(END * job.recipe.epochs)
    removed: dict[str, int] = dict.fromkeys(REMOVED, 0)
    for epoch in run.steps():
        if count(net) > due:  # and no longer, as neurons of like size vanish soon after one another
            shrink(net, strength)
            gone = vanished(net)
            if gone.after.hidden < gone.before.hidden:
                fine = possible(gone, job.ticks)
                removed[VANISHED if fine else SMALLEST] += take(run, net, gone if fine else by_magnitude(net, due))
        if epoch is None or epoch.number > last:
            continue
        if epoch.number == last:
            force(run, net, job, removed)
        strength = strength * PRESS if count(net) > due else max(strength / PRESS, FIRST_STRENGTH)
        due = job.falling(epoch.number + 1, first)
    return Made(net, removed)


def force(run: Training, net: MeshNet, job: Job, removed: dict[str, int]) -> None:
    """Take the weakest neurons out until there are few enough edges; where an output would be out of reach, the smallest edges."""
    while count(net) > job.edges:
        change = weakest(net, 1)
        fine = possible(change, job.ticks)
        removed[FORCED if fine else SMALLEST] += take(run, net, change if fine else by_magnitude(net, job.edges))


def take(run: Training, net: MeshNet, change: Change) -> int:
    """Make a change between two steps; give how many edges it took.

    Raises:
        TrainingFailed: weights that are not finite, which the loop itself looks for after whole epochs only.
    """
    if not net.weight.isfinite().all():
        raise TrainingFailed("a weight is no longer finite between two steps")
    before = count(net)
    change_graph(run, change)
    return before - count(net)
