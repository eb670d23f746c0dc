"""What a gradient multiplies, derived: the formulas of `docs/complexity.md` with their lower terms, for static inputs and two ticks or more.

A product is a multiply-add of a matrix product; what is scaled or added up by itself is left out, here and where products are counted as they
are run (`nets.cost.counted`). Letters: T ticks, B examples, I clamped inputs, N neurons, F free neurons, S speaking ones, O outputs,
E edges, L live ones.
"""

from __future__ import annotations

import numpy as np

from onward.kernels.sparse_weights import whole
from onward.papers.mesh_neural_networks.gradient_costs import live_edges
from onward.papers.mesh_neural_networks.gradient_tasks import Task
from onward.topology import Topology


def derived(given: Task) -> dict[str, int]:
    """Give the products of a gradient by each method whose complexity is derived.

    Raises:
        ValueError: less than two ticks, for which there is nothing to push.
    """
    topology, ticks, batch = given.net.topology, given.net.ticks, len(given.x)
    if ticks < 2:
        raise ValueError(f"products are derived for 2 ticks or more, got {ticks}")
    n, i, f, s, o = (getattr(topology, name) for name in ("neurons", "fixed", "free", "speaking", "outputs"))
    live = live_edges(given)
    run = i * s + (ticks - 2) * s**2 + (i + s) * o  # outputs are computed at the last tick alone
    by_hand = 2 * run + (ticks - 2) * s**2 + s * o  # the run, the blame of weights, the blame of what was read
    pushed = (ticks - 2) * (ticks - 3) // 2 * s**3
    dense_run = i * f + (ticks - 1) * f**2
    recorded = 2 * run + (ticks - 2) * s**2 + (i + s) * o if s + o == f else 2 * dense_run + (ticks - 1) * f**2
    each = {
        "published": ticks * (n**4 + n**2) + n**2 * o,
        "influence": dense_run + live * f * ((ticks - 2) * f + o) + live * o,
        "factored": by_hand + pushed,
        "sparse": ticks * topology.edges + into_outputs(topology) + walked(topology, ticks),
        "by_hand": by_hand,
        "bptt": recorded,
    }
    found = {way: batch * products for way, products in each.items()}
    found["sparse"] += whole(ticks * batch) * topology.edges  # what was said meets its blame in whole vectors
    return found


def into_outputs(topology: Topology) -> int:
    """Count the edges from free neurons to outputs."""
    return int(((topology.source >= topology.fixed) & (topology.target >= topology.neurons - topology.outputs)).sum())


def walked(topology: Topology, ticks: int) -> int:
    """Count the products of an example by which pushes on free neurons spread along edges, where walks that meet go on as one.

    After `h` edges a push on `j` has reached some neurons; one more edge is a product for each edge that leaves one of these. Hop `h` is taken
    at `T - 1 - h` ticks, along edges to neurons from which an output can still be reached, and each pair that it has made meets once what the loss
    asks at the tick before the last.
    """
    inner = topology.source >= topology.fixed
    source, target = topology.source[inner] - topology.fixed, topology.target[inner] - topology.fixed
    feeds = np.zeros((topology.free, topology.free), dtype=np.float32)
    feeds[source, target] = 1
    read = np.arange(topology.free) >= topology.free - topology.outputs
    heard = [read]  # from where an output is reached in 0, 1, ... ticks
    for _ in range(ticks - 1):
        heard.append(feeds @ heard[-1] > 0)
    goes_on = np.logical_or.accumulate(heard[1:])  # in 1, in 1 or 2, ... ticks
    pushed = np.zeros(topology.free, dtype=bool)
    pushed[topology.target - topology.fixed] = True
    pairs, found = np.diag(pushed & goes_on[-1]).astype(np.float32), 0
    for hop in range(1, ticks - 1):
        kept = goes_on[ticks - hop - 2]
        found += (ticks - 1 - hop) * round(pairs.sum(0, dtype=np.float64) @ (feeds * kept).sum(1))
        pairs = ((pairs @ feeds > 0) & kept).astype(np.float32)
        found += int(np.count_nonzero(pairs))
    return found
