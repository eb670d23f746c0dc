"""What the last rank knows of a run: the losses of all blocks come by it with the activities, so it can tell what an epoch came to.

It leaves each epoch as a note for the others, numbers written so that every bit is kept.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from onward.training.alike import check_keys
from onward.training.fit import Epoch

TENSORS = ("loss", "validation_loss", "validation_accuracy")
KEYS = {"losses", "history", "seen", "seconds"}


class Record:
    """The losses of the epoch under way, and the epochs before it.

    Attributes:
        losses: of every step of the epoch under way, a mean over the blocks.
        history: the epochs so far, as notes.
        seen: examples learned from since training began.
        judged: loss and accuracy on validation data after the epoch under way.
    """

    def __init__(self) -> None:
        """Begin a run."""
        self.losses: list[Tensor] = []
        self.history: list[str] = []
        self.seen = 0
        self.judged: tuple[Tensor | None, Tensor | None] = (None, None)
        self._began, self._before = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        """Since training began, those before an interruption included."""
        return self._before + time.perf_counter() - self._began

    def step(self, losses: Sequence[Tensor], examples: int) -> None:
        """Note a step."""
        self.losses.append(losses[0] if len(losses) == 1 else torch.stack(list(losses)).mean(0))
        self.seen += examples

    def epoch(self, examples: int) -> Epoch:
        """Give the epoch that has ended, of data of so many examples."""
        loss = torch.stack(self.losses).mean(0)
        return Epoch(len(self.history) + 1, loss, *self.judged, self.seconds, self.seen / examples)

    def end_epoch(self, epoch: Epoch) -> None:
        """Take an epoch into the history."""
        self.history.append(to_note(epoch))
        self.losses, self.judged = [], (None, None)

    def state(self) -> dict[str, Any]:
        """Give all of it, in plain types."""
        losses = torch.stack(self.losses) if self.losses else None
        return {"losses": losses, "history": list(self.history), "seen": self.seen, "seconds": self.seconds}

    def load(self, found: Any) -> None:
        """Take back what `state` gave.

        Raises:
            ValueError: it is none, as the end of a sentence about a file.
        """
        check_keys(found, KEYS, "record")
        try:
            for note in found["history"]:
                from_note(note)
            self.losses = [] if found["losses"] is None else list(found["losses"].clone().unbind())
            self.history, self.seen = list(found["history"]), int(found["seen"])
            self._before, self._began = float(found["seconds"]), time.perf_counter()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"its record of epochs cannot be read ({type(error).__name__})") from error


def to_note(epoch: Epoch) -> str:
    """Write an epoch down."""
    found: dict[str, Any] = {"number": epoch.number, "seconds": epoch.seconds.hex(), "passes": epoch.passes.hex()}
    for name in TENSORS:
        value = getattr(epoch, name)
        found[name] = None if value is None else [str(value.dtype).removeprefix("torch."), float(value).hex()]
    return json.dumps(found)


def from_note(note: str) -> Epoch:
    """Read what `to_note` wrote."""
    found = json.loads(note)
    values = {
        name: None
        if found[name] is None
        else torch.tensor(float.fromhex(found[name][1]), dtype=getattr(torch, found[name][0]))
        for name in TENSORS
    }
    return Epoch(
        number=found["number"],
        seconds=float.fromhex(found["seconds"]),
        passes=float.fromhex(found["passes"]),
        **values,  # pyright: ignore[reportArgumentType]
    )
