"""Feedback alignment (Lillicrap et al., 2016): backpropagation without the transposed weights.

Blame goes back layer by layer through fixed random matrices, and the forward weights learn to make it useful; everything
else is as in backpropagation. Credit is ready once, after a full forward and a full backward sweep.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import losses
from onward.kernels.losses import Loss, single
from onward.learners.base import AbstractLearner, Credit
from onward.nets import draw
from onward.nets.draw import Draw
from onward.nets.feedback import Feedback
from onward.nets.layered import LayeredNet, check_layered


class FeedbackAlignment(AbstractLearner):
    """A net taught through random feedback: one parcel, after the backward pass.

    Attributes:
        net: what learns.
        feedback: what carries blame in the place of the weights of linear and convolutional layers.
    """

    def __init__(self, net: LayeredNet, loss: Loss | str = losses.cross_entropy, *, feedback: Draw = draw.fan_in) -> None:
        """Draw the feedback.

        Args:
            net: blocks and a head whose weights are in `nn.Linear`, `nn.Conv2d` and normalisations.
            loss: of the scores.
            feedback: how it is drawn, given a copy of the weights to fill and their fan-in; by default as first weights are.

        Raises:
            ValueError: a net without a head or with other weights, or an unknown loss.
        """
        super().__init__()
        check_layered(net)
        self.net = net
        self.loss = losses.find(loss)
        self.outputs = net.outputs
        self.feedback = Feedback(net, feedback)

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield the one parcel of a batch."""
        named = self.net.named_parameters(prefix="net")
        parameters = {name: parameter for name, parameter in named if parameter.requires_grad}
        with torch.enable_grad(), self.feedback.used(self.net):
            scores = self.net(x)
        with torch.no_grad():
            value, error = self.loss.of_scores(scores, y, importance)
        gradients = torch.autograd.grad(scores, list(parameters.values()), error.to(scores.dtype))
        yield Credit(value, dict(zip(parameters, gradients, strict=True)))

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give the scores of the net; the feedback has no part in them."""
        return single(self.net(x))
