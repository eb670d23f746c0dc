"""Memory within one step, operation by operation: how high it rises, how low it falls.

All that is alive counts: what stands between steps (parameters, buffers, the optimiser's state), the batch, and what the step
makes. The same numbers come from tensors without memory (`weightless`), so a step need not fit the machine, nor be run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from onward.meters.held import bytes_of
from onward.meters.living import Living


@dataclass(frozen=True)
class Course:
    """Bytes alive after each operation of a step.

    Attributes:
        standing: alive before and after: parameters, buffers, the optimiser's state, the batch.
        bytes: after each operation, in order, with what stands.
        marks: operations done when each update was.
    """

    standing: int
    bytes: tuple[int, ...]
    marks: tuple[int, ...] = ()

    @property
    def peak(self) -> int:
        """The most bytes alive at once."""
        return max(self.bytes)

    @property
    def valley(self) -> int:
        """The fewest bytes alive between the first update and the last; of a step with one update, when it is done.

        So it is what memory falls back to while a rule works, not what it begins with.
        """
        first, last = (self.marks[0], self.marks[-1]) if self.marks else (0, len(self.bytes))
        return min(self.bytes[max(0, first - 1) : last])

    @property
    def ratio(self) -> float:
        """Peak over valley: 1 is memory that does not move."""
        return self.peak / self.valley


def course(step: Callable[[Callable[[], None]], object], standing: Iterable[Tensor]) -> Course:
    """Run a step and give its course.

    Args:
        step: does a step; it is handed what it may call after each update, to mark it.
        standing: what is alive before and after.
    """
    there = list(standing)
    base = bytes_of(there)
    found: list[int] = []
    marks: list[int] = []
    with torch.no_grad(), _Course(there, base, found):
        step(lambda: marks.append(len(found)))
    return Course(base, tuple(found), tuple(marks))


class _Course(Living):
    """Writes down the bytes alive after every operation."""

    def __init__(self, known: list[Tensor], base: int, found: list[int]) -> None:
        super().__init__(known)
        self.base, self.found = base, found

    def after(self) -> None:
        self.found.append(self.base + self.bytes())
