"""Blocks in parallel inside one process: a thread for each part of the net, batches following each other through them.

While a thread teaches its blocks a batch, the one before it has the next. PyTorch works outside Python's lock, so the parts run
at the same time, each on one core; for products of middling size that is more than several cores on one product give.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from queue import Queue
from threading import Thread
from typing import Any, NamedTuple

import torch
from torch import Tensor

from onward.learners.base import AbstractLearner
from onward.pipeline import holding
from onward.pipeline.agree import check_recipe
from onward.pipeline.drive import Drive
from onward.pipeline.frames import Frame, Kind
from onward.pipeline.measuring import measured
from onward.pipeline.partition import Partition, balanced, check_partition
from onward.pipeline.record import Record
from onward.pipeline.stage import Stage
from onward.training.data import Learnable
from onward.training.fit import Epoch, Recipe, Training, check_finite
from onward.training.judging import evaluate

PLACES = 2  # batches that may wait before a thread


class Passing(NamedTuple):
    """A batch on its way: what the next block reads, what all are taught by, the losses so far, and how many examples."""

    x: Tensor
    lesson: Any
    losses: list[Tensor]
    examples: int


def fit_in_threads(
    learner: AbstractLearner,
    data: Learnable,
    recipe: Recipe,
    *,
    generator: torch.Generator,
    threads: int = 2,
    partition: Partition | None = None,
) -> Iterator[Epoch]:
    """Train a learner with its blocks in parallel, yielding after every epoch, when all blocks have learned from all of it.

    The losses and the weights are bitwise those of `training.fit` with one thread, if the optimiser treats every parameter for
    itself. While it trains, PyTorch's own number of threads is 1; between epochs and afterwards it is what it was.

    Args:
        learner: a rule whose blocks learn without a later one, and its net.
        data: what it learns from.
        recipe: how.
        generator: source of the orders.
        threads: parts of the net that run at the same time; no more than there are blocks, or cores to run them.
        partition: which blocks each thread has; left out, the blocks are timed on the first batch and balanced.

    Raises:
        ValueError: a rule that needs later blocks, more threads than blocks, a partition that does not fit, a recipe or data that do
            not suit.
        TrainingFailed: the loss or the weights are no longer finite.
    """
    rule = holding.local(learner)
    blocks = len(rule.net.blocks)
    check_recipe(recipe)
    check_partition(partition)
    Training(learner, data, recipe, generator=generator)  # refuses what does not suit
    if partition is None:
        if type(threads) is not int or not 1 <= threads <= blocks:
            raise ValueError(
                f"every thread runs at least one block, so this net takes 1 to {blocks} threads, got {threads!r}"
            )
        first = slice(0, min(len(data.train), recipe.batch or len(data.train)))
        sample = data.train.x[first], data.train.y[first]
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            partition = balanced(measured(learner, recipe, *sample), threads)
        finally:
            torch.set_num_threads(before)
    partition.check(blocks, partition.ranks)
    stages = [Stage(learner, partition.blocks(part), recipe) for part in range(partition.ranks)]
    return _epochs(stages, Drive(data, recipe, generator, None))


def _epochs(stages: Sequence[Stage], drive: Drive) -> Iterator[Epoch]:
    record, line = Record(), None
    try:
        for frame in drive.frames(lambda: stages[0].running):
            if frame.kind is Kind.STEP:
                line = line or _Line(stages, record)
                line.send(frame)
            elif frame.kind is Kind.EPOCH and line is not None:
                line.close()
                line = None
                yield _ended(stages, drive, record)
    finally:
        if line is not None:
            line.close()
    for stage in stages:
        stage.restore()


def _ended(stages: Sequence[Stage], drive: Drive, record: Record) -> Epoch:
    """Judge an epoch, all of whose batches have passed, and step the schedules."""
    learner, recipe, validation = stages[0].learner, stages[0].recipe, drive.data.validation
    if validation is not None:
        with recipe.autocast(validation.x.device):
            record.judged = evaluate(learner, validation)
    epoch = record.epoch(len(drive.data.train))
    watched = epoch.loss if epoch.validation_loss is None else epoch.validation_loss
    parameters = {name: one for stage in stages for name, one in stage.parameters.items()}
    best = stages[0].best.get(-1)
    running = None if best is None else best.running
    check_finite(epoch.number, {"loss": epoch.loss, "validation loss": watched}, parameters, running)
    for stage in stages:
        stage.end_epoch(watched)
    record.end_epoch(epoch)
    return epoch


class _Line:
    """Threads for all parts of a net but the first, which whoever sends a batch runs."""

    def __init__(self, stages: Sequence[Stage], record: Record) -> None:
        self.stages, self.record = stages, record
        self.error: BaseException | None = None
        self.before = torch.get_num_threads()
        torch.set_num_threads(1)
        stages[0].learner.train()
        self.queues: list[Queue[Passing | None]] = [Queue(PLACES) for _ in stages[1:]]
        self.threads = [Thread(target=self._run, args=(part,), daemon=True) for part in range(1, len(stages))]
        for thread in self.threads:
            thread.start()

    def send(self, frame: Frame) -> None:
        """Teach the first part a batch and hand it on; an error of any part is raised here or when the line is closed."""
        x, y, importance = frame.tensors
        assert x is not None and y is not None  # noqa: S101, PT018
        if self.error is None:
            stage = self.stages[0]
            with stage.recipe.autocast(x.device):
                passing, lesson = stage.rule.enter(x, y, importance)
                self._pass(0, Passing(passing, lesson, [], len(y)))

    def close(self) -> None:
        """Wait until all batches have passed; raise what went wrong."""
        if self.queues:
            self.queues[0].put(None)
        for thread in self.threads:
            thread.join()
        self.stages[0].learner.eval()
        torch.set_num_threads(self.before)
        if self.error is not None:
            raise self.error

    def _pass(self, part: int, batch: Passing) -> None:
        x, losses = self.stages[part].step(batch.x, batch.lesson)
        done = batch._replace(x=x, losses=[*batch.losses, *losses])
        if part + 1 < len(self.stages):
            self.queues[part].put(done)
        else:
            self.record.step(done.losses, done.examples)

    def _run(self, part: int) -> None:
        torch.set_num_threads(1)
        queue, recipe = self.queues[part - 1], self.stages[part].recipe
        while (batch := queue.get()) is not None:
            if self.error is not None:
                continue
            try:
                with recipe.autocast(batch.x.device):
                    self._pass(part, batch)
            except BaseException as error:
                self.error = error
        if part < len(self.queues):
            self.queues[part].put(None)
