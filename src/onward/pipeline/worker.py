"""What a rank does with a frame: teach its blocks, hand on, judge, end an epoch, store itself.

All ranks do the same with the same frames in the same order, so whatever follows from a frame needs no further word between them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from onward.pipeline import cut
from onward.pipeline.drive import Drive
from onward.pipeline.frames import Frame, Kind
from onward.pipeline.judging import relayed
from onward.pipeline.ranks import Ranks
from onward.pipeline.record import Record, from_note, to_note
from onward.pipeline.stage import Stage
from onward.pipeline.wire import Receiver, Sender
from onward.training.data import Split
from onward.training.fit import Epoch, check_finite
from onward.training.judging import evaluate


class Worker:
    """One rank of a run.

    Attributes:
        ranks: all of them.
        stage: what this one teaches.
        epochs: ended so far.
        number: steps so far.
        drive: where frames come from; None but on rank 0.
        belonging: what the run belongs to, if rank 0 stores it.
        sender: to the next rank; None on the last.
        receiver: from the rank before; None on the first.
    """

    def __init__(self, ranks: Ranks, stage: Stage, *, prefix: str, examples: int, folder: Path | None, places: int) -> None:
        """Open the connections of a run.

        Args:
            ranks: all of them.
            stage: what this one teaches.
            prefix: of the notes of this run.
            examples: of the training data.
            folder: where it is stored.
            places: frames that may wait at each end of a connection.
        """
        self.ranks, self.stage, self.prefix, self.examples, self.folder = ranks, stage, prefix, examples, folder
        self.sender = None if ranks.last else Sender(ranks.watch, ranks.rank + 1, places)
        self.receiver = None if ranks.first else Receiver(ranks.watch, ranks.rank - 1, places)
        self.record = Record()
        self.drive: Drive | None = None
        self.belonging: dict[str, Any] | None = None
        self.epochs = self.number = 0
        self._stored = -1
        self._unpublished: tuple[int, dict[str, Any]] | None = None
        own = (one for stepper in stage.steppers.values() for one in stepper.parameters.values())
        self.device = next(own, torch.empty(0)).device

    @property
    def ended(self) -> bool:
        """Whether all epochs are done, or patience has run out."""
        return self.epochs >= self.stage.recipe.epochs or not self.stage.running

    def go_on(self, step: int, record: dict[str, Any], epochs: int) -> None:
        """Begin where a checkpoint was taken. `ValueError` as for `Record.load`."""
        self.record.load(record)
        self.epochs, self.number, self._stored = epochs, step, step

    def handle(self, frame: Frame) -> None:
        """Do what a frame says.

        Raises:
            TrainingFailed: the loss or the weights are no longer finite.
            RankLost: a rank has ended before its work.
            ValueError, WriteFailed: the run could not be stored.
        """
        self._publish()
        if frame.kind is Kind.STEP:
            self._step(frame)
        elif frame.kind is Kind.JUDGE:
            self._judge(frame)
        elif frame.kind is Kind.EPOCH:
            self._epoch(frame)
        else:
            self._end(frame)
        if self.sender is not None:
            self.ranks.sent += self.sender.counted()

    def epoch(self, number: int) -> Epoch:
        """Wait until the last rank has told of an epoch, and give it."""
        return from_note(self.ranks.read(f"{self.prefix}/epoch/{number}"))

    def _step(self, frame: Frame) -> None:
        x, y, importance, *told = self._here(frame.tensors)
        assert x is not None and y is not None  # noqa: S101, PT018
        learner, rule = self.stage.learner, self.stage.rule
        learner.train()
        with self.stage.recipe.autocast(x.device):
            if self.ranks.first:
                x, lesson = rule.enter(x, y, importance)
            else:
                lesson = rule.lesson(y, importance)
            x, own = self.stage.step(x, lesson)
        learner.eval()
        losses = [*(one for before in told if before is not None for one in before), *own]
        self.number = frame.number
        if self.sender is not None:
            so_far = torch.stack(losses) if losses else None
            self.sender.send(frame._replace(tensors=(x, y, importance, so_far)))
        else:
            self.record.step(losses, len(y))
        if frame.store:
            self._store()

    def _judge(self, frame: Frame) -> None:
        """Run the learner's scores on every rank; only the last has what they come to."""
        x, y, importance = self._here(frame.tensors)
        assert x is not None and y is not None  # noqa: S101, PT018
        if self.sender is not None:
            self.sender.send(frame._replace(tensors=(x[:0], y, importance)))
        if not self.ranks.first:
            x = x.new_zeros(1, *x.shape[1:]).expand(len(y), *x.shape[1:])
        sender, stage = self.sender, self.stage
        send = None if sender is None else lambda found: sender.send(Frame(Kind.PART, frame.number, tensors=(found,)))
        with relayed(stage.rule, stage.blocks, self._part, send), stage.recipe.autocast(x.device):
            judged = evaluate(stage.learner, Split(x, y, importance=importance))
        self.record.judged = judged

    def _part(self) -> Tensor:
        assert self.receiver is not None  # noqa: S101
        (found,) = self._here(self.receiver.receive().tensors)
        assert found is not None  # noqa: S101
        return found

    def _epoch(self, frame: Frame) -> None:
        number = self.epochs + 1
        finished, watched = None, torch.zeros(())
        losses = {"loss": watched}
        if self.ranks.last:
            finished = self.record.epoch(self.examples)
            watched = finished.loss if finished.validation_loss is None else finished.validation_loss
            losses = {"loss": finished.loss, "validation loss": watched}
        best = self.stage.best.get(-1)
        check_finite(number, losses, self.stage.parameters, None if best is None else best.running)
        if self.sender is not None:
            self.sender.send(frame)
        if finished is not None:
            self.record.end_epoch(finished)
            self.ranks.note(f"{self.prefix}/epoch/{number}", to_note(finished))
        elif self.stage.watches:
            told = self.epoch(number)
            watched = told.loss if told.validation_loss is None else told.validation_loss
        self.stage.end_epoch(watched)
        self.epochs = number
        if frame.store:
            self._store()

    def _end(self, frame: Frame) -> None:
        if frame.store:
            self._store()
        if self.sender is not None:
            self.sender.send(frame)
            self.sender.close()
        self._publish()
        if self.ended:
            self.stage.restore()

    def _store(self) -> None:
        """Store this rank's part of the checkpoint of the present step."""
        if self.folder is None or self._stored == self.number:
            return
        for block in self.stage.blocks:
            cut.write_part(self.folder, self.number, cut.block_name(block), self.stage.state(block))
        if self.drive is not None:
            order = {"drive": self.drive.state(), "shared": self.stage.state(-1), "belonging": self.belonging}
            cut.write_part(self.folder, self.number, cut.ORDER, order)
        if self.ranks.last:
            self._unpublished = (self.number, self.record.state())
        self._stored = self.number

    def _publish(self) -> None:
        """Say that a step is stored: every rank has, when the frame after it is here."""
        if self._unpublished is not None and self.folder is not None:
            step, record = self._unpublished
            cut.publish(self.folder, step, len(self.stage.rule.net.blocks), record)
            self._unpublished = None

    def _here(self, tensors: tuple[Tensor | None, ...]) -> list[Tensor | None]:
        return [None if one is None else one.to(self.device) for one in tensors]
