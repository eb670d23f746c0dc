"""Schedules over blocks: one after another, or some of them again while the others rest.

Resting blocks keep weights and statistics bitwise: what has no gradient is passed over by optimisers, and runs in evaluation
mode. Blocks are counted from 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch

from onward.blocks.plugging import cut
from onward.learners.mono_forward import MonoForward
from onward.nets.readouts import last
from onward.training.data import Learnable
from onward.training.fit import Epoch, Recipe, fit


class BlockEpoch(NamedTuple):
    """An epoch of one block."""

    block: int
    epoch: Epoch


def fit_block_by_block(
    learner: MonoForward, data: Learnable, recipe: Recipe, *, generator: torch.Generator
) -> Iterator[BlockEpoch]:
    """Train the first block to its end, then the second on what the first one gives, and so on.

    Every block has the whole recipe, with an optimiser and schedule of its own; its losses and accuracies, so its patience
    too, are those of its own scores. Arguments and errors as for `fit`.
    """
    for k in range(len(learner.net.blocks)):
        part = cut(learner, k + 1)
        part.learning, part.readout = frozenset({k}), last
        for epoch in fit(part, data, recipe, generator=generator):
            yield BlockEpoch(k, epoch)
    learner.eval()


def fit_blocks(
    learner: MonoForward, blocks: Iterable[int], data: Learnable, recipe: Recipe, *, generator: torch.Generator
) -> Iterator[Epoch]:
    """Train some blocks while the others rest; afterwards, or when it is left, the same blocks learn as before.

    The losses are those of these blocks; validation is by the learner's readout. `fit_blocks(learner, {1}, ...)` trains the
    second block again. Other arguments and errors as for `fit`.

    Raises:
        ValueError: no blocks, or one that the net does not have.
    """
    chosen, there = frozenset(blocks), range(len(learner.net.blocks))
    if not chosen or not chosen <= set(there):
        raise ValueError(f"expected some of the blocks {there.start} to {there.stop - 1}, got {sorted(chosen)}")
    return _while_learning(learner, chosen, fit(learner, data, recipe, generator=generator))


def fit_from(
    learner: MonoForward, block: int, data: Learnable, recipe: Recipe, *, generator: torch.Generator
) -> Iterator[Epoch]:
    """Train a block and all later ones while the earlier ones rest; arguments and errors as for `fit_blocks`."""
    return fit_blocks(learner, {block, *range(block, len(learner.net.blocks))}, data, recipe, generator=generator)


def _while_learning(learner: MonoForward, blocks: frozenset[int], epochs: Iterator[Epoch]) -> Iterator[Epoch]:
    before, learner.learning = learner.learning, blocks
    try:
        yield from epochs
    finally:
        learner.learning = before
