"""Ways that leave out single edges, before training or during it, or exchange them: meshes side by side, each with edges of its own.

Edges come and go by masks on the dense mesh (`training.masking`), which is what `training.changing` does for one mesh, to rounding, at a
fraction of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest

import torch
from jaxtyping import Bool
from torch import Tensor

from onward.learners.forward_only import ForwardOnly
from onward.learners.masked import Masked
from onward.nets.changing import changed
from onward.nets.mesh import MeshNet
from onward.nets.pruning import by_magnitude
from onward.nets.side_by_side import part_of, within
from onward.papers.mesh_neural_networks.changing_jobs import END, Ending, Job, Made, count
from onward.topology import Topology
from onward.training.data import stack
from onward.training.edge_schedules import cosine
from onward.training.fit import Training, TrainingFailed
from onward.training.masking import mask_edges
from onward.training.regrowing import by_gradient

EXCHANGED, EVERY = 0.3, 4  # part of the edges that is exchanged at first, and after how many epochs

# Of a job, its mesh as it is, the epoch that has ended and the edges at first: the graphs that it is to have, one after another.
Step = Callable[[Job, Callable[[], MeshNet], int, int], list[Topology]]


def trained(jobs: Sequence[Job], begin: Callable[[Job], MeshNet], step: Step | None = None) -> list[Ending]:
    """Train meshes side by side, and change the graph of each after every epoch.

    Args:
        jobs: of one dense topology and one recipe.
        begin: makes the mesh of a job.
        step: how its graph changes; left out, not at all.
    """
    try:
        return _together(jobs, begin, step)
    except TrainingFailed as failed:
        if len(jobs) == 1:
            return [failed]
        return [ending for job in jobs for ending in trained([job], begin, step)]  # the others are none the worse for it


def _together(jobs: Sequence[Job], begin: Callable[[Job], MeshNet], step: Step | None) -> list[Ending]:
    nets = [begin(job) for job in jobs]
    net, edges = within(jobs[0].dense, nets)
    learner = Masked(ForwardOnly(net, engine="factored"), edges)
    run = Training(learner, stack([job.lesson for job in jobs]), jobs[0].recipe, generator=[job.order for job in jobs])
    looks = [partial(_alone, job, learner, k) for k, job in enumerate(jobs)]
    firsts = [count(one) for one in nets]
    for epoch in run.epochs():
        if step is None:
            continue
        graphs = [step(job, look, epoch.number, first) for job, look, first in zip(jobs, looks, firsts, strict=True)]
        for stage in zip_longest(*graphs):  # what goes first, what grows then: an edge that does both begins anew
            edges = learner.edges.clone()
            for k, graph in enumerate(stage):
                if graph is not None:
                    edges[k] = _mask(jobs[k].dense, graph)
            mask_edges(run, edges)
    return [Made(look()) for look in looks]


def _alone(job: Job, learner: Masked, k: int) -> MeshNet:
    """Give one of the meshes by itself, with the edges it has."""
    edges = learner.edges[k]
    return MeshNet(part_of(job.dense, edges), job.ticks, weight=learner.weight[k][edges])


def _mask(dense: Topology, part: Topology) -> Bool[Tensor, " e"]:
    """Tell which edges of a topology another one of the same neurons has."""
    return torch.from_numpy(part.mask[dense.source, dense.target])


def fall(job: Job, look: Callable[[], MeshNet], epoch: int, first: int) -> list[Topology]:
    """Leave out the smallest edges, down to as many as are due."""
    due = job.falling(epoch, first)
    return [] if due == job.falling(epoch - 1, first) else [by_magnitude(look(), due).after]


def exchange(job: Job, look: Callable[[], MeshNet], epoch: int, first: int) -> list[Topology]:
    """Exchange the smallest edges for absent ones of large gradient over all training data, fewer from time to time."""
    end = round(END * job.recipe.epochs)
    moved = round(first * cosine(epoch, first=EXCHANGED, end=end))
    if not moved or epoch >= end or epoch % EVERY:
        return []
    net = look()
    fewer = changed(net, by_magnitude(net, first - moved))
    grown = by_gradient(ForwardOnly(fewer), job.data.train.x, job.data.train.y, moved, job.dense)
    return [fewer.topology, grown.after]
