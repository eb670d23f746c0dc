"""What every block of a net predicts on its own: the transparency of layer-wise rules (Mono-Forward, section 3.3, Table 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from onward.blocks.taught import check_examples
from onward.kernels.losses import Loss
from onward.learners.base import AbstractLearner
from onward.nets.modes import evaluating
from onward.nets.readouts import mean, total
from onward.training.data import Split
from onward.training.judging import JUDGED_TOGETHER
from onward.training.metrics import accuracy


@runtime_checkable
class ScoresEveryBlock(Protocol):
    """A learner whose blocks each have class scores, as `MonoForward`, `Joint` and `LocalSimilarity`."""

    loss: Loss

    def goodness(self, x: Float[Tensor, "b ..."]) -> list[Float[Tensor, "b o"]]:
        """Give the scores of every block."""
        ...


@dataclass(frozen=True)
class Judged:
    """The loss of some scores and, for classes, their accuracy; None for predicted values."""

    loss: float
    accuracy: float | None


@dataclass(frozen=True)
class Transparency:
    """How good the blocks of a net are on some examples; printed, it is a table with the blocks counted from 0.

    Its last column says how to get the net that ends with a block: `learner.truncate(2)` is a net of two blocks, 0 and 1.

    Attributes:
        blocks: each on its own, in order.
        total: all blocks together: their sum, or the mean of the values that they predict.
    """

    blocks: tuple[Judged, ...]
    total: Judged

    @property
    def last(self) -> Judged:
        """The last block alone."""
        return self.blocks[-1]

    @property
    def best(self) -> int:
        """The block of the highest accuracy, or of the lowest loss where there are no classes; counted from 0.

        Of several that are as good it is the first. To choose a block by it, judge validation data.
        """
        return max(range(len(self.blocks)), key=lambda k: (_merit(self.blocks[k]), -k))

    def __str__(self) -> str:
        rows = [(f"block {k}", judged, f"truncate({k + 1})") for k, judged in enumerate(self.blocks)]
        rows.append(("all blocks", self.total, ""))
        width, deep = max(len(name) for name, _, _ in rows), max(len(net) for _, _, net in rows)
        lines = [f"{'':{width}}  accuracy      loss  net up to it"]
        for k, (name, judged, net) in enumerate(rows):
            shown = "" if judged.accuracy is None else f"{judged.accuracy:.4f}"
            best = "  best block" if k == self.best else ""
            lines.append(f"{name:{width}}  {shown:>8}  {judged.loss:>8.4f}  {net:{deep}}{best}".rstrip())
        return "\n".join(lines)


@torch.no_grad()
def judge_blocks(learner: AbstractLearner, split: Split) -> Transparency:
    """Judge every block of a trained learner, and their sum, in evaluation mode.

    Args:
        learner: one that has `goodness`, such as `MonoForward`.
        split: validation data to choose a block by, test data to report one.

    Raises:
        ValueError: a learner whose blocks do not predict, or no `Split`.
    """
    if not isinstance(learner, ScoresEveryBlock):
        raise ValueError(
            f"the blocks of {type(learner).__name__} do not predict on their own; linear_probes() makes them do so"
        )
    check_examples(split)
    with evaluating(learner):
        parts = [learner.goodness(x) for x in split.x.split(JUDGED_TOGETHER)]
    goodness = [torch.cat(block) for block in zip(*parts, strict=True)]
    blocks = tuple(_judged(learner.loss, scores, split) for scores in goodness)
    return Transparency(blocks, _judged(learner.loss, (total if learner.loss.classes else mean)(goodness), split))


def _judged(loss: Loss, scores: Float[Tensor, "n o"], split: Split) -> Judged:
    value, _ = loss.of_scores(scores, split.y, split.share)
    return Judged(value.item(), accuracy(scores, split.y).item() if loss.classes else None)


def _merit(judged: Judged) -> float:
    return -judged.loss if judged.accuracy is None else judged.accuracy
