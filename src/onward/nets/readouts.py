"""Readouts: how the scores of a net are read from the goodness of its blocks.

Axes: b batch, o outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Readout = Callable[[Sequence[Tensor]], Tensor]


def last(goodness: Sequence[Float[Tensor, "b o"]]) -> Float[Tensor, "b o"]:
    """Predict by the last block alone; "BP prediction" of Mono-Forward."""
    return goodness[-1]


def total(goodness: Sequence[Float[Tensor, "b o"]]) -> Float[Tensor, "b o"]:
    """Predict by the sum over the blocks; "FF prediction" of Mono-Forward."""
    return torch.stack(list(goodness)).sum(0)
