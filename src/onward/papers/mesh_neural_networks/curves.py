"""How time and bytes of one gradient grow with the size of a problem: steps repeated at every place of a range, by every method.

Bytes are those of all tensors alive at the worst moment of a step, beyond weights and batch; of backpropagation what it keeps for the
way back, which is less than that, so the comparison favours it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from onward.experiments.medians import median_interval
from onward.experiments.spec import Outcome, Progress
from onward.experiments.turns import Step, alone, balanced, timed
from onward.meters.living import Living
from onward.nets.cost import counted
from onward.papers.mesh_neural_networks import backprop_by_hand
from onward.papers.mesh_neural_networks.automatic import loss_by_hand
from onward.papers.mesh_neural_networks.gradient_costs import costs, fits
from onward.papers.mesh_neural_networks.gradient_tasks import Task, with_bias
from onward.papers.mesh_neural_networks.gradients import MAKERS, checked, reference
from onward.papers.mesh_neural_networks.products import derived
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
    counting: bool = False,
    metered: bool = False,
) -> list[Outcome]:
    """Time a gradient at every place by every way, as far as it takes no more than is allowed.

    The history holds by way its `_places`, the median of the seconds of a step with the ends of its interval (`_seconds`, `_low`,
    `_high`), and what was counted before: `_flops`, `_carried` bytes; with `counting` also the `_products` of a step as it ran, and as they are
    `_derived`; with `metered` the bytes that were met, `_bytes`.

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
        counting: whether products are counted, of ways whose products are derived and for two ticks or more.
        metered: whether bytes are followed, which for many ticks takes longer than the steps.

    Raises:
        ValueError: a way whose gradient is not that of backpropagation.
    """
    with alone(threads):
        return [
            Outcome(
                {},
                _curve(
                    seed,
                    progress,
                    problem,
                    places,
                    ways,
                    repeats,
                    most_flops,
                    most_bytes,
                    counting=counting,
                    metered=metered,
                ),
            )
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
    counting: bool,
    metered: bool,
) -> dict[str, list[float | int]]:
    kinds = (
        "places",
        "flops",
        "carried",
        *TIMED,
        *(("products", "derived") if counting else ()),
        *(("bytes",) if metered else ()),
    )
    history: dict[str, list[float | int]] = {f"{way}_{kind}": [] for way in ways for kind in kinds}
    todo: list[tuple[str, Step, list[float]]] = []
    for number, place in enumerate(places):
        given = problem(seed, place)
        needs, right = costs(given), reference(given)
        formulas = derived(given) if counting else {}
        for way in ways:
            if not fits(way, needs[way], most_flops, most_bytes):
                continue
            step = MAKERS[way](given)
            checked(f"{way} at {place}", step(), right)
            values = {"places": place, "flops": needs[way].flops, "carried": needs[way].bytes}
            if counting:
                values |= {"products": counted(step), "derived": formulas[way]}
            if metered:
                values["bytes"] = kept_bytes(given, way) if way in BACKWARDS else worst_bytes(given, step)
            for kind, value in values.items():
                history[f"{way}_{kind}"].append(value)
            todo.append((way, step, []))
        progress(0.3 * (number + 1) / len(places))
    for number in range(repeats.rounds):
        for which in balanced(len(todo), number):
            _, step, times = todo[which]
            times += repeated(step, repeats)
        progress(0.3 + 0.7 * (number + 1) / repeats.rounds)
    for way, _, times in todo:
        for kind, value in zip(TIMED, median_interval(times), strict=False):
            history[f"{way}_{kind}"].append(value)
    return history


TIMED = ("seconds", "low", "high")


def repeated(step: Step, repeats: Repeats) -> list[float]:
    """Give the seconds of the steps of a round; each step has been run before."""
    times = [timed(step)]
    while sum(times) < repeats.seconds and len(times) < repeats.most:
        times.append(timed(step))
    return times


def kept_bytes(given: Task, way: str) -> int:
    """Give the bytes that backpropagation keeps for the way back: all that is alive when it turns.

    Args:
        given: net and batch.
        way: a name in `BACKWARDS`.
    """
    weight = given.net.weight.detach().clone().requires_grad_()
    with torch.enable_grad(), Living([given.x, given.y, weight, *given.net.parameters(), *given.net.buffers()]) as living:
        kept = BACKWARDS[way](given, weight)
        size = living.bytes()
    del kept
    return size


def _recorded(given: Task, weight: Tensor) -> object:
    return loss_by_hand(given)(weight, given.x, given.y)


def _by_hand(given: Task, weight: Tensor) -> object:
    return backprop_by_hand.run(weight.detach(), given.net.wiring, with_bias(given), ticks=given.net.ticks)


BACKWARDS: Mapping[str, Callable[[Task, Tensor], object]] = {"bptt": _recorded, "by_hand": _by_hand}
