"""A learner judged on a part of the data: its scores, their loss and accuracy, in evaluation mode and in parts."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from onward.learners.base import AbstractLearner
from onward.nets.modes import evaluating
from onward.training.data import Split
from onward.training.metrics import accuracy

JUDGED_TOGETHER = 2000  # examples whose scores are computed at once


@torch.no_grad()
def scores_of(learner: AbstractLearner, split: Split) -> Float[Tensor, "*nets n o"]:
    """Give a learner's scores on all examples of a split, in evaluation mode and in parts that memory holds."""
    axis = len(split.nets)
    with evaluating(learner):
        return torch.cat([learner.scores(x) for x in split.x.split(JUDGED_TOGETHER, axis)], axis)


@torch.no_grad()
def evaluate(learner: AbstractLearner, split: Split) -> tuple[Float[Tensor, "*nets"], Float[Tensor, "*nets"] | None]:
    """Give the loss and, for class labels, the accuracy of a learner's scores on a split, in evaluation mode."""
    scores = scores_of(learner, split)
    target = learner.loss.at_tick(split.y, -1, scores)
    loss, _ = learner.loss(scores, target) if split.share is None else learner.loss(scores, target, split.share)
    return loss, accuracy(scores, target) if learner.loss.classes else None
