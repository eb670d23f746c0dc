"""How good scores are: accuracy, and accuracy balanced over the classes. Axes: b batch, c classes."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def accuracy(scores: Float[Tensor, "*nets b c"], labels: Int[Tensor, "*nets b"]) -> Float[Tensor, "*nets"]:
    """Give the part of the examples whose largest score is that of their label."""
    return (scores.argmax(-1) == labels).double().mean(-1)


def balanced_accuracy(scores: Float[Tensor, "*nets b c"], labels: Int[Tensor, "*nets b"]) -> Float[Tensor, "*nets"]:
    """Give the accuracy within each class that occurs, averaged over those classes."""
    right = (scores.argmax(-1) == labels).double().unsqueeze(-1)
    member = torch.nn.functional.one_hot(labels, scores.shape[-1]).double()
    count = member.sum(-2)
    within = (right * member).sum(-2) / count.clamp(min=1)
    return within.sum(-1) / (count > 0).sum(-1)
