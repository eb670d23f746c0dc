"""Readouts: how the scores of a net are read from the goodness of its blocks.

Axes: b batch, o outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels.losses import Loss

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


def checked(readout: Readout, loss: Loss) -> Readout:
    """Give a readout that suits a loss.

    Raises:
        ValueError: what is no function, or the sum of blocks that each predict the values themselves.
    """
    if not callable(readout):
        raise ValueError(f"a readout is a function such as last, total or mean of onward.nets.readouts, got {readout!r}")
    if readout is total and not loss.classes:
        raise ValueError(
            f"the sum of blocks that each predict by {loss.name} is no prediction; take the readout mean or last"
        )
    return readout
