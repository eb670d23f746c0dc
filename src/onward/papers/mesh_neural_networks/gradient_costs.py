"""What one gradient takes by every method, counted before any is run, so that what would not fit is left out.

Letters as in `docs/complexity.md`: B examples, T ticks, N neurons, E edges, F free neurons, O outputs.
"""

from __future__ import annotations

from onward.kernels import reach
from onward.kernels.plan import SLOWER, Cost, Plan, plan
from onward.papers.mesh_neural_networks.gradient_tasks import Task


def costs(given: Task) -> dict[str, Cost]:
    """Count what a gradient takes by every method, with what it holds beside the state, before any is run.

    Those of the plan; for the Jacobians of automatic differentiation their products alone, and tangents or cotangents of a dense
    matrix of weights, as that is what they are made of.
    """
    topology, ticks, batch = given.net.topology, given.net.ticks, len(given.x)
    n, e, f, o = topology.neurons, topology.edges, topology.free, topology.outputs
    counted = _planned(given)
    tensor, swept = counted.others["as published (N x N x N)"], counted.others["backprop through the ticks"]
    tangents = 2 * batch * e * f * (topology.fixed + 2 * (ticks - 1) * f)
    of_weights, of_states = 2 * e * n * f, 3 * batch * e * f
    return {
        **counted.costs,
        "compiled": counted.costs[_dense(counted)],
        **dict.fromkeys(("by_hand", "by_hand_compiled", "bptt", "backprop", "bptt_compiled"), swept),
        # `vmap` lays the tangents of weights out anew for each example.
        "jacfwd": Cost(tangents, 4 * (of_weights + batch * e * n * f + of_states)),
        "jacfwd_of_loss": Cost(tangents, 4 * (of_weights + of_states)),
        "jacrev": Cost(o * swept.flops * 2 // 3, 4 * 3 * batch * o * n * f),
        "numpy": Cost(tensor.flops, 4 * tensor.bytes),  # four tensors of float64 at once, where the plan has two of float32
        "numpy_single": Cost(tensor.flops, 2 * tensor.bytes),
        "published": Cost(tensor.flops, 2 * tensor.bytes),
    }


def fits(way: str, needs: Cost, most_flops: float, most_bytes: float) -> bool:
    """Tell whether a gradient takes no more than is allowed; a FLOP of the sparse engine counts as many times as it takes longer."""
    return (SLOWER if way == "sparse" else 1) * needs.flops <= most_flops and needs.bytes <= most_bytes


def live_edges(given: Task) -> int:
    """Count the edges that can influence an output, which are those that the influence engine carries."""
    return int(reach.live(given.net.topology, given.net.ticks).sum())


def chosen_engine(given: Task) -> str:
    """Name the engine that the library takes."""
    return _planned(given).engine


def dense_engine(given: Task) -> str:
    """Name the one of the two engines on dense matrices that takes fewer operations."""
    return _dense(_planned(given))


def _planned(given: Task) -> Plan:
    return plan(given.net.topology, given.net.ticks, len(given.x), live=live_edges(given), static=True)


def _dense(counted: Plan) -> str:
    return min(("influence", "factored"), key=lambda name: counted.costs[name].flops)
