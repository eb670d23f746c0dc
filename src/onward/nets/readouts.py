"""Readouts: how the scores of a net are read from the goodness of its blocks.

Axes: b batch, o outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels.losses import Loss
from onward.nets.layered import LayeredNet

Readout = Callable[[Sequence[Tensor]], Tensor]


def last(goodness: Sequence[Float[Tensor, "b o"]]) -> Float[Tensor, "b o"]:
    """Predict by the last block alone; "BP prediction" of Mono-Forward."""
    return goodness[-1]


def total(goodness: Sequence[Float[Tensor, "b o"]]) -> Float[Tensor, "b o"]:
    """Predict by the sum over the blocks; "FF prediction" of Mono-Forward."""
    return torch.stack(list(goodness)).sum(0)


def mean(goodness: Sequence[Float[Tensor, "b o"]]) -> Float[Tensor, "b o"]:
    """Predict by the mean over the blocks: for values, which every block predicts themselves."""
    return torch.stack(list(goodness)).mean(0)


@torch.no_grad()
def checked(readout: Readout, loss: Loss, net: LayeredNet) -> Readout:
    """Give a readout that suits a loss and a net; one of one's own is tried on made-up scores of two examples.

    Raises:
        ValueError: what is no function from the scores of all blocks to scores `b o`, or the sum of blocks that each predict
            the values themselves.
    """
    if not callable(readout) or (readout not in (last, total, mean) and not _reads(readout, net)):
        raise ValueError(
            "a readout is a function from the list of all blocks' scores to scores of the same shape, as last, total or mean of "
            f"onward.nets.readouts, got {readout!r}"
        )
    if readout is total and not loss.classes:
        raise ValueError(
            f"the sum of blocks that each predict by {loss.name} is no prediction; take the readout mean or last"
        )
    return readout


def _reads(readout: Readout, net: LayeredNet) -> bool:
    scores = next(net.parameters()).new_zeros(2, net.outputs)
    try:
        read = readout([scores for _ in net.blocks])
    except (RuntimeError, ValueError, TypeError, AttributeError, IndexError):
        return False
    return isinstance(read, Tensor) and read.shape == scores.shape
