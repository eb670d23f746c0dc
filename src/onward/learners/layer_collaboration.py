"""Layer collaboration (Lorberbom et al., AAAI 2024, arXiv 2305.12393): Forward-Forward whose blocks know each other's goodness.

The probability that a label is right is `sigmoid(g_l + c - theta)`, where `c` is the goodness of all other blocks on the same
row, taken as a constant: nothing is differentiated across blocks, but credit is ready only after the whole forward pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import goodness as kernels
from onward.kernels import labels, losses
from onward.kernels.losses import single
from onward.learners import by_goodness
from onward.learners.base import AbstractLearner, Credit
from onward.learners.two_passes import TwoPasses
from onward.nets.labelled import Labelled, one_hot
from onward.nets.layered import LayeredNet, seed_from


class LayerCollaboration(AbstractLearner):
    """Blocks that together tell right labels from wrong ones: one parcel a block, all after the forward pass.

    All blocks have one loss, since they look at one probability; each is blamed through its own goodness. `scores` are sums
    of goodness: log-odds as the blocks were taught, if all are read.

    Attributes:
        net: what learns; the head of the net that was given is no part of it.
        passes: labels and threshold; its buffers count the batches.
        read: the blocks whose goodness predicts.
    """

    def __init__(
        self,
        net: LayeredNet,
        classes: int | None = None,
        *,
        threshold: float = 0.1,
        strength: float = 3.0,
        read: Sequence[int] | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Teach the blocks of a net.

        Args:
            net: blocks of any modules; the first `classes` numbers of its flattened input are written over.
            classes: how many; left out, the outputs of the net's head.
            threshold: the goodness of all blocks together that parts right from wrong, a neuron; the default is that of
                `ForwardForward`, for its reason. Convolutional nets hardly learn by this rule.
            strength: what is written at the place of the label; the places of other labels get 0.
            read: blocks whose goodness predicts, counted from 0; left out, all, as they were taught together.
            generator: source of the seed of the wrong labels.

        Raises:
            ValueError: a number out of range, an input too small for a label, or no way to know the number of classes.
        """
        super().__init__()
        self.loss = losses.cross_entropy
        self.net = by_goodness.without_head(net)
        classes = by_goodness.number_of_classes(net, classes)
        labels.check_room(net.shapes[0], classes)
        labelled = Labelled(one_hot(classes, strength, next(net.parameters())), labels.write_over, seed_from(generator))
        self.passes = TwoPasses(labelled, net.shapes[1:], threshold=threshold)
        self.read = by_goodness.blocks_to_read(net, read, range(len(net.blocks)))

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield a parcel a block, all from the weights as they were before the batch.

        In training mode this counts the batch, from whose number the wrong labels follow.
        """
        self.net.check(x)
        reads, rows = self.passes.enter(x, y, importance)
        found = []
        for k in range(len(self.net.blocks)):
            found.append(by_goodness.run(self.net, k, reads))
            reads = found[-1]
        with torch.no_grad():
            own = [kernels.goodness(activity) for activity in found]
            theta = self.passes.threshold * sum(activity[0].numel() for activity in found)
            others = kernels.of_others(own)
        for k in range(len(found)):
            with torch.no_grad():
                each, slope = kernels.logistic(own[k] + others[k], rows.positive, theta)
                share = rows.share.to(each.dtype)
                value, blame = (share * each).sum(), kernels.blame(single(found[k]), share * slope)
            credit = by_goodness.parcel(self.net, k, found[k], value, blame)
            if credit is not None:
                yield credit

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give the goodness of the blocks that are read, with each label in turn: as many passes as classes."""
        self.net.check(x)
        return by_goodness.of_every_label(self.net, self.passes.labelled, x, self.read)
