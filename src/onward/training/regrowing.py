"""Edges that are not there yet, by their true gradient: how fast the loss would fall if each began to grow from zero.

An edge of weight zero changes nothing, so the gradient of a larger mesh with zeros there is that of the absent edges as well; forward-only
propagation on all candidates gives it in one pass. (Evci, Gale, Menick, Castro and Elsen, "Rigging the Lottery", 2020, grow edges so;
there, layer by layer and by backpropagation.) Axes: c candidates; `*nets` nets side by side.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from onward import given
from onward.graphs.changes import Change, add_edges, every_edge, places
from onward.kernels import dynamics, forward_only
from onward.kernels.dynamics import wiring_of
from onward.kernels.plan import plan
from onward.learners.forward_only import ForwardOnly
from onward.topology import Topology

MOST = 10_000_000  # pairs of neurons that are tried where no candidates are named; they take a few gigabytes


@torch.no_grad()
def gradient_everywhere(
    learner: ForwardOnly, x: Float[Tensor, "..."], y: Tensor, candidates: Topology | None = None
) -> Float[Tensor, "*nets c"]:
    """Give the gradient of the loss with respect to the weight of every candidate edge, those that are not there as zeros.

    Args:
        learner: a mesh that learns forward-only, and its loss.
        x: inputs, as for `credit`.
        y: targets.
        candidates: a topology of the same neurons that has all edges of the mesh and more; every edge there can be if left out.

    Raises:
        ValueError: candidates of other neurons, or without an edge of the mesh; none, where more than `MOST` edges can be.
    """
    net = learner.net
    candidates = _every(net.topology) if candidates is None else candidates
    there = torch.tensor(_among(net.topology, candidates), device=net.weight.device)
    weight = net.weight.new_zeros(*net.nets, candidates.edges).index_copy(-1, there, net.weight)
    clamped, state = net.drive(x)
    wiring = wiring_of(candidates, net.weight.device)
    planned = plan(
        candidates,
        clamped.shape[0],
        clamped.shape[-2],
        itemsize=net.weight.element_size(),
        static=dynamics.static(clamped),
        every_tick=learner.loss.every_tick,
        nets=math.prod(net.nets),
    )
    engine = forward_only.find(planned.engine)
    return forward_only.loss_and_gradient(weight, wiring, clamped, state, net.activation, learner.loss, y, engine)[1]


def by_gradient(
    learner: ForwardOnly, x: Float[Tensor, "..."], y: Tensor, edges: int, candidates: Topology | None = None
) -> Change:
    """Add the absent edges whose gradient is largest in size, or all where there are fewer; those of the bias are not counted among them.

    Args:
        learner: a mesh, not nets side by side, that learns forward-only.
        x: inputs whose mean loss is meant: a batch, or all training data.
        y: targets.
        edges: how many are added.
        candidates: what may be added, as for `gradient_everywhere`.

    Raises:
        ValueError: nets side by side, which have one graph; candidates that do not suit the mesh, or none in a large one.
    """
    topology = learner.net.topology
    if learner.net.nets:
        raise ValueError(f"{learner.net.nets[0]} nets side by side have one graph, so none can grow by its own; unstack()")
    edges = given.whole("edges", edges, 0)
    candidates = _every(topology) if candidates is None else candidates
    size = gradient_everywhere(learner, x, y, candidates).abs().double().cpu().numpy()
    absent = np.ones(candidates.edges, dtype=bool)
    absent[_among(topology, candidates)] = False
    absent &= ~((candidates.source == candidates.inputs - 1) & candidates.bias)
    lacking = np.flatnonzero(absent)
    chosen = np.sort(lacking[np.argsort(-size[lacking], kind="stable")[:edges]])
    return add_edges(topology, candidates.source[chosen], candidates.target[chosen])


def _every(topology: Topology) -> Topology:
    """Give every edge there can be, or refuse to: a large mesh would end the process, as they are laid out one by one."""
    pairs = topology.neurons * topology.free
    if pairs > MOST:
        raise ValueError(
            f"among {topology.neurons} neurons there can be {pairs} edges, and {MOST} are tried at the most; pass as candidates a topology "
            "of the same neurons with the edges of the mesh and those that may grow"
        )
    return every_edge(topology)


def _among(topology: Topology, candidates: Topology) -> np.ndarray:
    """Give the number that each edge of a mesh has among the candidates."""
    try:
        return places(topology, candidates)
    except ValueError as why:
        raise ValueError(f"candidates do not suit the mesh: {why}") from why
