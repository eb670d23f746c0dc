"""SymBa (Lee and Song, 2023, arXiv 2303.08418): no threshold; the right label's goodness has to lead that of a wrong one.

Goodness is the mean square of a block's activity, and its loss `log(1 + exp(-a (g+ - g-)))` pulls as much at one pass as at
the other. The label is a fixed random pattern a class, appended to the input (the intrinsic class pattern). Credit is ready block by block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.kernels import goodness as kernels
from onward.kernels import labels, losses
from onward.kernels.losses import single
from onward.learners import by_goodness
from onward.learners.base import AbstractLearner, Credit
from onward.learners.local import taught
from onward.nets.labelled import Labelled, patterns
from onward.nets.layered import LayeredNet, check_layered, generator_of, seed_from


class Pairs(NamedTuple):
    """What all blocks are taught a batch by: its number, from which the wrong labels follow, and what each example counts."""

    batch: int
    share: Float[Tensor, "b"]


class SymBa(AbstractLearner):
    """Blocks that each make the right label lead: one parcel a block, during the forward pass.

    The net takes vectors of features and pattern together, the learner features alone: of any shape, they are flattened.
    For pictures of 28 x 28 and a pattern of 100, that is `mlp(884, ...)`. `scores` are means of squares, summed over blocks; they order
    the classes, but are no calibrated log-odds; choose by accuracy.

    Attributes:
        net: what learns; the head of the net that was given is no part of it.
        labelled: the pattern of every class; its buffers count the batches.
        steepness: `a`.
        read: the blocks whose goodness predicts.
    """

    def __init__(
        self,
        net: LayeredNet,
        classes: int | None = None,
        *,
        pattern: int = 100,
        steepness: float = 4.0,
        read: Sequence[int] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Teach the blocks of a net.

        Args:
            net: blocks; the first takes a vector, the features with the pattern of a class after them.
            classes: how many; left out, the outputs of the net's head.
            pattern: numbers in the pattern of a class, standard normal.
            steepness: how steep the loss is, `a`.
            read: blocks whose goodness predicts, counted from 0; left out, all but the first (of one block, that one).
            generator: source of the patterns and of the seed of the wrong labels.

        Raises:
            ValueError: a net that leaves no room for features, a number out of range, or no way to know the number of classes.
        """
        super().__init__()
        if not steepness > 0:
            raise ValueError(f"the steepness must be above 0, got {steepness}")
        check_layered(net)
        if len(net.shapes[0]) != 1 or not 1 <= pattern < net.shapes[0][0]:
            raise ValueError(
                f"SymBa appends a pattern of {pattern} to the features, so its net takes a longer vector, got {list(net.shapes[0])}"
            )
        self.loss = losses.cross_entropy
        self.steepness = steepness
        self.net = by_goodness.without_head(net)
        classes, seed = by_goodness.number_of_classes(net, classes), seed_from(generator)
        drawn = patterns(classes, pattern, generator_of(seed, 0, "weights"), next(net.parameters()))
        self.labelled = Labelled(drawn, labels.append, seed)
        self.read = by_goodness.blocks_to_read(net, read, by_goodness.all_but_the_first(net))

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield a parcel a block. In training mode this counts the batch, from whose number the wrong labels follow."""
        yield from taught(self, x, y, importance)

    def enter(self, x: Float[Tensor, "b ..."], y: Tensor, importance: Tensor | None = None) -> tuple[Tensor, Pairs]:
        """Give the batch with right patterns and, after it, with wrong ones, and what each pair counts."""
        self._check(x)
        self.labelled.check(y, len(x))
        pairs = self.lesson(y, importance)
        return torch.cat([self.labelled.right(x, y), self.labelled.wrong(x, y, pairs.batch)]), pairs

    def lesson(self, y: Tensor, importance: Float[Tensor, "b"] | None = None) -> Pairs:
        """Give what each pair of rows counts, and count the batch."""
        b, like = len(y), single(self.labelled.codes)
        share = (like.new_ones(b) if importance is None else importance.to(like.dtype)) / b
        return Pairs(self.labelled.count(), share)

    def teach(self, block: int, x: Float[Tensor, "n ..."], lesson: Pairs) -> tuple[Tensor, Credit | None]:
        """Give the activity of a block, before it is updated, and its credit."""
        return by_goodness.teach(self.net, block, x, partial(self._judge, lesson.share))

    def parts(self, block: int) -> dict[str, nn.Module]:
        """Give a block, by the prefix of its names."""
        return {f"net.blocks.{block}": self.net.blocks[block]}

    def _judge(self, share: Float[Tensor, "b"], activity: Float[Tensor, "n ..."]) -> tuple[Tensor, Tensor]:
        reads, neurons = single(activity), activity[0].numel()
        right, wrong = kernels.mean_square(reads).split(len(share))
        each, slope = kernels.margin(right, wrong, self.steepness)
        counted = share.to(each.dtype)
        slopes = counted * slope / neurons
        return (counted * each).sum(), kernels.blame(reads, torch.cat([slopes, -slopes]))

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give the mean squares of the blocks that are read, with each label in turn: as many passes as classes."""
        self._check(x)
        return by_goodness.of_every_label(self.net, self.labelled, x, self.read, kernels.mean_square)

    def _check(self, x: Tensor) -> None:
        room = self.net.shapes[0][0] - self.labelled.codes.shape[1]
        if not x.ndim or not len(x) or math.prod(x.shape[1:]) != room:
            raise ValueError(
                f"expected batch x {room} features, to which a pattern is appended, got shape {tuple(x.shape)}"
            )
        self.net.check(self.labelled.neutral(x[:1]))
