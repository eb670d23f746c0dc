"""Backpropagation through any module, and through the ticks of a mesh (BPTT): the oracle of tests, the rival of all.

Credit is ready once, after a full forward and a full backward sweep.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.kernels import losses
from onward.kernels.losses import Loss, single
from onward.learners.base import AbstractLearner, Credit
from onward.nets.mesh import MeshNet
from onward.nets.modes import run


class Backprop(AbstractLearner):
    """A net taught by reverse-mode differentiation: one parcel, after the backward pass."""

    def __init__(self, net: nn.Module, loss: Loss | str = losses.cross_entropy) -> None:
        """Teach a net: a mesh, or any module that maps a batch to scores `b o`. `loss` as for `ForwardOnly`."""
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
        named = self.net.named_parameters(prefix="net")
        parameters = {name: parameter for name, parameter in named if parameter.requires_grad}
        with torch.enable_grad():
            value = self._value(x, y, initial, importance)
            gradients = torch.autograd.grad(value.sum(), list(parameters.values()))
        yield Credit(value.detach(), dict(zip(parameters, gradients, strict=True)))

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "..."], initial: Float[Tensor, "..."] | None = None) -> Float[Tensor, "*nets b o"]:
        """Give the scores; of a mesh, the outputs of the last tick."""
        return single(self.net(x) if initial is None else self.net(x, initial))

    def _value(self, x: Tensor, y: Tensor, initial: Tensor | None, importance: Tensor | None) -> Float[Tensor, "*nets"]:
        if isinstance(self.net, MeshNet):
            return self.loss.over_ticks(self.net.outputs(x, initial), y, importance)
        return self.loss.of_scores(run(self.net, x), y, importance)[0]
