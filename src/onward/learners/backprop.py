"""Backpropagation, through the ticks of a mesh too (BPTT): the oracle of tests and the rival of benchmarks.

Credit is ready once, after a full forward and a full backward sweep.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import losses
from onward.kernels.losses import Loss
from onward.learners.base import AbstractLearner, Credit
from onward.nets.mesh import MeshNet


class Backprop(AbstractLearner):
    """A net taught by reverse-mode differentiation: one parcel, after the backward pass."""

    def __init__(self, net: MeshNet, loss: Loss | str = losses.cross_entropy) -> None:
        """Teach a net; `loss` as for `ForwardOnly`."""
        super().__init__()
        self.net = net
        self.loss = losses.find(loss)

    def credit(
        self,
        x: Float[Tensor, "..."],
        y: Tensor,
        initial: Float[Tensor, "..."] | None = None,
        *,
        importance: Float[Tensor, "*nets b"] | None = None,
    ) -> Iterator[Credit]:
        """Yield the one parcel of a batch."""
        parameters = dict(self.net.named_parameters(prefix="net"))
        with torch.enable_grad():
            states = self.net.states(x, initial)[..., 1:, -self.net.topology.outputs :]
            value = self.loss.over_ticks(states, y, importance)
            gradients = torch.autograd.grad(value.sum(), list(parameters.values()))
        yield Credit(value.detach(), dict(zip(parameters, gradients, strict=True)))

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "..."], initial: Float[Tensor, "..."] | None = None) -> Float[Tensor, "*nets b o"]:
        """Give the outputs of the last tick."""
        return self.net(x, initial)
