"""The mesh that a few numbers, or a topology, ask for: neurons, edges, and how many ticks they are run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from onward.graphs import families
from onward.kernels import reach
from onward.topology import Topology

KINDS = ("mesh", "cascade", "layered", "recurrent")
TICKS = 3  # of nets with cycles, whose paths have no longest


def structure(
    kind: str,
    hidden: int | Sequence[int],
    topology: Topology | None,
    ticks: int | None,
    *,
    features: int,
    outputs: int,
    things: str,
) -> tuple[Topology, int]:
    """Give the topology and the ticks of an estimator.

    Args:
        kind: the family of the graph, one of `KINDS`; ignored if there is a topology.
        hidden: neurons, or for "layered" the neurons of each layer; 0 leaves them out.
        topology: any graph, instead of a family.
        ticks: left out, as many as the longest path to an output has edges, or 3 in a graph with cycles (more if its
            outputs are further away).
        features: columns of the data.
        outputs: classes or targets of the data.
        things: what outputs stand for, "classes" or "targets".

    Raises:
        ValueError: a topology that does not fit the data, or layers of a family that has none.
    """
    if topology is None:
        topology = _of_family(kind, hidden, features, outputs)
    elif (topology.features, topology.outputs) != (features, outputs):
        raise ValueError(
            f"the topology takes {topology.features} features and has {topology.outputs} outputs, but the data has "
            f"{features} features and {outputs} {things}"
        )
    return topology, _enough(topology) if ticks is None else ticks


def longest_path(topology: Topology) -> int | None:
    """Count the edges of the longest path that ends at an output; None if the graph has a cycle."""
    arriving = np.bincount(topology.target, minlength=topology.neurons)
    ready, seen, step, depth = arriving == 0, 0, 0, 0
    while ready.any():
        seen += int(ready.sum())
        depth = step if ready[-topology.outputs :].any() else depth
        passed = np.bincount(topology.target[ready[topology.source]], minlength=topology.neurons)
        arriving = arriving - passed
        ready, step = (arriving == 0) & (passed > 0), step + 1
    return depth if seen == topology.neurons else None


def _of_family(kind: str, hidden: int | Sequence[int], features: int, outputs: int) -> Topology:
    if kind == "layered":
        widths = list(hidden) if isinstance(hidden, Sequence) else [hidden] * (hidden > 0)
        return families.layered(features, widths, outputs)
    if isinstance(hidden, Sequence):
        raise ValueError(f"hidden must be one number for kind={kind!r}, got {hidden!r}; only 'layered' has layers")
    family = {"mesh": families.mesh, "cascade": families.cascade, "recurrent": families.recurrent}[kind]
    return family(features, hidden, outputs)


def _enough(topology: Topology) -> int:
    depth = longest_path(topology)
    if depth is None:
        depth = max(TICKS, *(distance or 0 for distance in reach.distances(topology)))
    return max(depth, 1)
