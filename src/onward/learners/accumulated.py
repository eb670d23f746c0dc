"""Any rule, given its batch in pieces whose gradients are summed: what one piece needs is all that is ever held.

Axes: b batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor

from onward.learners.base import AbstractLearner, Credit


class Accumulated(AbstractLearner):
    """A learner that sees the pieces of a batch one after another, and hands out the credit of all of it: after the last.

    Losses are means over a batch, so every piece counts by its part of it. The parcels are those of the whole batch, but where a rule
    looks across examples (batch normalisation, similarities, wrong labels drawn for a batch): there it sees the pieces.

    Attributes:
        learner: the rule.
        pieces: how many, of sizes that differ by one at the most; as many as examples if there are fewer of these.
    """

    def __init__(self, learner: AbstractLearner, pieces: int) -> None:
        """Give a rule its batches in pieces. `ValueError`: no whole number of at least 1."""
        super().__init__()
        if not isinstance(pieces, int) or pieces < 1:
            raise ValueError(f"a batch is cut into a whole number of pieces, at least 1, got {pieces!r}")
        self.learner = learner
        self.loss = learner.loss
        self.pieces = pieces

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield the summed parcels of a batch, in the order of the rule's own."""
        losses: dict[tuple[str, ...], Tensor] = {}
        sums: dict[tuple[str, ...], dict[str, Tensor]] = {}
        pieces = max(1, min(self.pieces, len(x)))
        bounds = [k * len(x) // pieces for k in range(pieces + 1)]
        for first, end in pairwise(bounds):
            share = None if importance is None else importance[first:end]
            for loss, gradients in self.learner.credit(x[first:end], y[first:end], importance=share):
                _add(losses, sums, loss, gradients, (end - first) / len(x))
        for key, gradients in sums.items():
            yield Credit(losses[key], {f"learner.{name}": gradient for name, gradient in gradients.items()})

    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give the scores of the rule."""
        return self.learner.scores(x)


def _add(
    losses: dict[tuple[str, ...], Tensor],
    sums: dict[tuple[str, ...], dict[str, Tensor]],
    loss: Tensor,
    gradients: dict[str, Tensor],
    part: float,
) -> None:
    """Add a parcel of a piece to the sums; those of the first piece become the sums."""
    key = tuple(gradients)
    if key not in sums:
        sums[key] = {name: part * gradients.pop(name) for name in key}
        losses[key] = part * loss
        return
    losses[key] = losses[key] + part * loss
    for name in key:
        sums[key][name].add_(gradients.pop(name), alpha=part)
