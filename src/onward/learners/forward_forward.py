"""Forward-Forward (Hinton, 2022, arXiv 2212.13345): every block learns to be active when picture and label belong together.

The label is written over the first numbers of the input. A block's goodness, the sum of squares of its activity, is raised
above a threshold where the label is right and lowered below it where it is wrong; credit is ready block by block. To
predict, every label is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.kernels import labels, losses
from onward.learners import by_goodness
from onward.learners.base import AbstractLearner, Credit
from onward.learners.local import taught
from onward.learners.two_passes import Peers, Rows, TwoPasses
from onward.nets.labelled import Labelled, one_hot
from onward.nets.layered import LayeredNet, seed_from


class ForwardForward(AbstractLearner):
    """Blocks that each tell right labels from wrong ones: one parcel a block, during the forward pass.

    `scores` are sums of goodness. They order the classes, but are no calibrated log-odds; choose by accuracy, and take the
    cross-entropy that `loss` judges them by on validation data for what it is.

    Attributes:
        net: what learns; the head of the net that was given is no part of it.
        passes: labels, threshold and peer normalisation; its buffers count the batches.
        read: the blocks whose goodness predicts.
    """

    def __init__(
        self,
        net: LayeredNet,
        classes: int | None = None,
        *,
        threshold: float = 0.1,
        strength: float = 3.0,
        peers: Peers | None = None,
        apart: int | None = None,
        read: Sequence[int] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Teach the blocks of a net.

        Args:
            net: blocks of any modules; the first `classes` numbers of its flattened input are written over.
            classes: how many; left out, the outputs of the net's head.
            threshold: the goodness that parts right from wrong, a neuron. First weights give about 0.2, so a threshold of 1 is far
                from where a net begins: on the 8 x 8 digits, after 5 passes of Adam at 0.001, two blocks of 100 had a validation
                accuracy of 0.80 with 0.1 and a strength of 3, of 0.14 with 1 and 1. With less than some thirty neurons a block,
                or a rate of 0.01 in deep nets, 1 is better. Convolutional nets hardly learn.
            strength: what is written at the place of the label, in units of inputs of deviation 1; the places of other labels get 0.
            peers: peer normalisation, if any.
            apart: learn from right labels alone for so many batches, then as many from wrong ones, and so on; left out,
                from both in each batch.
            read: blocks whose goodness predicts, counted from 0; left out, all but the first (of one block, that one).
            generator: source of the seed of the wrong labels.

        Raises:
            ValueError: a number out of range, an input too small for a label, or no way to know the number of classes.
        """
        super().__init__()
        self.loss = losses.cross_entropy
        self.net = by_goodness.without_head(net)
        classes = by_goodness.number_of_classes(net, classes)
        codes = one_hot(classes, strength, next(net.parameters()))
        labels.check_room(net.shapes[0], classes)
        labelled = Labelled(codes, labels.write_over, seed_from(generator))
        self.passes = TwoPasses(labelled, net.shapes[1:], threshold=threshold, peers=peers, apart=apart)
        self.read = by_goodness.blocks_to_read(net, read, by_goodness.all_but_the_first(net))

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield a parcel a block. In training mode this counts the batch, from whose number the wrong labels follow."""
        yield from taught(self, x, y, importance)

    def enter(self, x: Float[Tensor, "b ..."], y: Tensor, importance: Tensor | None = None) -> tuple[Tensor, Rows]:
        """Give the batch with right labels in it and with wrong ones, and what tells them apart."""
        self.net.check(x)
        return self.passes.enter(x, y, importance)

    def lesson(self, y: Tensor, importance: Float[Tensor, "b"] | None = None) -> Rows:
        """Give what tells rows with right labels from those with wrong ones."""
        return self.passes.lesson(y, importance)

    def teach(self, block: int, x: Float[Tensor, "n ..."], lesson: Rows) -> tuple[Tensor, Credit | None]:
        """Give the activity of a block, before it is updated, and its credit."""
        return by_goodness.teach(self.net, block, x, partial(self.passes.judge, block, rows=lesson))

    def parts(self, block: int) -> dict[str, nn.Module]:
        """Give a block, and its running mean if there is peer normalisation, by the prefix of their names."""
        own: dict[str, nn.Module] = {f"net.blocks.{block}": self.net.blocks[block]}
        return own | ({f"passes.means.{block}": self.passes.means[block]} if len(self.passes.means) else {})

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give the goodness of the blocks that are read, with each label in turn: as many passes as classes."""
        self.net.check(x)
        return by_goodness.of_every_label(self.net, self.passes.labelled, x, self.read)
