"""How time and bytes of one gradient grow with the size of a problem: steps repeated at every place of a range, by every method.

Of forward-only propagation the bytes are those of all tensors alive at the worst moment of a step, beyond weights and batch. Of
backpropagation they are what it keeps for the way back, which is less than that, so the comparison favours it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from onward.experiments.medians import Middle, middle
from onward.experiments.spec import Outcome, Progress
from onward.experiments.turns import Step, alone, timed
from onward.meters.living import Living
from onward.papers.mesh_neural_networks.gradient_costs import costs
from onward.papers.mesh_neural_networks.gradients import MAKERS, Task, checked, loss_by_hand, reference
from onward.papers.mesh_neural_networks.speed_trials import worst_bytes

Problem = Callable[[int, int], Task]  # of a seed and a place


@dataclass(frozen=True)
class Repeats:
    """How often a step is repeated: until so many seconds have passed, but at least and at most so many times."""

    seconds: float = 0.25
    least: int = 5
    most: int = 300


def measure_curve(
    seeds: Sequence[int],
    progress: Progress,
    *,
    problem: Problem,
    places: tuple[int, ...],
    ways: tuple[str, ...],
    threads: int,
    repeats: Repeats,
    most_flops: float,
    most_bytes: float,
    metered: bool,
) -> list[Outcome]:
    """Time a gradient at every place by every way, as far as it takes no more than is allowed.

    The history holds by way its `_places`, the median of the seconds of a step with the ends of its interval (`_seconds`, `_low`,
    `_high`), and what was counted before: `_flops`, `_carried` bytes; with `metered` also the bytes that were met, `_bytes`.

    Args:
        seeds: of graph, weights and batch.
        progress: told the part that is done.
        problem: makes the net and the batch of a seed and a place.
        places: in ascending order.
        ways: names in `MAKERS`.
        threads: for one product.
        repeats: of a step.
        most_flops: beyond which a place is left out.
        most_bytes: beyond which a place is left out.
        metered: whether bytes are followed, which for many ticks takes longer than the steps.

    Raises:
        ValueError: a way whose gradient is not that of backpropagation.
    """
    outcomes = []
    with alone(threads):
        for done, seed in enumerate(seeds):
            history: dict[str, list[float | int]] = {f"{way}_{what}": [] for way in ways for what in WHAT[: 6 + metered]}
            for number, place in enumerate(places):
                given = problem(seed, place)
                needs, right = costs(given), reference(given)
                for way in ways:
                    cost = needs[way]
                    if cost.flops > most_flops or cost.bytes > most_bytes:
                        continue
                    step = MAKERS[way](given)
                    checked(f"{way} at {place}", step(), right)
                    took = repeated(step, repeats)
                    found = (place, took.value, took.low, took.high, cost.flops, cost.bytes)
                    met = (kept_bytes(given) if way == "bptt" else worst_bytes(given, step),) if metered else ()
                    for what, value in zip(WHAT, (*found, *met), strict=False):
                        history[f"{way}_{what}"].append(value)
                progress((done + (number + 1) / len(places)) / len(seeds))
            outcomes.append(Outcome({}, history))
    return outcomes


WHAT = ("places", "seconds", "low", "high", "flops", "carried", "bytes")


def repeated(step: Step, repeats: Repeats) -> Middle:
    """Give the median seconds of a step that has been run before."""
    times: list[float] = []
    while len(times) < repeats.least or (sum(times) < repeats.seconds and len(times) < repeats.most):
        times.append(timed(step))
    return middle(times)


def kept_bytes(given: Task) -> int:
    """Give the bytes that backpropagation through time keeps for the way back: all that is alive when it turns."""
    weight = given.net.weight.detach().clone().requires_grad_()
    with torch.enable_grad(), Living([given.x, given.y, weight, *given.net.parameters(), *given.net.buffers()]) as living:
        value = loss_by_hand(given)(weight, given.x, given.y)
        kept = living.bytes()
    del value
    return kept
