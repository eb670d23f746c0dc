"""Training with the blocks on disk: the loop of `fit`, a commit after every step, and memory that does not grow with depth.

What a step leaves is on the disk as a whole before the next block is written over anything that counts, so a run that is
killed at any moment goes on from its last committed step and ends bitwise as the run in memory.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from onward.files import lock
from onward.offload import record
from onward.offload.folder import Source, made, stored, streamed
from onward.offload.learner import Offloaded
from onward.offload.optimiser_state import Watched
from onward.training.belonging import belonging, difference
from onward.training.data import Learnable
from onward.training.fit import Epoch, Recipe, Training, steps_an_epoch
from onward.training.interrupts import held_back
from onward.training.second_order import LevenbergMarquardt
from onward.training.steps import GradientSteps
from onward.training.stored import from_store, to_store


class Run:
    """A training run whose blocks are on disk; `training` is its state, `learner` what the blocks come through.

    Attributes:
        folder: where they are.
        learner: the rule, hollow.
        training: the loop, which stands at the last committed step when it is made.
        every_steps: steps between two commits, at the most.
        digest_every: steps between two digests of all blocks, at the most.
    """

    def __init__(self, folder: Path, learner: Offloaded, training: Training, every_steps: int, digest_every: int) -> None:
        """Stand between two steps."""
        self.folder, self.learner, self.training = folder, learner, training
        self.every_steps, self.digest_every = every_steps, digest_every
        self._since = 0

    def steps(self) -> Iterator[Epoch | None]:
        """Go on to the end, yielding after every step: the `Epoch` after its last, None after the others.

        Every `every_steps` steps, and at the end of an epoch, what is yielded is committed.

        Raises:
            ValueError, FileDamaged, WriteFailed, TrainingFailed: as for `train`.
        """
        steps = self.training.steps()
        while True:
            self.learner.stream.digesting = digesting = self._to_digest()
            try:
                epoch = next(steps)
            except StopIteration:
                return
            self._since += 1
            if digesting or epoch is not None or self._since >= self.every_steps:
                self.commit()
            yield epoch

    def epochs(self) -> Generator[Epoch, None, None]:
        """Go on to the end, yielding after every epoch; left between two steps, by closing it or Ctrl-C, it commits."""
        steps = self.steps()
        try:
            while (epoch := _next(steps)) is not None:
                yield epoch
        except (KeyboardInterrupt, GeneratorExit):
            if self.training.whole and self._since:
                self.commit()
            raise

    def commit(self) -> None:
        """Make the step that the run stands at what the folder holds.

        Raises:
            ValueError: a step was cut short.
            WriteFailed: the disk is full or broken; the step that was committed before is what the folder holds.
        """
        self.learner.commit({"belonging": belonging(self.training), "state": to_store(self.training)})
        self._since = 0

    def _to_digest(self) -> bool:
        """Whether the next step is the last of an epoch, or as many came since the last digests as may."""
        a_pass = steps_an_epoch(self.training.data.train, self.training.recipe)
        number = self.training.position + 1
        return number == a_pass or (len(self.training.history) * a_pass + number) % self.digest_every == 0


@contextmanager
def running(
    folder: str | os.PathLike[str],
    source: Source,
    data: Learnable,
    recipe: Recipe,
    *,
    generator: torch.Generator,
    every_steps: int = 1,
    digest_every: int = 50,
    ahead: int = 1,
    behind: int = 1,
) -> Iterator[Run]:
    """Have a run within a `with`, at its last committed step; arguments and errors as for `train`."""
    for name, value in (("every_steps", every_steps), ("digest_every", digest_every)):
        if type(value) is not int or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if recipe.patience is not None:
        raise ValueError("patience keeps the best weights of all blocks in memory; leave it out for blocks on disk")
    if isinstance(recipe.optimiser, LevenbergMarquardt):
        raise ValueError("Levenberg-Marquardt steps all weights together; blocks on disk need an optimiser of torch.optim")
    path = made(folder)
    with lock.exclusive(path):
        found = record.read(path) if (path / record.NAME).exists() else None
        watched = Watched(recipe.optimiser)
        frame, store = stored(path, source, found, watched)
        store.reserve()
        with streamed(frame, store, ahead=ahead, behind=behind) as learner:
            training = Training(learner, data, recipe, generator=generator)
            assert isinstance(training.stepper, GradientSteps)  # noqa: S101
            learner.use(training.stepper.optimiser, watched)
            if store.committed.training is not None:
                _resume(training, path, store.committed.training)
            yield Run(path, learner, training, every_steps, digest_every)


def train(
    folder: str | os.PathLike[str],
    source: Source,
    data: Learnable,
    recipe: Recipe,
    *,
    generator: torch.Generator,
    every_steps: int = 1,
    digest_every: int = 50,
    ahead: int = 1,
    behind: int = 1,
) -> Generator[Epoch, None, None]:
    """Train as `fit` does, with the blocks in a folder; from its last committed step, if there is one.

    The weights, losses and scores are bitwise those of `fit` of the same learner in memory. Epochs that were finished before
    are not yielded again. Memory holds `ahead + 1 + behind` blocks with their optimiser's state; the disk twice all of them.

    Args:
        folder: where the blocks are; made of the source if it is not there, and held while the run lasts.
        source: a blueprint, or a learner in memory whose weights are the first ones; the same each time.
        data: what it learns from.
        recipe: how; any optimiser of `torch.optim` that keeps what it keeps parameter by parameter.
        generator: source of the orders.
        every_steps: steps between two commits, at the most; the end of an epoch is always committed.
        digest_every: steps between two digests of all blocks, at the most, and at the end of an epoch. Digests are compared
            when a block is first read again, so also by whoever goes on.
        ahead: blocks that are read ahead.
        behind: blocks that are written behind.

    Raises:
        ValueError: labels out of range, or a rule, optimiser, recipe or folder that does not suit.
        FolderBusy: another process holds the folder.
        FileDamaged: a file of the folder is not as it was written.
        WriteFailed: the disk is full or broken; the last committed step is what the folder holds.
        TrainingFailed: the loss or the weights are no longer finite; the folder holds a step before.
    """
    with running(
        folder,
        source,
        data,
        recipe,
        generator=generator,
        every_steps=every_steps,
        digest_every=digest_every,
        ahead=ahead,
        behind=behind,
    ) as run:
        yield from run.epochs()


def _resume(training: Training, folder: Path, found: object) -> None:
    """Bring a fresh run to where a folder stands; `ValueError` if it is another's."""
    try:
        if type(found) is not dict or found.keys() != {"belonging", "state"}:
            raise ValueError("it holds no state")
        differs = difference(found["belonging"], belonging(training))
        if differs is not None:
            raise ValueError(f"it {differs}")
        state = from_store(training, found["state"])
    except ValueError as error:
        raise ValueError(f"{folder} cannot be gone on with: {error}") from error
    training.load(state)


def _next(steps: Iterator[Epoch | None]) -> Epoch | None:
    """Go on to the end of an epoch, or to the end of a step if Ctrl-C is pressed meanwhile; None when there is no more."""
    with held_back() as interrupt:
        for epoch in steps:
            if epoch is not None or interrupt.came:
                return epoch
    return None
