"""Nets of different graphs side by side: each is laid on one topology that has the edges of all, and what it lacks stays zero.

`MeshNet.stack` takes nets of one topology. Where every net was pruned in its own way, the edges that it does not have are
absent exactly if their weights are zero and take no blame (`learners.masked`); dense products cost the same with and without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool
from torch import Tensor

from onward.graphs.changes import places
from onward.nets.mesh import MeshNet
from onward.topology import Topology


def within(topology: Topology, nets: Sequence[MeshNet]) -> tuple[MeshNet, Bool[Tensor, "nets e"]]:
    """Lay nets on one topology and stack them; give the stack, and which of its edges each net has.

    Args:
        topology: has the neurons of every net, and every edge that any of them has.
        nets: of equal ticks and activations.

    Raises:
        ValueError: no nets; an edge, or neurons, that the topology does not have; nets of different ticks or activations.
    """
    where = [torch.from_numpy(places(net.topology, topology)) for net in nets]
    laid = [_laid(topology, net, place) for net, place in zip(nets, where, strict=True)]
    stack = MeshNet.stack(laid)
    edges = torch.zeros(len(nets), topology.edges, dtype=torch.bool, device=stack.weight.device)
    for row, place in zip(edges, where, strict=True):
        row[place] = True
    return stack, edges


def part_of(topology: Topology, edges: Bool[Tensor, " e"]) -> Topology:
    """Give the topology with some of its edges only."""
    kept = edges.cpu().numpy()
    return replace(topology, source=topology.source[kept], target=topology.target[kept])


def _laid(topology: Topology, net: MeshNet, place: Tensor) -> MeshNet:
    if net.nets:
        raise ValueError(f"nets are laid on a topology one by one, got a stack of {net.nets[0]}")
    weight = net.weight.detach().new_zeros(topology.edges)
    weight[place.to(weight.device)] = net.weight.detach()
    alike = {"hidden": net.hidden, "output": net.output, "dtype": weight.dtype, "device": weight.device}
    return MeshNet(topology, net.ticks, weight=weight, **alike)
