"""Rules whose blocks learn one after another while a batch passes, none of them from a later one.

What such a rule does with one block is all that its blocks have to do with each other, so they can live apart: in several
processes, or on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn

from onward.learners.base import Credit
from onward.nets.layered import LayeredNet


class Lesson(NamedTuple):
    """What blocks are taught by that learn from targets alone: these, and how much each example counts."""

    y: Tensor
    importance: Float[Tensor, "b"] | None


@runtime_checkable
class LocalRule(Protocol):
    """What a learner offers whose blocks learn one by one.

    Attributes:
        net: what learns.
    """

    net: LayeredNet

    def enter(self, x: Tensor, y: Tensor, importance: Tensor | None = None) -> tuple[Tensor, Any]:
        """Give what goes into the first block, and what all blocks are taught by: the `lesson` of the same targets.

        Raises:
            ValueError: a batch that does not fit the net.
        """
        ...

    def lesson(self, y: Tensor, importance: Tensor | None = None) -> Any:
        """Give what blocks are taught by, to those that do not see the input. In training mode a rule may count the batch."""
        ...

    def teach(self, block: int, x: Tensor, lesson: Any) -> tuple[Tensor, Credit | None]:
        """Run a block, counted from 0, on what the one before passed on.

        Returns:
            What it passes on, computed before it is updated, and its credit; None if nothing in it learns.
        """
        ...

    def parts(self, block: int) -> dict[str, nn.Module]:
        """Give the modules that a block alone needs to be taught, by the prefix of their names in the learner."""
        ...


def taught(rule: LocalRule, x: Tensor, y: Tensor, importance: Float[Tensor, "b"] | None) -> Iterator[Credit]:
    """Yield the credit of a batch block by block."""
    passing, lesson = rule.enter(x, y, importance)
    for block in range(len(rule.net.blocks)):
        passing, credit = rule.teach(block, passing, lesson)
        if credit is not None:
            yield credit
