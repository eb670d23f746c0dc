"""How long one gradient takes by every method, in turns within one run, and what it holds.

Every method's gradient is checked against backpropagation's in float64 before it is timed. Bytes are those of all tensors that
are alive beyond weights and batch, at the worst moment of a step (`meters.over_time`); NumPy's by its own count of what it allocates.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence

from onward.experiments.spec import Outcome, Progress
from onward.experiments.turns import Turns, alone, in_balanced_turns
from onward.meters.over_time import course
from onward.nets.cost import counted
from onward.papers.mesh_neural_networks.gradient_costs import chosen_engine, costs, fits
from onward.papers.mesh_neural_networks.gradient_tasks import Step, Task, task
from onward.papers.mesh_neural_networks.gradients import MAKERS, OURS, checked, reference
from onward.topology import Topology

Graph = Callable[[int], Topology]  # of a seed
COMPILED = {"compiled": "chosen", "bptt_compiled": "bptt", "by_hand_compiled": "by_hand"}  # and what they are uncompiled
# What these multiply is counted as they run.
BACKWARDS = ("by_hand", "by_hand_compiled", "bptt", "backprop", "bptt_compiled", "jacfwd", "jacfwd_of_loss", "jacrev")


def measure_gradients(
    seeds: Sequence[int],
    progress: Progress,
    *,
    graph: Graph,
    ticks: int,
    batch: int,
    ways: tuple[str, ...],
    threads: int,
    turns: Turns,
    most_flops: float,
    most_bytes: float,
) -> list[Outcome]:
    """Time a gradient by every way that takes no more than is allowed.

    The history holds the seconds a step of each turn, by way. The metrics are the size of the net (`neurons`, `edges`), the
    `chosen` engine as its place in `OURS`, and of each way `_flops` (counted), `_bytes` (at the worst moment; not of what is compiled, which
    hides them), `_apart` (from backpropagation in float64), `_steps` of a turn; of one that is left out only `_needs_flops` and `_needs_bytes`.

    Args:
        seeds: of graph, weights and batch.
        progress: told the part that is done.
        graph: makes the graph of a seed.
        ticks: updates.
        batch: examples.
        ways: names in `MAKERS`; the engine that the library chooses is run as the library chooses it.
        threads: for one product.
        turns: how many, and how long.
        most_flops: beyond which a way is left out.
        most_bytes: beyond which a way is left out.

    Raises:
        ValueError: a way whose gradient is not that of backpropagation.
    """
    with alone(threads):
        return [
            _measured(task(graph(seed), ticks=ticks, batch=batch, seed=seed), progress, ways, turns, most_flops, most_bytes)
            for seed in seeds
        ]


def _measured(
    given: Task, progress: Progress, ways: Sequence[str], turns: Turns, most_flops: float, most_bytes: float
) -> Outcome:
    right, needs = reference(given), costs(given)
    topology, chosen = given.net.topology, chosen_engine(given)
    metrics: dict[str, float | int] = {"neurons": topology.neurons, "edges": topology.edges, "chosen": OURS.index(chosen)}
    steps: dict[str, Step] = {}
    for name in ways:
        if not fits(name, needs[name], most_flops, most_bytes):
            metrics |= {f"{name}_needs_flops": needs[name].flops, f"{name}_needs_bytes": needs[name].bytes}
            continue
        step = steps[name] = MAKERS["chosen" if name == chosen else name](given)
        metrics[f"{name}_apart"] = checked(name, step(), right)
        metrics[f"{name}_flops"] = (
            2 * counted(MAKERS[COMPILED.get(name, name)](given)) if name in BACKWARDS else needs[name].flops
        )
        if name not in COMPILED:
            metrics[f"{name}_bytes"] = worst_bytes_of_numpy(step) if "numpy" in name else worst_bytes(given, step)
    counts, history = in_balanced_turns(steps, turns, progress)
    return Outcome(metrics | {f"{name}_steps": count for name, count in counts.items()}, history)


def worst_bytes(given: Task, step: Step) -> int:
    """Give the most bytes of tensors that are alive at once within a step, beyond weights, graph and batch.

    The step has been run before, as what is planned and laid out once is no part of one.
    """
    over = course(lambda mark: step(), [given.x, given.y, *given.net.parameters(), *given.net.buffers()])
    return over.peak - over.standing


def worst_bytes_of_numpy(step: Step) -> int:
    """Give the most bytes that NumPy, and Python, have allocated at once within a step."""
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
