"""What to leave out of a mesh: edges at random, edges of small weight, neurons of small weight, and what cannot matter.

Each function gives the `Change`, to be made by `nets.changing.changed` or, while a mesh is trained, by `training.changing.change_graph`.
Edges of the bias are never pruned alone and are not counted (Mesh Neural Networks, section 4.2); they go with their neuron.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from onward import given
from onward.graphs.changes import Change, keep_edges, remove_neurons
from onward.kernels import groups, reach
from onward.naming import suggest
from onward.nets.mesh import MeshNet
from onward.topology import Topology


def prunable(topology: Topology) -> np.ndarray:
    """Tell which edges pruning may leave out, all but those of the bias: a boolean an edge."""
    return ~((topology.source == topology.inputs - 1) & topology.bias)


def at_random(topology: Topology, density: float | Mapping[str, float], *, generator: torch.Generator) -> Change:
    """Keep a random `round(density * size)` of the edges of every block (section 4.2).

    Args:
        topology: the graph.
        density: part of the edges kept, in [0, 1]: one number for all blocks but those of the bias, or a number for some by name,
            as in `Topology.blocks`; the others stay as they are.
        generator: source of the choice.

    Raises:
        ValueError: a density outside [0, 1], or a block that has no edges.
    """
    blocks = topology.blocks
    wanted = (
        dict(density)
        if isinstance(density, Mapping)
        else {name: density for name in blocks if not name.startswith("bias-")}
    )
    kept = np.ones(topology.edges, dtype=bool)
    for name, part in wanted.items():
        if name not in blocks:
            raise ValueError(f"no block {name!r} has edges, expected one of {', '.join(blocks)}{suggest(name, blocks)}")
        if not 0 <= part <= 1:
            raise ValueError(f"the density of {name} must be between 0 and 1, got {part}")
        size = len(blocks[name])
        kept[blocks[name][torch.randperm(size, generator=generator)[round(part * size) :].numpy()]] = False
    return keep_edges(topology, kept)


def by_magnitude(net: MeshNet, edges: int) -> Change:
    """Keep the edges of largest weight, and with them all of the bias.

    Where those alone would leave an output that no input can reach, a path to it is kept in the place of the smallest of them: the one
    whose smallest weight is largest.

    Args:
        net: a mesh, not nets side by side, which have one graph.
        edges: how many are kept, those of the bias not counted.

    Raises:
        ValueError: more edges than there are, fewer than the outputs need, or nets side by side.
    """
    _alone(net)
    topology, may = net.topology, prunable(net.topology)
    edges = given.whole("edges", edges)
    if edges > may.sum():
        raise ValueError(f"{edges} edges cannot be kept of {may.sum()}")
    strength = np.abs(topology.one_an_edge(net.weight).astype(np.float64))
    stays = np.where(may, strength, np.inf)  # an edge of the bias is no reason to take another path: it is kept anyway
    needed = reach.widest(topology, net.ticks, stays) & may
    if needed.sum() > edges:
        raise ValueError(f"the outputs need {needed.sum()} edges to be reached within {net.ticks} ticks, got {edges}")
    ranked = np.lexsort((-strength, ~needed, ~may))  # of those that may go: the needed, then the strong
    kept = ~may
    kept[ranked[:edges]] = True
    return keep_edges(topology, kept)


def weakest(net: MeshNet, neurons: int) -> Change:
    """Remove the hidden neurons whose edges, entering and leaving, have the smallest root mean square.

    Args:
        net: a mesh.
        neurons: how many are removed.

    Raises:
        ValueError: more than there are, or an output that no input can reach without them (when the change is made).
    """
    _alone(net)
    neurons = given.whole("neurons", neurons)
    if neurons > net.topology.hidden:
        raise ValueError(f"{neurons} neurons cannot be removed of {net.topology.hidden} hidden ones")
    of = groups.groups_of(net.topology)
    size = groups.norms(net.weight.detach(), of) / of.size.clamp(min=1).sqrt()
    return remove_neurons(net.topology, (size.argsort(stable=True)[:neurons] + net.topology.inputs).tolist())


def vanished(net: MeshNet) -> Change:
    """Remove the hidden neurons all of whose edges weigh zero, as group lasso leaves them; the function stays as it is."""
    _alone(net)
    size = groups.norms(net.weight.detach(), groups.groups_of(net.topology))
    return remove_neurons(net.topology, ((size == 0).nonzero().flatten() + net.topology.inputs).tolist())


def dead(net: MeshNet) -> Change:
    """Leave out the edges that cannot influence an output at the last tick, and the hidden neurons without an edge."""
    topology = net.topology
    live = reach.live(topology, net.ticks, silent_at_zero=net.hidden.silent_at_zero and net.output.silent_at_zero)
    fewer = keep_edges(topology, live)
    linked = np.union1d(fewer.after.source, fewer.after.target)
    inside = np.arange(topology.inputs, topology.inputs + topology.hidden)
    return fewer.then(remove_neurons(fewer.after, np.setdiff1d(inside, linked).tolist()))


def _alone(net: MeshNet) -> None:
    if net.nets:
        raise ValueError(
            f"{net.nets[0]} nets side by side have one graph, so none can be pruned by its own weights; unstack()"
        )
