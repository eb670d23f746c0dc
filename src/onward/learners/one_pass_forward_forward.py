"""One-pass Forward-Forward (Hinton, 2022, arXiv 2212.13345): the blocks learn as in Forward-Forward, a softmax predicts.

It reads the normalised activities of the blocks, given an input that carries no label in particular, and learns beside them
without touching them. Credit of a block is ready with the block, that of the softmax after all blocks; to predict takes one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import labels, losses
from onward.kernels.goodness import normalise
from onward.kernels.losses import single
from onward.learners import by_goodness
from onward.learners.base import AbstractLearner, Credit
from onward.learners.two_passes import Peers, TwoPasses
from onward.nets import draw
from onward.nets.labelled import Labelled, one_hot
from onward.nets.layered import LayeredNet, seed_from
from onward.nets.modes import evaluating


class OnePassForwardForward(AbstractLearner):
    """Blocks that each tell right labels from wrong ones, and a softmax that reads them: one parcel a block, then its own.

    Attributes:
        net: what learns; the head of the net that was given is no part of it.
        passes: labels, threshold and peer normalisation; its buffers count the batches.
        read: the blocks that the softmax reads.
        readout: the linear map of the softmax, without bias.
    """

    def __init__(
        self,
        net: LayeredNet,
        classes: int | None = None,
        *,
        threshold: float = 0.1,
        strength: float = 3.0,
        peers: Peers | None = None,
        read: Sequence[int] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Teach the blocks of a net, and a softmax on them.

        Args:
            net: blocks of any modules; the first `classes` numbers of its flattened input are written over.
            classes: how many; left out, the outputs of the net's head.
            threshold: the goodness that parts right from wrong, a neuron; the default is that of `ForwardForward`, for its reason.
                Convolutional nets hardly learn.
            strength: what is written at the place of the label; where no label is meant, all places share it equally.
            peers: peer normalisation, if any.
            read: blocks that the softmax reads, counted from 0; left out, all.
            generator: source of the seed of the wrong labels.

        Raises:
            ValueError: a number out of range, an input too small for a label, or no way to know the number of classes.
        """
        super().__init__()
        self.loss = losses.cross_entropy
        self.net = by_goodness.without_head(net)
        classes, like = by_goodness.number_of_classes(net, classes), next(net.parameters())
        labels.check_room(net.shapes[0], classes)
        labelled = Labelled(one_hot(classes, strength, like), labels.write_over, seed_from(generator))
        self.passes = TwoPasses(labelled, net.shapes[1:], threshold=threshold, peers=peers)
        self.read = by_goodness.blocks_to_read(net, read, range(len(net.blocks)))
        width = sum(torch.Size(net.shapes[k + 1]).numel() for k in self.read)
        drawn = draw.linear(width, classes, bias=False, generator=net.generator(len(net.blocks) - 1))
        self.readout = drawn.to(like.device, like.dtype)

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield a parcel a block, then that of the softmax, all from the weights as they were before the batch.

        In training mode this counts the batch, from whose number the wrong labels follow.
        """
        self.net.check(x)
        passing, rows = self.passes.enter(x, y, importance)
        with torch.no_grad():
            features = self._features(x)
            value, error = self.loss.of_scores(self._read(features), y, importance)
        for k in range(len(self.net.blocks)):
            passing, credit = by_goodness.teach(self.net, k, passing, partial(self.passes.judge, k, rows=rows))
            if credit is not None:
                yield credit
        with torch.no_grad():
            gradient = error.T @ features.to(error.dtype)
        if self.readout.weight.requires_grad:
            yield Credit(value, {"readout.weight": gradient.to(self.readout.weight.dtype)})

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give the scores of the softmax."""
        self.net.check(x)
        return single(self._read(self._features(x)))

    def _read(self, features: Float[Tensor, "b f"]) -> Float[Tensor, "b o"]:
        return self.readout(features.to(self.readout.weight.dtype))

    def _features(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b f"]:
        """The normalised activities of the blocks that are read, with no label in particular.

        This pass only reads: it is that of a prediction in training too, so that the softmax learns from what it will be given,
        and statistics move by the passes that teach the blocks alone.
        """
        with evaluating(self.net):
            passing = by_goodness.activities(self.net, self.passes.labelled.neutral(x))
            wanted = zip(range(max(self.read) + 1), passing, strict=False)
            return torch.cat([normalise(activity).flatten(1) for k, activity in wanted if k in self.read], 1)
