"""A mesh whose graph has changed: what is left keeps its weights, and what is new begins with zero, so that it says nothing yet.

A new edge of weight zero, and a new neuron whose outgoing edges weigh zero, leave the function of a mesh as it is.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from onward import given
from onward.graphs.changes import Change, add_edges, add_neurons
from onward.nets import initialise
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
    """Take hidden neurons into service, joined to the others as hidden ones are: in every block that has edges, to all there are.

    Spare neurons, which have no edge, are taken first; as many as are missing are added. The blocks are those of `Topology.blocks`:
    a perceptron of one hidden layer gets a wider layer, a full mesh a larger full mesh.
    """
    count = given.whole("neurons", count)
    missing = max(count - len(spares(topology)), 0)
    nothing = Change(topology, topology, np.arange(topology.edges))
    wider = add_neurons(topology, missing) if missing else nothing
    after = wider.after
    new = spares(after)[:count]
    kinds = {
        "input": np.arange(after.features),
        "bias": np.arange(after.features, after.inputs),
        "hidden": np.setdiff1d(np.arange(after.inputs, after.inputs + after.hidden), spares(after)[count:]),
        "output": np.arange(after.neurons - after.outputs, after.neurons),
    }
    pairs = set()
    for block in topology.blocks:
        of, to = block.split("-")
        for source in kinds[of]:
            pairs |= {(int(source), int(target)) for target in kinds[to] if source in new or target in new}
    ends = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return wider.then(add_edges(after, ends[:, 0], ends[:, 1]))


def spares(topology: Topology) -> np.ndarray:
    """Give the numbers of the hidden neurons that have no edge."""
    inside = np.arange(topology.inputs, topology.inputs + topology.hidden)
    return np.setdiff1d(inside, np.union1d(topology.source, topology.target))


def with_neurons(net: MeshNet, count: int, *, generator: torch.Generator) -> MeshNet:
    """Give a mesh of the same function with more hidden neurons at work, spare ones or new, joined to the others as `joined` says.

    Edges into such a neuron are drawn as first weights are, so that it is ready to be of use; edges from it to the others are zero,
    so that it is of none yet. The terms of every sum stay what and in the order they were, with zeros among them. Where there are
    spare neurons enough no product changes its shape, so outputs are the same to the bit; else the last bits may be others.

    Args:
        net: the mesh, or nets side by side.
        count: how many neurons.
        generator: source of the drawn weights.
    """
    change = joined(net.topology, count)
    after, new = change.after, change.new
    old = change.origin >= 0
    at_work = np.union1d(after.source[old], after.target[old])
    hidden = (after.target[new] >= after.inputs) & (after.target[new] < after.inputs + after.hidden)
    enters_new = hidden & ~np.isin(after.target[new], at_work)
    drawn = [initialise.fan_in(after, generator)[new] for _ in range(max(len(net.weight.view(-1, net.topology.edges)), 1))]
    values = torch.stack(drawn).view(*net.nets, new.size) * torch.tensor(enters_new)
    return changed(net, change, values)
