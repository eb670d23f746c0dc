"""Backpropagation through the ticks of a large sparse mesh, written by hand with every care: what the sparse engine is measured against.

Values stand neuron by neuron with the examples last, weights are put in their places once a gradient, what inputs bring that stand still is
multiplied once, outputs are computed at the last tick alone, and what neurons said meets its blame once, over all ticks.

Axes: b batch, i inputs, h hidden neurons, o outputs, e edges.
"""

from __future__ import annotations

from functools import reduce
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from onward.kernels import activations, losses
from onward.kernels.sparse_weights import Rows, matrix, meet, product, rows
from onward.nets.mesh import MeshNet


class Block(NamedTuple):
    """The edges from neurons of one kind to those of another.

    Attributes:
        edges: their numbers, in ascending order, which is that of `leaving`.
        entering: their places in a matrix whose rows are targets.
        leaving: in one whose rows are sources.
    """

    edges: Int[Tensor, " e"]
    entering: Rows
    leaving: Rows


class Blocks(NamedTuple):
    """The edges of a mesh: from inputs to hidden neurons, among those, and from them to outputs."""

    inward: Block
    within: Block
    outward: Block


def lay_out(net: MeshNet) -> Blocks:
    """Sort the edges of a mesh, once for all gradients.

    Raises:
        ValueError: a mesh that this is not written for, which is one of ReLU neurons and linear outputs, with clamped inputs that feed hidden
            neurons alone and outputs that feed nobody, over 3 ticks or more.
    """
    topology, wiring = net.topology, net.wiring
    hidden = topology.free - topology.outputs
    from_inputs, to_outputs = wiring.source < topology.fixed, wiring.target >= hidden
    fits = topology.clamped and topology.speaking <= hidden and not (from_inputs & to_outputs).any()
    if not fits or net.nets or net.ticks < 3 or (net.hidden, net.output) != (activations.relu, activations.identity):
        raise ValueError(
            f"backpropagation by hand is for one mesh of ReLU neurons over 3 ticks or more whose inputs feed hidden neurons alone and whose "
            f"linear outputs feed nobody, got {net}"
        )

    def block(chosen: Bool[Tensor, " all"], sources: tuple[int, int], targets: tuple[int, int]) -> Block:
        edges = chosen.nonzero().squeeze(1)
        source, target = wiring.source[edges] - sources[0], wiring.target[edges] - targets[0]
        entering = rows(target, source, targets[1], sources[1])
        leaving = rows(source, target, sources[1], targets[1])
        entering, leaving = (one._replace(edges=edges.index_select(0, one.edges).int()) for one in (entering, leaving))
        return Block(edges, entering, leaving)

    inputs, inner, outputs = (0, topology.fixed), (topology.fixed, hidden), (hidden, topology.outputs)
    return Blocks(
        block(from_inputs, inputs, (0, hidden)),
        block(~from_inputs & ~to_outputs, inner, (0, hidden)),
        block(~from_inputs & to_outputs, inner, outputs),
    )


@torch.no_grad()
def gradient(net: MeshNet, blocks: Blocks, x: Float[Tensor, "b i"], y: Int[Tensor, " b"]) -> Float[Tensor, " e"]:
    """Give the gradient of the cross-entropy at the last tick.

    Args:
        net: the mesh.
        blocks: its edges, as `lay_out` sorts them.
        x: inputs, which stand still.
        y: class numbers.
    """
    weight = net.weight.detach()
    inward, within, outward = blocks
    given = net.drive(x)[0][0].T.contiguous()
    brought, recurrent = product(matrix(weight, inward.entering), given), matrix(weight, within.entering)
    said = [torch.relu(brought)]
    for _ in range(net.ticks - 2):
        said.append(product(recurrent, said[-1], plus=brought).relu_())
    outputs = product(matrix(weight, outward.entering), said[-1])
    error = losses.cross_entropy(outputs.T, y)[1].T.contiguous()
    back, first = matrix(weight, within.leaving), matrix(weight, outward.leaving)
    blame = [_through(product(first, error), said[-1])]
    for activity in said[-2::-1]:
        blame.append(_through(product(back, blame[-1]), activity))
    blame.reverse()
    found = torch.zeros_like(weight)
    for one, offered, blamed, places in (
        (inward, given, reduce(torch.add, blame), matrix(weight, inward.leaving)),
        (within, torch.cat(said[:-1], dim=1), torch.cat(blame[1:], dim=1), back),
        (outward, said[-1], error, first),
    ):
        found.index_copy_(0, one.edges, meet(places, offered, blamed))
    return found


def _through(blame: Float[Tensor, "h b"], activity: Float[Tensor, "h b"]) -> Float[Tensor, "h b"]:
    """Pass blame through ReLU."""
    return torch.ops.aten.threshold_backward(blame, activity, 0)
