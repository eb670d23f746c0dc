"""Ways to take the same step: backpropagation as one writes it first, three that make it hold less, and Mono-Forward.

All but Mono-Forward compute the gradients of backpropagation; they pay for memory by recomputing, or by smaller products.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from onward.learners.accumulated import Accumulated
from onward.learners.backprop import Backprop
from onward.learners.backprop_by_block import BackpropByBlock
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.meters.held import bytes_of
from onward.meters.rate import products_per_second, seconds_a_number
from onward.nets.cost import multiply_adds
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
        peak: bytes alive at once in a step, the batch included.
        products: multiply-adds.
        seconds: estimated from how fast this machine multiplies matrices of the size of the largest block, and steps.
        moved: bytes from and to a disk, which take time of their own.
    """

    title: str
    parameters: int
    optimiser: int
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
        device: where the rates are measured; left out, that of the net, or the CPU if it lies on `meta`.

    Raises:
        ValueError: a net without a head, a batch of no examples, or no gradient steps.
    """
    if batch < 1:
        raise ValueError(f"a batch needs at least 1 example, got {batch}")
    place = next(net.parameters()).device
    device = device or (torch.device("cpu") if place.type == "meta" else place)
    pieces = -(-batch // PIECES)
    rates = {rows: _rate(net, recipe, rows, device) for rows in {batch, pieces}}
    numbers = sum(parameter.numel() for parameter in net.parameters())
    each = seconds_a_number(recipe.optimiser, numbers, device)  # type: ignore[arg-type]
    found = []
    for way, rule in WAYS.items():
        learner = rule(net)
        cost = step_cost(learner, recipe, net.shapes[0], batch, net.outputs)
        numbers = sum(parameter.numel() for parameter in learner.parameters())
        seconds = cost.products[-1] / rates[pieces if way == "bp-pieces" else batch] + numbers * each
        held = cost.held
        found.append(WayCost(TITLES[way], held.parameters, held.optimiser, cost.peak, cost.products[-1], seconds))
    return [*found, _streamed(net, found[-1], streamed)] if streamed < len(net.blocks) else found


def _streamed(net: LayeredNet, whole: WayCost, blocks: int) -> WayCost:
    """Mono-Forward with its blocks on disk: what it makes in a step, and the largest block and its state a few times."""
    learner = MonoForward(net)
    sizes = [
        bytes_of(one for part in learner.parts(k).values() for one in part.parameters()) for k in range(len(net.blocks))
    ]
    each = max(sizes) * (1 + whole.optimiser / whole.parameters)
    kept = round(blocks * each)
    peak = whole.peak - whole.parameters - whole.optimiser + kept
    moved = 2 * (whole.parameters + whole.optimiser)
    return WayCost(f"Mono-Forward, {blocks} blocks in memory, the others on disk", whole.parameters, whole.optimiser, peak, whole.products, whole.seconds, moved)  # fmt: skip


def _rate(net: LayeredNet, recipe: Recipe, rows: int, device: torch.device) -> float:
    """Measure a matrix product of as many multiply-adds an example as the largest block has."""
    largest = max(multiply_adds(block, shape) for block, shape in zip(net.blocks, net.shapes, strict=False))
    side = max(16, min(4096, round(math.sqrt(largest))))
    dtype = recipe.products or next(net.parameters()).dtype
    return products_per_second(min(rows, 4096), side, side, dtype, device)
