"""How long each block takes to be taught a batch, its optimiser's step included, so that blocks can be shared out fairly."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from torch import Tensor

from onward.learners.base import AbstractLearner
from onward.pipeline import holding
from onward.training.fit import Recipe
from onward.training.second_order import LevenbergMarquardt


def measured(
    learner: AbstractLearner, recipe: Recipe, x: Tensor, y: Tensor, importance: Tensor | None = None, *, repeats: int = 3
) -> list[float]:
    """Give the time of each block in seconds, the median of some tries; the learner is left as it was.

    Blocks are taught in evaluation mode, and stand-ins of their parameters are stepped, so dropout and batch statistics are not
    in it.

    Raises:
        ValueError: the rule needs later blocks, or the batch does not fit the net.
    """
    rule = holding.local(learner)
    mode = learner.training
    learner.eval()
    found = []
    try:
        with recipe.autocast(x.device):
            passing, lesson = rule.enter(x, y, importance)
            for block in range(len(rule.net.blocks)):
                step = _stepping(holding.parameters(learner, rule, block), recipe)

                def teach(block: int = block, reads: Tensor = passing, step: Callable[[], Any] = step) -> Tensor:
                    given, _ = rule.teach(block, reads, lesson)
                    step()
                    return given

                passing = teach()
                found.append(median(_timed(teach, x.device) for _ in range(repeats)))
    finally:
        learner.train(mode)
    return found


def _stepping(parameters: dict[str, Tensor], recipe: Recipe) -> Callable[[], Any]:
    assert not isinstance(recipe.optimiser, LevenbergMarquardt)  # noqa: S101
    if not parameters:
        return lambda: None
    stands = [torch.zeros_like(one, requires_grad=True) for one in parameters.values()]
    for stand in stands:
        stand.grad = torch.ones_like(stand)
    return recipe.optimiser(stands).step


def _timed(run: Callable[[], Tensor], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began
