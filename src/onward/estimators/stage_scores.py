"""Accuracy and explained variance of outputs, with importance. Axes: n examples, c classes, o targets."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def right(scores: Float[Tensor, "n c"], y: Int64[Tensor, " n"], share: Float[Tensor, " n"] | None = None) -> float:
    """Give the part of the examples whose largest score is that of their class."""
    hits = (scores.argmax(1) == y).double()
    return (hits if share is None else hits * share).mean().item()


def explained(predicted: Float[Tensor, "n o"], y: Float[Tensor, "n o"], share: Float[Tensor, " n"] | None = None) -> float:
    """Give R2, averaged over the targets; NaN where a target does not vary."""
    weight = torch.ones(len(y), 1, dtype=torch.float64) if share is None else share.double().unsqueeze(1)
    error, true = (predicted - y).double(), y.double()
    spread = true - (weight * true).sum(0) / weight.sum()
    left, whole = (weight * error.square()).sum(0), (weight * spread.square()).sum(0)
    return torch.where(whole > 0, 1 - left / whole, torch.nan).mean().item()
