"""What a rule makes on its way forward, in bytes: activities of its blocks and inside them, and scores; no blame, no gradients.

A rule is on its way forward from the start, and again from each parcel that it has handed out, until it evaluates its loss or asks
autograd for derivatives; what it makes then is counted for as long as anything holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor

from onward.learners.base import AbstractLearner, Credit
from onward.meters.living import Living
from onward.meters.retained import Asked


class Activities(Living):
    """Follows what operations make while a rule is on its way forward.

    Attributes:
        most: bytes that were alive at once.
        follows: whether the rule is on its way forward.
    """

    def __init__(self, known: Iterable[Tensor]) -> None:
        """Follow all but some tensors that are there already."""
        super().__init__(known)
        self.most = 0

    def after(self) -> None:
        """Note how much there is."""
        self.most = max(self.most, self.bytes())

    def turn(self) -> None:
        """Say that the way back begins."""
        self.follows = False


@contextmanager
def activities(learner: AbstractLearner, known: Iterable[Tensor]) -> Iterator[Activities]:
    """Within a `with`, count the activities of a learner that hands out credit; it is put back as it was afterwards.

    Args:
        learner: a rule; of one that holds others, such as a batch in pieces, those that it holds are watched.
        known: tensors that are there already, such as the batch, parameters and buffers.
    """
    found = Activities(known)
    rules = [one for one in learner.modules() if isinstance(one, AbstractLearner) and not _holds(one)]
    before = [(rule, rule.loss) for rule in rules]
    try:
        for rule in rules:
            _watch(rule, found)
        with Asked(found.turn), found:
            yield found
    finally:
        for rule, loss in before:
            rule.loss = loss
            del rule.credit


def _holds(learner: AbstractLearner) -> bool:
    return any(isinstance(one, AbstractLearner) for one in learner.modules() if one is not learner)


def _watch(rule: AbstractLearner, found: Activities) -> None:
    loss, credit = rule.loss, rule.credit

    def evaluate(outputs: Tensor, target: Tensor, share: Tensor | None) -> tuple[Tensor, Tensor]:
        found.turn()
        return loss.evaluate(outputs, target, share)

    rule.loss = replace(loss, evaluate=evaluate)
    rule.credit = lambda *given, **named: _Parcels(credit(*given, **named), found)  # type: ignore[method-assign]


class _Parcels(Iterator[Credit]):
    """Hands parcels on, and holds none, as a loop would until the next is there."""

    def __init__(self, parcels: Iterator[Credit], found: Activities) -> None:
        self.parcels, self.found = parcels, found

    def __next__(self) -> Any:
        self.found.follows = True
        return next(self.parcels)
