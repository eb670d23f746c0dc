"""Schedules over blocks: one after another, or some of them again while the others rest.

Resting blocks keep weights and statistics bitwise: what has no gradient is passed over by optimisers, and runs in evaluation
mode. Blocks are counted from 0.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import torch

from onward.blocks.plugging import cut
from onward.blocks.taught import check_taught
from onward.files import lock
from onward.learners.mono_forward import MonoForward
from onward.nets.readouts import last
from onward.nets.weights import load_weights, save_weights
from onward.training import checkpoint
from onward.training.data import Learnable
from onward.training.fit import Epoch, Recipe, Training, fit

FIRST = "first-weights.onward"


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
        for epoch in fit(_alone(learner, k), data, recipe, generator=generator):
            yield BlockEpoch(k, epoch)
    learner.eval()


def run_block_by_block(
    learner: MonoForward,
    data: Learnable,
    recipe: Recipe,
    folder: str | os.PathLike[str],
    *,
    generator: torch.Generator,
    every_seconds: float = 30.0,
    every_steps: int | None = None,
) -> Iterator[BlockEpoch]:
    """Train as `fit_block_by_block` does, with checkpoints in a folder; from those that are there, if there are any.

    The first weights are kept in it, and every block has a folder, `block-0` and so on, which is kept as by
    `training.checkpoint.run`: epochs that were finished before are not yielded again, and what goes on is bitwise the run that
    was never left.

    Args:
        learner: freshly made each time.
        data: what it learns from.
        recipe: of every block.
        folder: made if it is not there, and held while the run lasts.
        generator: freshly seeded each time.
        every_seconds: time between two checkpoints, as for `run`.
        every_steps: steps between two checkpoints, as for `run`.

    Raises:
        ValueError: as for `run`; more epochs for a block that later ones were taught upon.
        FolderBusy, WriteFailed, TrainingFailed: as for `run`.
    """
    check_taught(learner)
    places = [Path(folder) / f"block-{k}" for k in range(len(learner.net.blocks))]
    places[0].mkdir(parents=True, exist_ok=True)
    with lock.exclusive(Path(folder)):
        if (first := Path(folder) / FIRST).exists():
            load_weights(learner, first)
        else:
            save_weights(learner, first)
        for k, place in enumerate(places):
            training = Training(_alone(learner, k), data, recipe, generator=generator)
            if any((later / checkpoint.NAME).exists() for later in places[k + 1 :]):
                checkpoint.resume(training, place / checkpoint.NAME)
                if not training.ended:
                    raise ValueError(
                        f"{place} has no more than {len(training.history)} epochs, and later blocks were taught upon them; take "
                        f"another folder for {recipe.epochs}"
                    )
            with closing(checkpoint.run(training, place, every_seconds=every_seconds, every_steps=every_steps)) as epochs:
                for epoch in epochs:
                    yield BlockEpoch(k, epoch)
    learner.eval()


def _alone(learner: MonoForward, block: int) -> MonoForward:
    """Give the learner of the blocks up to one, of which that one learns, by its own scores."""
    part = cut(learner, block + 1)
    part.learning, part.readout = frozenset({block}), last
    return part


def fit_blocks(
    learner: MonoForward, blocks: Iterable[int], data: Learnable, recipe: Recipe, *, generator: torch.Generator
) -> Iterator[Epoch]:
    """Train some blocks while the others rest; afterwards, or when it is left, the same blocks learn as before.

    The losses are those of these blocks; validation is by the learner's readout. `fit_blocks(learner, {1}, ...)` trains the
    second block again. Other arguments and errors as for `fit`.

    Raises:
        ValueError: no blocks, one that the net does not have, or a learner of another rule.
    """
    check_taught(learner)
    chosen, there = frozenset(blocks), range(len(learner.net.blocks))
    if not chosen or not chosen <= set(there):
        raise ValueError(f"expected some of the blocks {there.start} to {there.stop - 1}, got {sorted(chosen)}")
    return _while_learning(learner, chosen, fit(learner, data, recipe, generator=generator))


def fit_from(
    learner: MonoForward, block: int, data: Learnable, recipe: Recipe, *, generator: torch.Generator
) -> Iterator[Epoch]:
    """Train a block and all later ones while the earlier ones rest; arguments and errors as for `fit_blocks`."""
    check_taught(learner)
    return fit_blocks(learner, {block, *range(block, len(learner.net.blocks))}, data, recipe, generator=generator)


def _while_learning(learner: MonoForward, blocks: frozenset[int], epochs: Iterator[Epoch]) -> Iterator[Epoch]:
    before, learner.learning = learner.learning, blocks
    try:
        yield from epochs
    finally:
        learner.learning = before
