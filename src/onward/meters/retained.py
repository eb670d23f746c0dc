"""What a rule keeps while it waits for blame, in bytes, counted exactly and alike for every rule and device.

A rule turns from forward to backward where it evaluates its loss, or asks autograd for derivatives. What it has made by then
and still holds is what the way back needs: the activities of a whole net in backpropagation, those of one block in a local
rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.overrides import TorchFunctionMode

from onward.learners.base import AbstractLearner
from onward.meters.living import Living


def retained_bytes(
    learner: AbstractLearner, x: Float[Tensor, "..."], y: Tensor, *, importance: Float[Tensor, "*nets b"] | None = None
) -> int:
    """Give the most bytes that are alive when the rule turns, while it hands out the credit of a batch.

    Counted is every tensor that came into being since the batch did, once for each storage, whether autograd or the rule
    itself holds it; not the batch, parameters, buffers, nor parcels handed out before. The learner is left as it was, but for
    what its modules change in training mode, such as running statistics.

    Raises:
        ValueError: a rule that neither evaluates `learner.loss` nor asks autograd.
    """
    living = Living(
        [x, y, *([] if importance is None else [importance]), *learner.state_dict().values(), *learner.buffers()]
    )
    counted: list[int] = []
    loss = learner.loss

    def turn() -> None:
        counted.append(living.bytes())

    def evaluate(outputs: Tensor, target: Tensor, share: Tensor | None) -> tuple[Tensor, Tensor]:
        turn()
        return loss.evaluate(outputs, target, share)

    learner.loss = replace(loss, evaluate=evaluate)
    try:
        with living, Asked(turn):
            for credit in learner.credit(x, y, importance=importance):
                living.leave_out([credit.loss, *credit.gradients.values()])
    finally:
        learner.loss = loss
    if not counted:
        raise ValueError(
            f"what {type(learner).__name__} keeps cannot be counted: it neither evaluates its loss nor asks autograd"
        )
    return max(counted)


class Asked(TorchFunctionMode):
    """Tells when autograd is asked for derivatives."""

    def __init__(self, tell: Callable[[], None]) -> None:
        """Tell by calling something without arguments."""
        super().__init__()
        self.tell = tell

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.autograd.grad, torch.autograd.backward, Tensor.backward):
            self.tell()
        return func(*args, **(kwargs or {}))
