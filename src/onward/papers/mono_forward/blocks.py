"""What every block of a net that Mono-Forward taught predicts on its own, and what they predict together (Table 1)."""

from __future__ import annotations

import torch

from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.nets.readouts import last, total
from onward.training.data import Dataset, Split
from onward.training.metrics import accuracy


@torch.no_grad()
def each_block(learner: AbstractLearner, data: Dataset) -> dict[str, float]:
    """Measure the accuracy of every block, and of both ways of predicting, on validation and test data.

    Raises:
        ValueError: a learner of another rule.
    """
    if not isinstance(learner, MonoForward):
        raise ValueError(f"only Mono-Forward's blocks predict on their own, got {type(learner).__name__}")
    found = {}
    for part, split in (("validation", data.validation), ("test", data.test)):
        if split is not None:
            goodness = _goodness(learner, split)
            ways = {f"block_{k}": scores for k, scores in enumerate(goodness, 1)}
            ways |= {"last": last(goodness), "total": total(goodness)}
            found |= {f"{part}_accuracy_{way}": accuracy(scores, split.y).item() for way, scores in ways.items()}
    return found


def _goodness(learner: MonoForward, split: Split) -> list[torch.Tensor]:
    parts = [learner.goodness(x) for x in split.x.split(2000)]
    return [torch.cat(block) for block in zip(*parts, strict=True)]
