"""The worst small change of a block: a step of its weights up the loss that they learn from.

For Mono-Forward that is the block's own loss, for backpropagation the loss of the net: whatever blame the learner hands out.
"""

from __future__ import annotations

import torch

from onward.learners.base import AbstractLearner
from onward.nets.layered import LayeredNet
from onward.nets.modes import evaluating
from onward.training.data import Split


@torch.no_grad()
def attack(
    learner: AbstractLearner,
    block: int,
    split: Split,
    *,
    strength: float,
    examples: int = 1000,
    generator: torch.Generator,
) -> None:
    """Move the weights of a block, in place, along the gradient of their loss; all else stays as it is.

    Args:
        learner: its `net` is a `LayeredNet`.
        block: which, counted from 0; its weights must learn.
        split: what the loss is taken of.
        strength: length of the step, in lengths of the block's weights (all tensors together).
        examples: how many of the split are used, chosen at random.
        generator: chooses them.

    Raises:
        ValueError: no layered net, no such block, one without blame, or a strength that is below 0 or not finite.
    """
    net = getattr(learner, "net", None)
    if not isinstance(net, LayeredNet):
        raise ValueError(f"expected a learner of a layered net, got {type(learner).__name__}")
    if not 0 <= block < len(net.blocks):
        raise ValueError(f"the blocks of this net are 0 to {len(net.blocks) - 1}, got {block}")
    if not 0 <= strength < float("inf"):
        raise ValueError(f"the strength of an attack must be finite and at least 0, got {strength}")
    index = torch.randperm(len(split), generator=generator, device=generator.device)[:examples].to(split.x.device)
    prefix, gradients = f"net.blocks.{block}.", {}
    with evaluating(learner):
        for credit in learner.credit(*split.take(index)):
            gradients |= {name: blame for name, blame in credit.gradients.items() if name.startswith(prefix)}
    weights = {name: learner.get_parameter(name) for name in gradients}
    length, slope = _length(list(weights.values())), _length(list(gradients.values()))
    if not slope > 0:
        raise ValueError(f"block {block} gets no blame from {type(learner).__name__}, so there is no way up its loss")
    for name, weight in weights.items():
        weight.add_(gradients[name], alpha=strength * length / slope)


def _length(tensors: list[torch.Tensor]) -> float:
    return sum(tensor.double().square().sum().item() for tensor in tensors) ** 0.5
