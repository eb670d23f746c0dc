"""What early exit costs and gives: accuracy against time and against multiply-adds over thresholds, and which to choose."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from onward.blocks.early_exit import Exits, exit_costs, leave_early
from onward.blocks.taught import check_examples, check_taught
from onward.learners.mono_forward import MonoForward
from onward.training.data import Split
from onward.training.metrics import accuracy


@dataclass(frozen=True)
class ExitPoint:
    """One threshold, measured.

    Attributes:
        threshold: the probability at which examples leave.
        accuracy: of what they leave with.
        multiply_adds: of an example, on average; counted, not timed.
        seconds: of an example, on average; the median over the repeats.
        exits: part of the examples that leave at each block.
    """

    threshold: float
    accuracy: float
    multiply_adds: float
    seconds: float
    exits: tuple[float, ...]


def exit_curve(
    learner: MonoForward, split: Split, thresholds: Sequence[float], *, batch: int = 1000, repeats: int = 3
) -> list[ExitPoint]:
    """Measure thresholds on some examples of a classification.

    Args:
        learner: trained.
        split: class numbers as targets.
        thresholds: as for `leave_early`.
        batch: examples that go through the net together.
        repeats: how often it is timed.

    Raises:
        ValueError: a learner of another rule or of predicted values, no repeats, or a threshold out of range.
    """
    check_taught(learner)
    check_examples(split)
    if not learner.loss.classes:
        raise ValueError(f"early exit is measured on classes, but {learner.loss.name} has none")
    if repeats < 1 or batch < 1:
        raise ValueError(f"repeats and batch must be at least 1, got {repeats} and {batch}")
    if not isinstance(thresholds, Iterable) or isinstance(thresholds, str):
        raise ValueError(f"thresholds must be a sequence of probabilities, as (0.5, 0.9), got {thresholds!r}")
    costs = torch.tensor(exit_costs(learner), dtype=torch.float64)
    return [_point(learner, split, threshold, costs, batch, repeats) for threshold in thresholds]


def cheapest(points: Sequence[ExitPoint], accuracy: float) -> ExitPoint:
    """Choose the threshold of the fewest multiply-adds that has at least an accuracy; validation data should choose.

    If none has, the most accurate one is taken; of several, the cheapest.

    Raises:
        ValueError: no points.
    """
    if not points:
        raise ValueError("a threshold is chosen among measured ones, got none")
    enough = [point for point in points if point.accuracy >= accuracy]
    if enough:
        return min(enough, key=lambda point: point.multiply_adds)
    return max(points, key=lambda point: (point.accuracy, -point.multiply_adds))


def _point(
    learner: MonoForward, split: Split, threshold: float, costs: torch.Tensor, batch: int, repeats: int
) -> ExitPoint:
    def run() -> tuple[Exits, float]:
        began = time.perf_counter()
        parts = [leave_early(learner, x, threshold) for x in split.x.split(batch)]
        together = Exits(*(torch.cat(column).cpu() for column in zip(*parts, strict=True)))  # waits for a device
        return together, time.perf_counter() - began

    runs = [run() for _ in range(repeats)]
    (scores, block), _ = runs[0]
    times = [seconds for _, seconds in runs]
    exits = torch.bincount(block, minlength=len(costs)).double() / len(split)
    return ExitPoint(
        threshold,
        accuracy(scores, split.y.cpu()).item(),
        (exits * costs).sum().item(),
        sorted(times)[len(times) // 2] / len(split),
        tuple(exits.tolist()),
    )
