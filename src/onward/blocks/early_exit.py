"""Early exit: a net predicts block by block, and an example leaves at the first block that is sure of its class.

Every block of Mono-Forward has class scores, so nothing has to be added or trained for it; the blocks that an example does not
reach are not computed for it. Axes: b batch, o classes.
"""

from __future__ import annotations

from numbers import Real
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from onward.blocks.taught import check_taught
from onward.kernels.losses import single
from onward.learners.mono_forward import MonoForward
from onward.nets.cost import multiply_adds
from onward.nets.modes import evaluating


class Exits(NamedTuple):
    """What a net said of some examples, and where each of them left.

    Attributes:
        scores: of the block at which the example left.
        block: its number, counted from 0.
    """

    scores: Float[Tensor, "b o"]
    block: Int[Tensor, "b"]


@torch.no_grad()
def leave_early(learner: MonoForward, x: Float[Tensor, "b ..."], threshold: float) -> Exits:
    """Predict in evaluation mode; an example leaves at the first block whose likeliest class has at least a probability.

    Args:
        learner: its blocks and projections are used; its readout is not.
        x: examples.
        threshold: a probability (the softmax of the goodness of one block). With 0 all leave at the first block; with infinity
            all reach the last, as with 1 but for examples whose probability rounds to 1.

    Raises:
        ValueError: a learner of another rule or of predicted values, a threshold that is neither a probability nor infinite, or inputs that do not fit.
    """
    check_taught(learner)
    if not learner.loss.classes:
        raise ValueError(f"only classes can be sure enough to leave early; {learner.loss.name} predicts values")
    if not isinstance(threshold, Real) or not (0 <= threshold <= 1 or threshold == float("inf")):
        raise ValueError(f"the threshold must be a probability, or infinite for no early exit, got {threshold!r}")
    learner.net.check(x)
    blocks = learner.net.blocks
    staying = torch.arange(len(x), device=x.device)
    said: list[tuple[Tensor, Tensor, int]] = []
    with evaluating(learner):
        for k, block in enumerate(blocks):
            x = block(x)
            scores = single(learner.projection_of(k)(x))
            sure = scores.softmax(-1).amax(-1) >= threshold if k + 1 < len(blocks) else torch.ones_like(staying).bool()
            said.append((staying[sure], scores[sure], k))
            if sure.all():
                break
            if sure.any():
                staying, x = staying[~sure], x[~sure]
    order = torch.cat([index for index, _, _ in said]).argsort()
    left = torch.cat([torch.full_like(index, k) for index, _, k in said])
    return Exits(torch.cat([scores for _, scores, _ in said])[order], left[order])


def exit_costs(learner: MonoForward) -> tuple[int, ...]:
    """Give the multiply-adds of an example that leaves at each block: of all blocks and projections so far.

    Raises:
        ValueError: a learner of another rule.
    """
    check_taught(learner)
    net, costs = learner.net, [0]
    for k, block in enumerate(net.blocks):
        own = multiply_adds(block, net.shapes[k]) + multiply_adds(learner.projection_of(k), net.shapes[k + 1])
        costs.append(costs[-1] + own)
    return tuple(costs[1:])
