"""How time and bytes of one gradient grow with the size of a problem: steps repeated at every place of a range, by every method.

Of forward-only propagation the bytes are those of all tensors alive at the worst moment of a step, beyond weights and batch. Of
backpropagation they are what it keeps for the way back, which is less than that, so the comparison favours it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from onward.experiments.medians import middle
from onward.experiments.spec import Outcome, Progress
from onward.experiments.turns import Step, alone, timed
from onward.meters.living import Living
from onward.papers.mesh_neural_networks.gradient_costs import costs
from onward.papers.mesh_neural_networks.gradients import MAKERS, Task, checked, loss_by_hand, reference
from onward.papers.mesh_neural_networks.speed_trials import worst_bytes

Problem = Callable[[int, int], Task]  # of a seed and a place


@dataclass(frozen=True)
class Repeats:
    """How often a step is repeated.

    Attributes:
        rounds: over all places, so that what the machine does otherwise does not meet one place alone.
        seconds: that the steps of a round take about at each place.
        most: steps of a round.
    """

    rounds: int = 5
    seconds: float = 0.06
    most: int = 60


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
    with alone(threads):
        return [
            Outcome({}, _curve(seed, progress, problem, places, ways, repeats, most_flops, most_bytes, metered=metered))
            for seed in seeds
        ]


def _curve(
    seed: int,
    progress: Progress,
    problem: Problem,
    places: Sequence[int],
    ways: Sequence[str],
    repeats: Repeats,
    most_flops: float,
    most_bytes: float,
    *,
    metered: bool,
) -> dict[str, list[float | int]]:
    history: dict[str, list[float | int]] = {f"{way}_{what}": [] for way in ways for what in COUNTED[: 3 + metered]}
    todo: list[tuple[str, Step, list[float]]] = []
    for number, place in enumerate(places):
        given = problem(seed, place)
        needs, right = costs(given), reference(given)
        for way in ways:
            if needs[way].flops > most_flops or needs[way].bytes > most_bytes:
                continue
            step = MAKERS[way](given)
            checked(f"{way} at {place}", step(), right)
            met = (kept_bytes(given) if way == "bptt" else worst_bytes(given, step),) if metered else ()
            for what, value in zip(COUNTED, (place, needs[way].flops, needs[way].bytes, *met), strict=False):
                history[f"{way}_{what}"].append(value)
            todo.append((way, step, []))
        progress(0.3 * (number + 1) / len(places))
    for number in range(repeats.rounds):
        for _, step, times in todo:
            times += repeated(step, repeats)
        progress(0.3 + 0.7 * (number + 1) / repeats.rounds)
    for way, _, times in todo:
        for what, value in zip(TIMED, middle(times), strict=False):
            history.setdefault(f"{way}_{what}", []).append(value)
    return history


COUNTED = ("places", "flops", "carried", "bytes")
TIMED = ("seconds", "low", "high")


def repeated(step: Step, repeats: Repeats) -> list[float]:
    """Give the seconds of the steps of a round; each step has been run before."""
    times = [timed(step)]
    while sum(times) < repeats.seconds and len(times) < repeats.most:
        times.append(timed(step))
    return times


def kept_bytes(given: Task) -> int:
    """Give the bytes that backpropagation through time keeps for the way back: all that is alive when it turns."""
    weight = given.net.weight.detach().clone().requires_grad_()
    with torch.enable_grad(), Living([given.x, given.y, weight, *given.net.parameters(), *given.net.buffers()]) as living:
        value = loss_by_hand(given)(weight, given.x, given.y)
        kept = living.bytes()
    del value
    return kept
