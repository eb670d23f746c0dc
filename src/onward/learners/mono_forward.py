"""Mono-Forward (Gong, Li and Abdulla, 2025): every block learns to make its own class scores right.

A projection on every block maps its activity to scores, its goodness (equation 5); their cross-entropy (6) teaches the block
and the projection (7, 8) while the batch passes, and nothing comes back from later blocks. Credit is ready block by block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.kernels import local, losses
from onward.kernels.losses import Loss
from onward.learners.base import AbstractLearner, Credit
from onward.learners.compiling import compiled
from onward.learners.local import Lesson
from onward.nets import projected, projections, readouts
from onward.nets.layered import LayeredNet, check_apart, check_count
from onward.nets.modes import evaluating, rests, run
from onward.nets.projections import Projection
from onward.nets.readouts import Readout, last
from onward.nets.staged import staged, tied


class MonoForward(AbstractLearner):
    """Blocks that each learn from their own scores: one parcel a block, during the forward pass.

    The last block's projection is the net's head, so the net itself, without this learner, predicts as `last` does.

    Attributes:
        net: what learns.
        projections: of all blocks but the last.
        learning: the blocks that learn, counted from 0; the others are run only, in evaluation mode, so that neither their
            weights nor their statistics change. All of them at first; none, or one that the net does not have, is refused.
        readout: how scores are read from the goodness of the blocks, `last` or `total`.
    """

    def __init__(
        self,
        net: LayeredNet,
        loss: Loss | str = losses.cross_entropy,
        *,
        projection: Projection = projections.linear,
        readout: Readout = last,
    ) -> None:
        """Put a projection on every block.

        Args:
            net: blocks and a head.
            loss: of every block.
            projection: what is put on all blocks but the last, drawn from the generator of each block.
            readout: `last` or `total` of `onward.nets.readouts`.

        Raises:
            ValueError: a net without a head, an unknown loss, or what is no readout.
        """
        super().__init__()
        check_apart(net)
        self.net = net
        self.loss = losses.find(loss)
        self.readout = readouts.checked(readout, self.loss, net)
        self.projections = projected.early_projections(net, projection)
        self.learning = frozenset(range(len(net.blocks)))
        self._closed_form = local.closed_form

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse blocks to learn that there are not: `ValueError`."""
        checked: Any = _blocks_of(self.net, value) if name == "learning" else value
        super().__setattr__(name, checked)

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield a parcel a block. What a block passes on is its activity before it is updated.

        A block whose weights all have `requires_grad` off runs in evaluation mode, while its projection learns.
        """
        passing, lesson = self.enter(x, y, importance)
        for block in range(max(self.learning) + 1):
            passing, credit = self.teach(block, passing, lesson)
            if credit is not None:
                yield credit

    def enter(self, x: Float[Tensor, "b ..."], y: Tensor, importance: Tensor | None = None) -> tuple[Tensor, Lesson]:
        """Give the batch as it is, and its targets."""
        self.net.check(x)
        return x, Lesson(y, importance)

    def lesson(self, y: Tensor, importance: Float[Tensor, "b"] | None = None) -> Lesson:
        """Give the targets, which are all that blocks are taught by."""
        return Lesson(y, importance)

    def teach(self, block: int, x: Float[Tensor, "b ..."], lesson: Lesson) -> tuple[Tensor, Credit | None]:
        """Give the activity of a block, before it is updated, and the credit of it and its projection."""
        module, projection = self.net.blocks[block], self.projection_of(block)
        if block not in self.learning:
            with torch.no_grad(), evaluating(module):
                return module(x), None
        named = projected.learning_parameters(self.net, self.projections, block)
        first, second = staged(module), staged(projection)
        with evaluating(module) if rests(module) else nullcontext():
            if first is None or second is None or tied([*first, *second]):
                found = local.by_autograd(
                    partial(run, module), projection, list(named.values()), x, lesson.y, self.loss, lesson.importance
                )
            else:
                found = self._closed_form(first, second, x, lesson.y, self.loss, lesson.importance)
        activity, value, gradients = found
        return activity, Credit(value, dict(zip(named, gradients, strict=True)))

    def compile(self, **options: Any) -> None:
        """Let `torch.compile` fuse what each block computes while it learns, from the next batch on; weights stay the same tensors.

        It holds for blocks with a closed form, and every shape of block and batch is compiled once, which takes seconds; predicting
        and blocks that learn by autograd stay as they are. Results equal those before but for rounding.

        Args:
            options: of `torch.compile`, as `backend` or `mode`.
        """
        self._closed_form = compiled(local.closed_form, **options)

    def parts(self, block: int) -> dict[str, nn.Module]:
        """Give a block and its projection, by the prefix of their names."""
        return projected.parts(self.net, self.projections, block)

    def projection_of(self, block: int) -> nn.Module:
        """Give the projection of a block, counted from 0; that of the last is the head of the net."""
        return projected.projection_of(self.net, self.projections, block)

    def truncate(self, blocks: int) -> LayeredNet:
        """Give a plain net of the first blocks, with the projection of the last of them as its head; the modules are shared.

        Raises:
            ValueError: not between 1 and the number of blocks.
        """
        return self.net.truncate(blocks, self.projection_of(check_count(self.net, blocks) - 1))

    def goodness(self, x: Float[Tensor, "b ..."]) -> list[Float[Tensor, "b o"]]:
        """Give the class scores of every block."""
        return projected.goodness(self.net, self.projections, x)

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give scores by the readout; earlier projections are not computed where they are not read."""
        return projected.read(self.net, self.projections, self.readout, x)


def _blocks_of(net: LayeredNet, blocks: Any) -> frozenset[int]:
    there = range(len(net.blocks))
    if not isinstance(blocks, Iterable) or not (chosen := frozenset(blocks)) or not chosen <= set(there):
        raise ValueError(f"the blocks that learn must be some of 0 to {there.stop - 1}, as {{0}}, got {blocks!r}")
    return chosen
