"""Graphs that change: a topology made of another, and where each of its edges comes from.

Whatever belongs to edges (weights, moments of an optimiser) is carried over by that alone: what an edge had it keeps, and a new edge
begins with zero. Axes: e edges before, a edges after; `*nets` nets side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from onward.topology import Topology

Ends = Iterable[int] | np.ndarray  # numbers of neurons


@dataclass(frozen=True, eq=False)
class Change:
    """One topology in the place of another.

    Attributes:
        before: the topology as it was.
        after: the topology as it is to be; of the same inputs and outputs.
        origin: for every edge of `after`, the edge of `before` that it goes on, or -1 where it is new; int64, read-only.

    Raises:
        ValueError: not one origin an edge, one that is no edge of `before`, or one that is named twice.
    """

    before: Topology
    after: Topology
    origin: np.ndarray

    def __post_init__(self) -> None:
        origin = np.array(self.origin, dtype=np.int64)
        if origin.shape != (self.after.edges,):
            raise ValueError(f"a change names one origin for each of {self.after.edges} edges, got shape {origin.shape}")
        outside = origin[(origin < -1) | (origin >= self.before.edges)]
        if outside.size:
            raise ValueError(f"an edge comes from edge {outside[0]}, but there were {self.before.edges}")
        found, times = np.unique(origin[origin >= 0], return_counts=True)
        if (times > 1).any():
            raise ValueError(f"two edges come from edge {found[times > 1][0]}; each can go on once")
        origin.flags.writeable = False
        object.__setattr__(self, "origin", origin)

    @property
    def new(self) -> np.ndarray:
        """The numbers of the edges of `after` that are new."""
        return np.flatnonzero(self.origin < 0)

    @property
    def lost(self) -> np.ndarray:
        """The numbers of the edges of `before` that are gone."""
        return np.setdiff1d(np.arange(self.before.edges), self.origin)

    def carry(self, values: Shaped[Tensor, "*nets e"]) -> Shaped[Tensor, "*nets a"]:
        """Carry values, one an edge, over to the edges as they are to be; those of new edges are zero.

        Raises:
            ValueError: not one value for each edge of `before`.
        """
        if values.shape[-1:] != (self.before.edges,):
            raise ValueError(f"expected one value for each of {self.before.edges} edges, got shape {tuple(values.shape)}")
        origin = torch.tensor(self.origin, device=values.device)
        gathered = torch.cat([values, values.new_zeros(*values.shape[:-1], 1)], dim=-1)
        return gathered[..., origin]  # -1 is the zero at the end

    def then(self, later: Change) -> Change:
        """Give this change and a later one as a single one; a later one of another topology is refused: `ValueError`."""
        if later.before != self.after:
            raise ValueError(f"a change of {later.before} cannot follow one that leads to {self.after}")
        return Change(self.before, later.after, np.append(self.origin, -1)[later.origin])

    def __str__(self) -> str:
        neurons = self.after.hidden - self.before.hidden
        moved = f", {abs(neurons)} hidden neurons {'more' if neurons > 0 else 'fewer'}" if neurons else ""
        return f"Change: {self.before.edges} edges to {self.after.edges}; {self.lost.size} lost, {self.new.size} new{moved}"


def keep_edges(topology: Topology, kept: np.ndarray) -> Change:
    """Leave out all edges but some.

    Args:
        topology: the graph.
        kept: whether each edge stays, one boolean an edge; anything else is refused: `ValueError`.
    """
    kept = topology.one_an_edge(kept)
    if kept.dtype != bool:
        raise ValueError(f"whether edges stay is said by a boolean for each, got {kept.dtype}")
    stays = np.flatnonzero(kept)
    return Change(topology, replace(topology, source=topology.source[stays], target=topology.target[stays]), stays)


def add_edges(topology: Topology, source: Ends, target: Ends) -> Change:
    """Add edges, from each of some sources to the target beside it; an edge that is there already is refused, as by `Topology`."""
    ends = [np.asarray(list(one), dtype=np.int64) for one in (source, target)]
    after = replace(
        topology,
        source=np.concatenate([topology.source, ends[0]]),
        target=np.concatenate([topology.target, ends[1]]),
    )
    origin = np.full(after.edges, -1)
    origin[places(topology, after)] = np.arange(topology.edges)
    return Change(topology, after, origin)


def add_neurons(topology: Topology, count: int) -> Change:
    """Add hidden neurons without edges, numbered after the hidden ones that are there; outputs move up."""
    if count < 1:
        raise ValueError(f"at least 1 neuron is added, got {count}")
    first = topology.inputs + topology.hidden
    labels = topology.labels
    if labels is not None:
        new = tuple(f"hidden {topology.hidden + k}" for k in range(count))
        labels = (*labels[:first], *new, *labels[first:])
    source, target = (ends + count * (ends >= first) for ends in (topology.source, topology.target))
    after = replace(topology, hidden=topology.hidden + count, source=source, target=target, labels=labels)
    return Change(topology, after, np.arange(topology.edges))


def remove_neurons(topology: Topology, neurons: Ends) -> Change:
    """Remove hidden neurons, with all their edges; those that stay close up.

    Args:
        topology: the graph.
        neurons: their numbers among all neurons.

    Raises:
        ValueError: a neuron that is not hidden.
    """
    gone = np.unique(np.asarray(list(neurons), dtype=np.int64))
    if not gone.size:  # as between most steps of group lasso
        return Change(topology, topology, np.arange(topology.edges))
    for neuron in gone:
        if not 0 <= neuron < topology.neurons or topology.kind(int(neuron)) != "hidden":
            least, most = topology.inputs, topology.inputs + topology.hidden - 1
            raise ValueError(f"only hidden neurons, {least} to {most}, can be removed, got {neuron}")
    stays = np.ones(topology.neurons, dtype=bool)
    stays[gone] = False
    number = np.cumsum(stays) - 1
    kept = np.flatnonzero(stays[topology.source] & stays[topology.target])
    labels = None if topology.labels is None else tuple(np.array(topology.labels, dtype=object)[stays])
    after = replace(
        topology,
        hidden=topology.hidden - gone.size,
        source=number[topology.source[kept]],
        target=number[topology.target[kept]],
        labels=labels,
    )
    return Change(topology, after, kept)


def every_edge(topology: Topology) -> Topology:
    """Give the topology of the same neurons with every edge that there can be: from each neuron to each free one."""
    ends = np.meshgrid(np.arange(topology.neurons), np.arange(topology.fixed, topology.neurons), indexing="ij")
    return replace(topology, source=ends[0].ravel(), target=ends[1].ravel())


def codes(topology: Topology) -> np.ndarray:
    """Number each edge by its place in the adjacency matrix, row by row; ascending."""
    return topology.source * topology.neurons + topology.target


def places(part: Topology, whole: Topology) -> np.ndarray:
    """Give the number that each edge of a part of a graph has in the whole.

    Raises:
        ValueError: other neurons, or an edge that the whole does not have.
    """
    for name in ("inputs", "hidden", "outputs", "bias", "clamped"):
        own, other = getattr(part, name), getattr(whole, name)
        if own != other:
            raise ValueError(f"expected a part of {whole}, got a graph of other neurons: {name} {own}, not {other}")
    wanted, found = codes(part), codes(whole)
    place = np.searchsorted(found, wanted)
    lacking = np.flatnonzero(np.append(found, -1)[place] != wanted)
    if lacking.size:
        ends = " -> ".join(part.name(int(end)) for end in (part.source[lacking[0]], part.target[lacking[0]]))
        raise ValueError(f"expected a part of {whole}, got a graph with the edge {ends}, which that has not")
    return place
