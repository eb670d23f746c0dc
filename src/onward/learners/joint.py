"""Mono-Forward's losses without its cut: every block is taught by its own scores and by those of all later blocks.

The losses are summed and differentiated through the whole net, so this differs from Mono-Forward by the locality alone
("MF-Joint" of Spyra and Dzwinel, 2026). Credit is ready once, after a full forward and a full backward sweep.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import joint, losses
from onward.kernels.losses import Loss
from onward.learners.base import AbstractLearner, Credit
from onward.nets import projected, projections, readouts
from onward.nets.layered import LayeredNet
from onward.nets.projections import Projection
from onward.nets.readouts import Readout, last


class Joint(AbstractLearner):
    """A net taught by the sum of the losses of all its blocks: one parcel.

    Attributes:
        net: what learns.
        projections: of all blocks but the last, drawn as `MonoForward` draws them.
        readout: how scores are read from the goodness of the blocks, `last` or `total`.
    """

    def __init__(
        self,
        net: LayeredNet,
        loss: Loss | str = losses.cross_entropy,
        *,
        projection: Projection = projections.linear,
        readout: Readout = last,
    ) -> None:
        """Put a projection on every block; arguments and errors are those of `MonoForward`."""
        super().__init__()
        self.net = net
        self.loss = losses.find(loss)
        self.projections = projected.early_projections(net, projection)
        self.readout = readouts.checked(readout, self.loss, net)

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield the one parcel of a batch, with the sum of the losses."""
        parameters = {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}
        with torch.enable_grad():
            goodness = self.goodness(x)
        weights = [1.0] * len(goodness)
        value, gradients = joint.by_autograd(goodness, list(parameters.values()), y, self.loss, weights, importance)
        yield Credit(value, dict(zip(parameters, gradients, strict=True)))

    def goodness(self, x: Float[Tensor, "b ..."]) -> list[Float[Tensor, "b o"]]:
        """Give the class scores of every block."""
        return projected.goodness(self.net, self.projections, x)

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give scores by the readout; earlier projections are not computed where they are not read."""
        return projected.read(self.net, self.projections, self.readout, x)
