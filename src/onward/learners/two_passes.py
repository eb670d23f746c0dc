"""Forward-Forward's two passes: rows with the right label, whose goodness is to rise, and rows with a wrong one.

What decides the passes and the loss of a block, for all rules that teach blocks so: labels, threshold, peer normalisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from onward.kernels import goodness as kernels
from onward.kernels.losses import single
from onward.nets.labelled import Labelled
from onward.nets.projections import Shape


@dataclass(frozen=True)
class Peers:
    """Peer normalisation.

    Attributes:
        strength: how much it counts beside the goodness.
        momentum: part of the running mean of a neuron's activity that stays at each batch.
    """

    strength: float = 0.03
    momentum: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise ValueError(f"the momentum of peer normalisation must be at least 0 and below 1, got {self.momentum}")


class Rows(NamedTuple):
    """What all blocks are taught a batch by: the rows that go through them together, those with the right label first.

    Attributes:
        y: the right label of every example.
        kinds: whether the label is right, for each of the passes; an example has a row in each.
        batch: its number, from which the wrong labels follow.
        positive: whether the label of a row is right.
        share: how much each row counts; those of one kind sum to 1 where all examples count the same.
    """

    y: Tensor
    kinds: tuple[bool, ...]
    batch: int
    positive: Bool[Tensor, "n"]
    share: Float[Tensor, "n"]


class RunningMean(nn.Module):
    """The running mean activity of every neuron of a block."""

    value: Tensor

    def __init__(self, value: Tensor) -> None:
        """Hold a first value."""
        super().__init__()
        self.register_buffer("value", value)


class TwoPasses(nn.Module):
    """Makes the rows of a batch, and judges what a block makes of them.

    Attributes:
        labelled: how labels get into inputs.
        threshold: theta, as a mean square, so a multiple of the number of neurons of a block.
        peers: peer normalisation, or None.
        apart: batches of right labels after which as many of wrong labels come; None for both in every batch.
        means: running mean activity of every block, if there is peer normalisation.
    """

    def __init__(
        self,
        labelled: Labelled,
        shapes: tuple[Shape, ...],
        *,
        threshold: float = 1.0,
        peers: Peers | None = None,
        apart: int | None = None,
    ) -> None:
        """Prepare passes through blocks that emit shapes.

        Raises:
            ValueError: a threshold that is not above 0, or passes less than one batch apart.
        """
        super().__init__()
        if not threshold > 0:
            raise ValueError(f"the threshold must be above 0, got {threshold}")
        if apart is not None and apart < 1:
            raise ValueError(
                f"passes must be at least 1 batch apart, got {apart}; leave `apart` out for both in each batch"
            )
        self.labelled, self.threshold, self.peers, self.apart = labelled, threshold, peers, apart
        of = shapes if peers is not None else ()
        like = single(labelled.codes)  # a mean that moves by a little would stand still in half precision
        self.means = nn.ModuleList(RunningMean(like.new_zeros(shape)) for shape in of)

    def enter(self, x: Float[Tensor, "b ..."], y: Tensor, importance: Tensor | None) -> tuple[Float[Tensor, "n ..."], Rows]:
        """Give the inputs with labels in them, and what blocks are taught by."""
        self.labelled.check(y, len(x))
        rows = self.lesson(y, importance)
        made = [self.labelled.right(x, y) if right else self.labelled.wrong(x, y, rows.batch) for right in rows.kinds]
        return torch.cat(made), rows

    def lesson(self, y: Tensor, importance: Float[Tensor, "b"] | None) -> Rows:
        """Give what blocks are taught by, and count the batch."""
        batch, b, like = self.labelled.count(), len(y), single(self.labelled.codes)
        share = (like.new_ones(b) if importance is None else importance.to(like.dtype)) / b
        kinds = (True, False) if self.apart is None else (batch // self.apart % 2 == 0,)
        positive = torch.tensor(kinds, device=y.device).repeat_interleave(b)
        return Rows(y, kinds, batch, positive, share.repeat(len(kinds)))

    def judge(self, k: int, activity: Float[Tensor, "n ..."], rows: Rows) -> tuple[Tensor, Tensor]:
        """Give the loss of a block and its derivative at the activity; a sum over both kinds of rows, a mean over examples."""
        reads = single(activity)
        theta = self.threshold * activity[0].numel()
        each, slope = kernels.logistic(kernels.goodness(reads), rows.positive, theta)
        share = rows.share.to(each.dtype)
        value, blame = (share * each).sum(), kernels.blame(reads, share * slope)
        if self.peers is None or not bool(rows.positive[0]):
            return value, blame
        running = self.means[k]
        assert isinstance(running, RunningMean)  # noqa: S101
        before = running.value
        counted = (share * rows.positive).to(before.dtype)
        mean = torch.tensordot(counted, reads.to(before.dtype), 1)
        more, pull, after = kernels.peers(mean, before, self.peers.strength, self.peers.momentum)
        if self.training:
            before.copy_(after)
        return value + more, blame + (counted.view(-1, *[1] * pull.ndim) * pull).to(blame.dtype)
