"""What can reach what, and when: which neurons can be active at a tick, and which edges can influence an output.

A neuron can be active after tick t if an input reaches it by a walk of the right length; if activations are not zero at
zero, every neuron can. An edge is *live* if at some tick its source can be active and from its target an output can be
reached in exactly the ticks that are left; on a stream, which has no last tick, in any number of them. A weight on an edge
that is not live has gradient zero, whatever the data.
"""

from __future__ import annotations

import numpy as np

from onward.topology import Topology


def followed(
    first: np.ndarray, before: np.ndarray, after: np.ndarray, ticks: int, *, always: np.ndarray | None = None
) -> np.ndarray:
    """Follow edges, one a tick: tell where one can be after 0, 1, ... ticks. This is the whole rule of what reaches what.

    Takes as long as the ticks until nothing changes times the edges.

    Args:
        first: where one begins, a boolean a neuron.
        before: of each edge the neuron that it is followed from; the other way round its source and target change places.
        after: of each edge the neuron that it is followed to.
        ticks: how many edges are followed.
        always: where one can be after every tick, whatever was before; left out, nowhere.

    Returns:
        booleans, (ticks + 1) x neurons.
    """
    can = np.zeros((ticks + 1, first.size), dtype=bool)
    can[0] = first
    for t in range(ticks):
        if always is not None:
            can[t + 1] = always
        can[t + 1, after[can[t, before]]] = True
        if (can[t + 1] == can[t]).all():  # each follows from the one before it alone, so from here on it stays
            can[t + 2 :] = can[t + 1]
            break
    return can


def active(topology: Topology, ticks: int, *, silent_at_zero: bool = True, from_zero: bool = True) -> np.ndarray:
    """Tell which neurons can be active before tick 1, 2, ... and after the last: boolean, (ticks + 1) x neurons.

    The input is given at every tick to clamped inputs, or once, before the first tick, to free ones. The others begin at zero, or,
    if not `from_zero`, at any activity.
    """
    neuron = np.arange(topology.neurons)
    first = (neuron < topology.inputs) | (not from_zero)
    always = (neuron < topology.inputs) & topology.clamped
    if not silent_at_zero:
        always |= neuron >= topology.fixed
    return followed(first, topology.source, topology.target, ticks, always=always)


def influential(topology: Topology, ticks: int) -> np.ndarray:
    """Tell from which neurons an output is reached in exactly 0, 1, ... ticks: boolean, (ticks + 1) x neurons."""
    output = np.arange(topology.neurons) >= topology.neurons - topology.outputs
    return followed(output, topology.target, topology.source, ticks)


def live(
    topology: Topology, ticks: int, *, silent_at_zero: bool = True, from_zero: bool = True, every_tick: bool = False
) -> np.ndarray:
    """Tell which edges can influence what is read of the outputs, at the last tick or at every tick: boolean, edges."""
    speaks = active(topology, ticks, silent_at_zero=silent_at_zero, from_zero=from_zero)[:-1]
    heard = influential(topology, ticks - 1)
    if every_tick:
        heard = np.logical_or.accumulate(heard)
    found = np.zeros(topology.edges, dtype=bool)
    seen = None
    for said, left in zip(speaks, heard[::-1], strict=True):
        if seen is not None and (said == seen[0]).all() and (left == seen[1]).all():
            continue  # where ticks are many, most are as the one before
        found |= said[topology.source] & left[topology.target]
        seen = said, left
    return found


def ever_active(topology: Topology, *, silent_at_zero: bool = True) -> np.ndarray:
    """Tell which neurons can be active at some tick, if no number of ticks is the last: boolean, neurons."""
    first = np.zeros(topology.neurons, dtype=bool)
    first[: topology.inputs] = True
    first[topology.fixed :] |= not silent_at_zero
    return _spread(first, topology.source, topology.target)


def live_on_streams(topology: Topology, *, silent_at_zero: bool = True) -> np.ndarray:
    """Tell which edges can influence an output after some number of ticks, with no last one and every tick read: boolean, edges."""
    outputs = np.arange(topology.neurons) >= topology.neurons - topology.outputs
    heard = _spread(outputs, topology.target, topology.source)
    return ever_active(topology, silent_at_zero=silent_at_zero)[topology.source] & heard[topology.target]


def _spread(reached: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Give what some neurons reach by any number of edges, with themselves."""
    while True:
        wider = reached.copy()
        wider[target[reached[source]]] = True
        if (wider == reached).all():
            return wider
        reached = wider


def distances(topology: Topology) -> list[int | None]:
    """Count the edges of the shortest path from any input but the bias to each output; None where there is no path."""
    distance = np.full(topology.neurons, -1)
    distance[: topology.features] = 0
    for steps in range(1, topology.neurons):
        found = np.unique(topology.target[distance[topology.source] == steps - 1])
        found = found[distance[found] < 0]
        if not found.size:
            break
        distance[found] = steps
    return [None if d < 0 else int(d) for d in distance[topology.neurons - topology.outputs :]]


def check_outputs(topology: Topology, ticks: int) -> None:
    """Refuse, with a `ValueError`, a number of ticks after which no input but the bias has reached some output."""
    arrived = np.zeros(topology.neurons, dtype=bool)
    arrived[: topology.features] = True
    for _ in range(ticks):
        before, arrived = arrived, np.zeros_like(arrived)
        arrived[topology.target[before[topology.source]]] = True
        arrived[: topology.features] |= topology.clamped
        if (arrived == before).all():  # each set follows from the one before it alone, so from here on it stays
            break
    missed = np.flatnonzero(~arrived[topology.neurons - topology.outputs :])
    if missed.size:
        distance = distances(topology)[missed[0]]
        if distance is None:
            why = "there is no path to it"
        elif topology.clamped or distance > ticks:
            why = f"the shortest path takes {distance}"
        else:
            why = "free inputs speak only once, and no path to it has exactly that length"
        name = topology.name(topology.neurons - topology.outputs + int(missed[0]))
        raise ValueError(f"no input can reach {name} within {ticks} {'tick' if ticks == 1 else 'ticks'}: {why}")


def widest(topology: Topology, ticks: int, strength: np.ndarray) -> np.ndarray:
    """Tell the edges of one path from an input but the bias to each output, that of which the weakest edge is strongest.

    Args:
        topology: the graph; within the ticks every output is reached (`check_outputs`).
        ticks: number of updates; a path takes all of them, or begins later at a clamped input.
        strength: of each edge, above minus infinity.

    Returns:
        a boolean an edge.
    """
    width = np.full(topology.neurons, -np.inf)
    width[: topology.features] = np.inf
    came = np.full((ticks, topology.neurons), -1)  # by which edge a neuron is reached at each tick; -1 where a path begins
    for tick in range(ticks):
        through = np.minimum(width[topology.source], strength)
        order = np.argsort(through, kind="stable")
        order = order[through[order] > -np.inf]
        came[tick, topology.target[order]] = order  # of several, the last one stays: the strongest
        width = np.full(topology.neurons, -np.inf)
        width[topology.target[order]] = through[order]
        if topology.clamped:
            width[: topology.features] = np.inf
    path = np.zeros(topology.edges, dtype=bool)
    for output in range(topology.neurons - topology.outputs, topology.neurons):
        neuron = output
        for tick in reversed(range(ticks)):
            edge = came[tick, neuron]
            if edge < 0:
                break
            path[edge] = True
            neuron = topology.source[edge]
    return path
