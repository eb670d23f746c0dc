"""Several heads on one net, whose losses are summed with weights: the blame of all parameters, with the gradient not cut.

Axes: b batch, o outputs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels.losses import Loss


def by_autograd(
    goodness: Sequence[Float[Tensor, "b o"]],
    own: Sequence[Tensor],
    y: Tensor,
    loss: Loss,
    weights: Sequence[float],
    importance: Float[Tensor, "b"] | None = None,
) -> tuple[Float[Tensor, ""], list[Tensor]]:
    """Give the weighted sum of the losses of scores that hang in one graph, and its gradient at the given tensors."""
    with torch.no_grad():
        found = [loss.of_scores(scores, y, importance) for scores in goodness]
        value = torch.stack([weight * value for weight, (value, _) in zip(weights, found, strict=True)]).sum()
        blame = [weight * error for weight, (_, error) in zip(weights, found, strict=True)]
    taught = [pair for pair in zip(goodness, blame, strict=True) if pair[0].requires_grad]
    outputs, errors = [scores for scores, _ in taught], [error.to(scores.dtype) for scores, error in taught]
    return value, list(torch.autograd.grad(outputs, list(own), errors))
