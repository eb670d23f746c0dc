"""`training.fit` over several processes: the same epochs and the same weights, bit for bit, with the blocks apart.

Activities and labels go from rank to rank, nothing comes back, and while a rank teaches its blocks a batch, the one before it has the next.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import torch

from onward.files import atomic, lock
from onward.learners.base import AbstractLearner
from onward.pipeline.agree import prepared
from onward.pipeline.drive import Drive, Intervals
from onward.pipeline.frames import Frame, Kind
from onward.pipeline.partition import Partition
from onward.pipeline.ranks import Ranks
from onward.pipeline.watch import RankLost
from onward.pipeline.worker import Worker
from onward.training.data import Learnable
from onward.training.fit import Epoch, Recipe


def fit(
    learner: AbstractLearner,
    data: Learnable | None,
    recipe: Recipe,
    *,
    ranks: Ranks,
    generator: torch.Generator | None = None,
    partition: Partition | None = None,
    folder: str | os.PathLike[str] | None = None,
    every_seconds: float = 30.0,
    every_steps: int | None = None,
    ahead: int = 0,
    places: int = 2,
) -> Iterator[Epoch]:
    """Train a learner whose blocks live on several ranks, yielding after every epoch on all of them.

    To be called by all ranks alike, with learners of the same weights. From then on a rank has only its own blocks (`gather` brings
    them together). The losses, and the weights of every block, are bitwise those of `training.fit` in one process with as many threads, if the
    optimiser treats every parameter for itself. An epoch is the same on all ranks, so all may leave the loop at the same one; left so, the
    run has ended after that epoch.

    Args:
        learner: a rule whose blocks learn without a later one, and its net.
        data: what it learns from; looked at by rank 0 alone, others may give None.
        recipe: how.
        ranks: of `joined`.
        generator: source of the orders; looked at by rank 0 alone.
        partition: which blocks each rank holds; left out, rank 0 measures the blocks and balances them.
        folder: where the run is stored in intervals, when it is left, and at the end; if there is a checkpoint in it, of any number of
            ranks, the run goes on from it, and epochs before it are not yielded again. It must be one folder for all ranks.
        every_seconds: time between two checkpoints, at the most, but for the step under way.
        every_steps: steps between two checkpoints, at the most; left out, only time counts.
        ahead: epochs that a rank may begin before an earlier one is yielded. With 0 every rank waits at the end of an epoch until the last
            one is there; with 1 none does, and who leaves the loop leaves the weights of an epoch later.
        places: batches that may wait at each end of a connection.

    Raises:
        ValueError: a rule that needs later blocks, more ranks than blocks, a partition that does not fit, learners that differ, a recipe or
            data that do not suit; a checkpoint of another run.
        TrainingFailed: the loss or the weights are no longer finite.
        RankLost: another rank has ended before its work.
        FolderBusy, FileDamaged, WriteFailed: as for `training.checkpoint.run`.
    """
    for name, value, least in (("ahead", ahead, 0), ("places", places, 1)):
        if type(value) is not int or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    intervals = Intervals(every_seconds, every_steps)  # refuses what does not suit, stored or not
    stack = ExitStack()
    with _telling(ranks), stack:
        where = None if folder is None else Path(folder)
        if where is not None and ranks.first:
            try:
                where.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ValueError(f"{where} cannot be made a folder: {error.strerror}") from error
            stack.enter_context(lock.exclusive(where))
            atomic.sweep(where)
        worker = prepared(
            learner, data, recipe, ranks, generator, partition, where, None if where is None else intervals, places
        )
        if ahead and worker.stage.watches:
            raise ValueError(
                f"patience, and a schedule that waits for a plateau, need every epoch at its end, but ahead is {ahead}"
            )
        return _epochs(worker, ahead, stack.pop_all())


def _epochs(worker: Worker, ahead: int, held: ExitStack) -> Generator[Epoch, None, None]:
    with _telling(worker.ranks), held:
        frames = worker.drive.frames(lambda: worker.stage.running) if worker.drive is not None else _coming(worker)
        yielded = worker.epochs
        for frame in frames:
            worker.handle(frame)
            if frame.kind is Kind.EPOCH:
                while worker.epochs - yielded > ahead:
                    yielded += 1
                    told = worker.epoch(yielded)
                    try:
                        yield told
                    except GeneratorExit:
                        # A generator that is left cannot raise; `joined` says it when the script ends.
                        with suppress(RankLost):
                            _leave(worker, worker.drive)
                        raise
        while yielded < worker.epochs:
            yielded += 1
            yield worker.epoch(yielded)


def _coming(worker: Worker) -> Iterator[Frame]:
    """Give the frames that come from the rank before."""
    receiver = worker.receiver
    assert receiver is not None  # noqa: S101
    frame = receiver.receive()
    while frame.kind is not Kind.END:
        yield frame
        frame = receiver.receive()
    yield frame


def _leave(worker: Worker, drive: Drive | None) -> None:
    """End a run that was left after an epoch; all ranks are between the same two steps."""
    if drive is not None:
        worker.handle(drive.end())
        return
    assert worker.receiver is not None  # noqa: S101
    frame = worker.receiver.receive()
    if frame.kind is not Kind.END:
        here = f"rank {worker.ranks.rank} left the loop after epoch {worker.epochs}"
        worker.ranks.watch.announce(
            f"{here}, but rank 0 goes on; if no error of its own was the cause, let all leave together"
        )
        return
    worker.handle(frame)


@contextmanager
def _telling(ranks: Ranks) -> Iterator[None]:
    """Tell the other ranks if this one fails, so that they do not wait for it."""
    try:
        yield
    except RankLost:
        raise
    except Exception as error:
        ranks.watch.announce(f"rank {ranks.rank} has stopped: {error}")
        raise
