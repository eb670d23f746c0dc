"""Mono-Forward (Gong, Li and Abdulla, 2025): every block learns to make its own class scores right.

A projection on every block maps its activity to scores, its goodness (equation 5); their cross-entropy (6) teaches the block
and the projection (7, 8) while the batch passes, and nothing comes back from later blocks. Credit is ready block by block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.kernels import local, losses
from onward.kernels.local import single
from onward.kernels.losses import Loss
from onward.learners.base import AbstractLearner, Credit
from onward.nets import projections
from onward.nets.layered import LayeredNet
from onward.nets.projections import Projection
from onward.nets.staged import staged

Readout = Callable[[Sequence[Tensor]], Tensor]


def last(goodness: Sequence[Tensor]) -> Tensor:
    """Predict by the last block alone; the paper's "BP prediction"."""
    return goodness[-1]


def total(goodness: Sequence[Tensor]) -> Tensor:
    """Predict by the sum over the blocks; the paper's "FF prediction"."""
    return torch.stack(list(goodness)).sum(0)


class MonoForward(AbstractLearner):
    """Blocks that each learn from their own scores: one parcel a block, during the forward pass.

    The last block's projection is the net's head, so the net itself, without this learner, predicts as `last` does.

    Attributes:
        net: what learns.
        projections: of all blocks but the last.
        learning: the blocks that learn, counted from 0; the others are run only. All of them at first.
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
        """Put a projection on every block.

        Args:
            net: blocks and a head.
            loss: of every block.
            projection: what is put on all blocks but the last, drawn from the generator of each block.
            readout: `last` or `total`.

        Raises:
            ValueError: a net without a head, or an unknown loss.
        """
        super().__init__()
        self.net = net
        self.loss = losses.find(loss)
        self.readout = readout
        outputs, early = net.outputs, range(len(net.blocks) - 1)
        shapes, generators = [net.shapes[k + 1] for k in early], [net.generator(k) for k in early]
        drawn = projections.of_every_block(projection, shapes, outputs, generators)
        like = next(net.parameters())
        self.projections = nn.ModuleList(drawn).to(like.device, like.dtype)
        self.learning = frozenset(range(len(net.blocks)))

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield a parcel a block. What a block passes on is its activity before it is updated."""
        self.net.check(x)
        for k in range(max(self.learning, default=-1) + 1):
            block, projection = self.net.blocks[k], self._projection(k)
            if k not in self.learning:
                with torch.no_grad():
                    x = block(x)
                continue
            named = self._named(k)
            chains = staged(block), staged(projection)
            if chains[0] is None or chains[1] is None:
                found = local.by_autograd(block, projection, list(named.values()), x, y, self.loss, importance)
            else:
                found = local.closed_form(chains[0], chains[1], x, y, self.loss, importance)
            x, value, gradients = found
            yield Credit(value, dict(zip(named, gradients, strict=True)))

    def goodness(self, x: Float[Tensor, "b ..."]) -> list[Float[Tensor, "b o"]]:
        """Give the class scores of every block."""
        activities = self.net.activities(x)
        return [single(self._projection(k)(activity)) for k, activity in enumerate(activities)]

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give scores by the readout; earlier projections are not computed where they are not read."""
        return single(self.net(x)) if self.readout is last else self.readout(self.goodness(x))

    def _projection(self, block: int) -> nn.Module:
        if block < len(self.projections):
            return self.projections[block]
        assert self.net.head is not None  # noqa: S101
        return self.net.head

    def _named(self, block: int) -> dict[str, Tensor]:
        """The parameters of a block and its projection that learn, by their names here, in the order of the modules."""
        last_one = block == len(self.projections)
        parts = {
            f"net.blocks.{block}.": self.net.blocks[block],
            "net.head." if last_one else f"projections.{block}.": self._projection(block),
        }
        return {
            prefix + name: parameter
            for prefix, part in parts.items()
            for name, parameter in part.named_parameters()
            if parameter.requires_grad
        }
