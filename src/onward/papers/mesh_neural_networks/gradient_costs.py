"""What one gradient takes by every method, counted before any is run, so that what would not fit is left out.

Letters as in `kernels/plan.py`: T ticks, B examples, N neurons, E edges, F free neurons, O outputs.
"""

from __future__ import annotations

from onward.kernels.plan import Cost, plan
from onward.papers.mesh_neural_networks.gradients import Task


def costs(given: Task) -> dict[str, Cost]:
    """Count what a gradient takes by every method, with what it holds beside the state, before any is run.

    Those of the plan; for the Jacobians of automatic differentiation their products alone, and tangents or cotangents of a dense
    matrix of weights, as that is what they are made of.
    """
    topology, ticks, batch = given.net.topology, given.net.ticks, len(given.x)
    n, e, f, o = topology.neurons, topology.edges, topology.free, topology.outputs
    counted = plan(topology, ticks, batch, still=True)
    tensor, swept = counted.others["as published (N x N x N)"], counted.others["backprop through the ticks"]
    dense = min(("influence", "factored"), key=lambda name: counted.costs[name].flops)
    tangents = 2 * batch * e * f * (topology.fixed + 2 * (ticks - 1) * f)
    return {
        **counted.costs,
        "compiled": counted.costs[dense],
        **dict.fromkeys(("bptt", "backprop", "bptt_compiled"), swept),
        "jacfwd": Cost(tangents, 4 * (2 * e * n * f + 3 * batch * e * f)),
        "jacrev": Cost(o * swept.flops * 2 // 3, 4 * 3 * batch * o * n * f),
        "numpy": Cost(tensor.flops, 4 * tensor.bytes),  # four tensors of float64 at once, where the plan has two of float32
        "numpy_single": Cost(tensor.flops, 2 * tensor.bytes),
        "published": Cost(tensor.flops, 2 * tensor.bytes),
    }


def chosen_engine(given: Task) -> str:
    """Name the engine that the library takes."""
    return plan(given.net.topology, given.net.ticks, len(given.x)).engine
