"""Ways to take the same step: backpropagation as one writes it first, three that make it hold less, and Mono-Forward.

All but Mono-Forward compute the gradients of backpropagation; they pay for memory by recomputing, or by smaller products.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial

import torch

from onward.learners.accumulated import Accumulated
from onward.learners.backprop import Backprop
from onward.learners.backprop_by_block import BackpropByBlock
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.meters.held import bytes_of
from onward.meters.operations import Known, Stopwatch
from onward.meters.rate import seconds_a_number
from onward.nets.layered import LayeredNet
from onward.training.fit import Recipe
from onward.training.step_cost import step_cost

Rule = Callable[[LayeredNet], AbstractLearner]


def recomputed(net: LayeredNet) -> BackpropByBlock:
    """Backpropagation that keeps an input for about the square root of the number of blocks, which keeps least."""
    return BackpropByBlock(net, recompute=max(1, round(math.sqrt(len(net.blocks)))))


def in_pieces(net: LayeredNet, pieces: int) -> Accumulated:
    """Backpropagation of a batch in pieces, each gradient added to its sum as soon as it is there, so that no second set is held."""
    return Accumulated(BackpropByBlock(net), pieces)


PIECES = 16
STREAMED = 3  # blocks in memory at once: the one that learns, one read ahead and one written behind
WAYS: dict[str, Rule] = {
    "bp": Backprop,
    "bp-freed": BackpropByBlock,
    "bp-recomputed": recomputed,
    "bp-pieces": partial(in_pieces, pieces=PIECES),
    "mf": MonoForward,
}
TITLES = {
    "bp": "BP",
    "bp-freed": "BP, gradients freed as they are used",
    "bp-recomputed": "BP, activities recomputed",
    "bp-pieces": f"BP, batch in {PIECES} pieces",
    "mf": "Mono-Forward",
}


@dataclass(frozen=True)
class WayCost:
    """What a step takes in one way.

    Attributes:
        title: of the way.
        parameters: bytes, projections included.
        optimiser: bytes of its state.
        activities: the most bytes alive at once of what is made on the way forward.
        peak: bytes alive at once in a step, the batch included.
        products: multiply-adds.
        seconds: estimated from how long each operation of the step takes on this machine alone, and the optimiser.
        moved: bytes from and to a disk, which take time of their own.
    """

    title: str
    parameters: int
    optimiser: int
    activities: int
    peak: int
    products: int
    seconds: float
    moved: int = 0


def ways_to_learn(
    net: LayeredNet, recipe: Recipe, batch: int, *, streamed: int = STREAMED, device: torch.device | None = None
) -> list[WayCost]:
    """Count a step of a net in every way, before any is taken.

    Args:
        net: with a head; it may lie on `meta`.
        recipe: for its optimiser and the dtype of its products.
        batch: examples a step.
        streamed: blocks in memory at once when Mono-Forward streams them from and to a disk; a net of no more has no such way.
        device: where operations are timed; left out, that of the net, or the CPU if it lies on `meta`.

    Raises:
        ValueError: a net without a head, a batch of no examples, or no gradient steps.
    """
    if batch < 1:
        raise ValueError(f"a batch needs at least 1 example, got {batch}")
    place = next(net.parameters()).device
    device = device or (torch.device("cpu") if place.type == "meta" else place)
    with place if place.type == "meta" else nullcontext():
        learners = [rule(net) for rule in WAYS.values()]
    known: Known = {}
    costs = [step_cost(learner, recipe, net.shapes[0], batch, net.outputs, known=known) for learner in learners]
    stopwatch = Stopwatch((one for cost in costs for one in cost.operations), device)
    most = sum(parameter.numel() for parameter in learners[-1].parameters())
    each = seconds_a_number(recipe.optimiser, most, device)  # type: ignore[arg-type]
    found = []
    for title, learner, cost in zip(TITLES.values(), learners, costs, strict=True):
        numbers = sum(parameter.numel() for parameter in learner.parameters())
        seconds = stopwatch.seconds(cost.operations) + numbers * each
        held = cost.held
        found.append(
            WayCost(title, held.parameters, held.optimiser, cost.activities, cost.peak, cost.products[-1], seconds)
        )
    *_, last = learners
    assert isinstance(last, MonoForward)  # noqa: S101
    return [*found, _streamed(last, found[-1], streamed)] if streamed < len(net.blocks) else found


def _streamed(learner: MonoForward, whole: WayCost, blocks: int) -> WayCost:
    """Mono-Forward with its blocks on disk: what it makes in a step, and the largest block and its state a few times."""
    every = range(len(learner.net.blocks))
    sizes = [bytes_of(one for part in learner.parts(k).values() for one in part.parameters()) for k in every]
    each = max(sizes) * (1 + whole.optimiser / whole.parameters)
    kept = round(blocks * each)
    peak = whole.peak - whole.parameters - whole.optimiser + kept
    moved = 2 * (whole.parameters + whole.optimiser)
    title = f"Mono-Forward, {blocks} blocks in memory, the others on disk"
    return replace(whole, title=title, peak=peak, moved=moved)
