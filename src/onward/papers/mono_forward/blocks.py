"""What every block of a net that Mono-Forward taught predicts on its own, and what they predict together (Table 1)."""

from __future__ import annotations

from onward.blocks.transparency import judge_blocks
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.training.data import Dataset


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
            judged = judge_blocks(learner, split)
            ways = {f"block_{k}": one for k, one in enumerate(judged.blocks, 1)}
            ways |= {"last": judged.last, "total": judged.total}
            found |= {f"{part}_accuracy_{way}": one.accuracy for way, one in ways.items() if one.accuracy is not None}
    return found
