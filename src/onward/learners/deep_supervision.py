"""Deep supervision (Lee et al., 2015): backpropagation with auxiliary losses at every block.

Early blocks are taught by their own scores and by all later blocks; the net predicts by its last block. The second rung of
the ladder from backpropagation to Mono-Forward (Spyra and Dzwinel, 2026), which tells the causes of a difference apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import joint, losses
from onward.kernels.losses import Loss, single
from onward.learners.base import AbstractLearner, Credit
from onward.nets import projected, projections
from onward.nets.layered import LayeredNet
from onward.nets.projections import Projection


class DeepSupervision(AbstractLearner):
    """A net taught by the loss of its scores plus those of projections on its early blocks: one parcel.

    Attributes:
        net: what learns.
        projections: of all blocks but the last, drawn as `MonoForward` draws them; not used to predict.
        weight: of each auxiliary loss.
    """

    def __init__(
        self,
        net: LayeredNet,
        loss: Loss | str = losses.cross_entropy,
        *,
        projection: Projection = projections.linear,
        weight: float = 0.3,
    ) -> None:
        """Put a projection on every block but the last.

        Args:
            net: blocks and a head.
            loss: of the net and of every early block.
            projection: what is put on all blocks but the last, drawn from the generator of each block.
            weight: of each auxiliary loss; 0.3 in GoogLeNet (Szegedy et al., 2015, section 5).

        Raises:
            ValueError: a net without a head, an unknown loss, or a weight below 0.
        """
        super().__init__()
        if not 0 <= weight < float("inf"):
            raise ValueError(f"the weight of auxiliary losses must be finite and at least 0, got {weight}")
        self.net = net
        self.loss = losses.find(loss)
        self.weight = weight
        self.projections = projected.early_projections(net, projection)

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield the one parcel of a batch, with the weighted sum of the losses."""
        parameters = {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}
        with torch.enable_grad():
            goodness = projected.goodness(self.net, self.projections, x)
        weights = [*(self.weight for _ in self.projections), 1.0]
        value, gradients = joint.by_autograd(goodness, list(parameters.values()), y, self.loss, weights, importance)
        yield Credit(value, dict(zip(parameters, gradients, strict=True)))

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give the scores of the last block."""
        return single(self.net(x))
