"""A mesh whose graph has changed: what is left keeps its weights, and what is new begins with zero, so that it says nothing yet.

A new edge of weight zero, and a new neuron whose outgoing edges weigh zero, leave the function of a mesh as it is.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from onward.graphs.changes import Change, add_edges, add_neurons
from onward.nets import given, initialise
from onward.nets.mesh import MeshNet
from onward.topology import Topology


@torch.no_grad()
def changed(net: MeshNet, change: Change, new: Float[Tensor, "*nets k"] | None = None) -> MeshNet:
    """Give a mesh of the graph as it is to be; nothing is shared with the first.

    Args:
        net: the mesh, of the topology before the change.
        change: what comes of its graph.
        new: weights of the new edges, in the order of `change.new`; zero if left out.

    Raises:
        ValueError: a change of another topology, not one weight a new edge, or an output that no input can reach any more.
    """
    made = MeshNet(
        change.after, net.ticks, hidden=net.hidden, output=net.output, weight=weights(net, change, new),
        dtype=net.weight.dtype, device=net.weight.device,
    )  # fmt: skip
    made.weight.requires_grad_(net.weight.requires_grad)
    return made


@torch.no_grad()
def weights(net: MeshNet, change: Change, new: Float[Tensor, "*nets k"] | None = None) -> Float[Tensor, "*nets a"]:
    """Give the weights that a mesh has after a change. Arguments and errors as for `changed`."""
    if change.before != net.topology:
        raise ValueError(f"a change of {change.before} does not suit a mesh of {net.topology}")
    weight = change.carry(net.weight.detach())
    if new is not None:
        count = change.new.size
        if new.shape[-1:] != (count,):
            raise ValueError(f"expected one weight for each of {count} new edges, got shape {tuple(new.shape)}")
        weight[..., torch.tensor(change.new, device=weight.device)] = new.to(weight)
    return weight


def joined(topology: Topology, count: int) -> Change:
    """Add hidden neurons, joined to the others as hidden ones are: in every block that has edges, to all there are.

    The blocks are those of `Topology.blocks`: a perceptron of one hidden layer gets a wider layer, a full mesh a larger full mesh.
    """
    wider = add_neurons(topology, given.whole("neurons", count))
    after = wider.after
    first = after.inputs + topology.hidden
    new = np.arange(first, first + count)
    kinds = {
        "input": np.arange(after.features),
        "bias": np.arange(after.features, after.inputs),
        "hidden": np.arange(after.inputs, after.inputs + after.hidden),
        "output": np.arange(after.neurons - after.outputs, after.neurons),
    }
    pairs = set()
    for block in topology.blocks:
        of, to = block.split("-")
        for source in kinds[of]:
            pairs |= {(int(source), int(target)) for target in kinds[to] if source in new or target in new}
    ends = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return wider.then(add_edges(after, ends[:, 0], ends[:, 1]))


def with_neurons(net: MeshNet, count: int, *, generator: torch.Generator) -> MeshNet:
    """Give a mesh of the same function with more hidden neurons, joined to the others as `joined` says.

    Edges into a new neuron are drawn as first weights are, so that it is ready to be of use; edges from it to the others are zero,
    so that it is of none yet. The terms of every sum that is not new stay what and in the order they were, with zeros among them.

    Args:
        net: the mesh, or nets side by side.
        count: how many neurons.
        generator: source of the drawn weights.
    """
    change = joined(net.topology, count)
    after, new = change.after, change.new
    first = after.inputs + net.topology.hidden
    enters_new = (after.target[new] >= first) & (after.target[new] < first + count)
    drawn = [initialise.fan_in(after, generator)[new] for _ in range(max(len(net.weight.view(-1, net.topology.edges)), 1))]
    values = torch.stack(drawn).view(*net.nets, new.size) * torch.tensor(enters_new)
    return changed(net, change, values)
