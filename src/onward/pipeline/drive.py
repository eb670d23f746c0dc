"""Where frames come from: rank 0 has the data, and says what all ranks do, and in which order, as `training.fit` would."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch

from onward.pipeline.frames import Frame, Kind
from onward.training.alike import check_keys, shown
from onward.training.data import Learnable
from onward.training.fit import Recipe, batches, steps_an_epoch


@dataclass(frozen=True)
class Intervals:
    """When a run is stored: a checkpoint is due after so many seconds, or steps, whichever comes first.

    Raises:
        ValueError: seconds below 0, or less than one step.
    """

    seconds: float = 30.0
    steps: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.seconds, int | float) or not self.seconds >= 0:
            raise ValueError(f"every_seconds must be a number of at least 0, got {self.seconds!r}")
        if self.steps is not None and (type(self.steps) is not int or self.steps < 1):
            raise ValueError(f"every_steps must be a whole number of at least 1, or None, got {self.steps!r}")


@dataclass
class Drive:
    """Makes the frames of a run.

    Attributes:
        data: what is learned from.
        recipe: how.
        generator: source of the orders and of what changes batches at random.
        intervals: when all is stored; None for never.
        epochs: done so far.
        position: steps of the epoch under way.
        number: steps since training began.
    """

    data: Learnable
    recipe: Recipe
    generator: torch.Generator
    intervals: Intervals | None
    epochs: int = 0
    position: int = 0
    number: int = 0
    _order_from: torch.Tensor = field(init=False, repr=False)
    _stored: tuple[float, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._order_from = self.generator.get_state()
        self._stored = (time.monotonic(), self.number)

    def frames(self, running: Callable[[], bool]) -> Iterator[Frame]:
        """Give one frame after another, each when that before has been dealt with, while patience has not run out."""
        while self.epochs < self.recipe.epochs and running():
            yield from self._epoch()
        yield self.end()

    def end(self) -> Frame:
        """Give the last frame."""
        return Frame(Kind.END, self.number, self.intervals is not None)

    def state(self) -> dict[str, Any]:
        """Give where the run stands, in plain types."""
        generator = self.generator.get_state()
        return {
            "generator": generator,
            "order_from": self._order_from,
            "position": self.position,
            "epochs": self.epochs,
            "number": self.number,
        }

    def load(self, found: Any) -> None:
        """Take back what `state` gave.

        Raises:
            ValueError: it is none of this run, as the end of a sentence about a file.
        """
        check_keys(found, self.state(), "state")
        steps = steps_an_epoch(self.data.train, self.recipe)
        for name, end in (("position", steps), ("epochs", self.recipe.epochs + 1), ("number", 2**62)):
            if type(found[name]) is not int or not 0 <= found[name] < end:
                raise ValueError(f"its {name} must be a whole number from 0 to {end - 1}, got {shown(found[name])}")
        try:
            for name in ("order_from", "generator"):
                torch.Generator(self.generator.device).set_state(found[name])
        except (RuntimeError, TypeError):
            raise ValueError("its generator must be the state of one") from None
        self.generator.set_state(found["generator"])
        self._order_from, self.position = found["order_from"], found["position"]
        self.epochs, self.number = found["epochs"], found["number"]
        self._stored = (time.monotonic(), self.number)

    def _epoch(self) -> Iterator[Frame]:
        present = self.generator.get_state()
        if self.position:  # begun before: draw the same order again
            self.generator.set_state(self._order_from)
        else:
            self._order_from = present
        remaining = list(batches(self.data.train, self.recipe, [self.generator]))
        if self.position:
            self.generator.set_state(present)
        while self.position < len(remaining):
            x, y, importance = remaining[self.position]
            if self.data.augment is not None:
                x = self.data.augment(x, self.generator)
            self.position += 1
            self.number += 1
            between = self.position < len(remaining)
            yield Frame(Kind.STEP, self.number, between and self._due(), (x, y, importance))
        validation = self.data.validation
        if validation is not None:
            yield Frame(Kind.JUDGE, self.number, False, (validation.x, validation.y, validation.importance))
        self.epochs, self.position = self.epochs + 1, 0
        yield Frame(Kind.EPOCH, self.number, self._due())

    def _due(self) -> bool:
        """Whether all is to be stored after this frame."""
        when, step = self._stored
        if self.intervals is None:
            return False
        if self.number - step != self.intervals.steps and time.monotonic() - when < self.intervals.seconds:
            return False
        self._stored = (time.monotonic(), self.number)
        return True
