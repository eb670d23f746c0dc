"""Direct feedback alignment (Nøkland, 2016, arXiv 1609.01596): every block is blamed by the output, not by the next block.

The error of the scores `e = dL/dG` reaches the activity of block k as `e B_k`, through a fixed random matrix of its own; the
true derivative is taken inside the block only. Credit of all blocks is ready at once, after the forward pass.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.kernels import losses
from onward.kernels.losses import Loss, single
from onward.learners.base import AbstractLearner, Credit
from onward.nets import draw
from onward.nets.draw import Draw
from onward.nets.layered import LayeredNet, check_apart, generator_of
from onward.nets.modes import run


class DirectFeedbackAlignment(AbstractLearner):
    """Blocks that are each blamed by the error of the scores: the head's parcel first, then one a block, in order.

    Any order would do: all credit is known at the same moment.

    Attributes:
        net: what learns; its head is given its true gradient.
        feedback: `B_k` of every block, `o n_k`, with `n_k` the numbers in the activity of one example; buffers.
    """

    def __init__(self, net: LayeredNet, loss: Loss | str = losses.cross_entropy, *, feedback: Draw = draw.fan_in) -> None:
        """Draw the feedback.

        Args:
            net: blocks of any modules, and a head.
            loss: of the scores.
            feedback: how each `B_k` is drawn, block by block, given zeros `o n_k` to fill and its own fan-in, the number of
                outputs; by default uniform between plus and minus `o ** -0.5`, so that blame on an activity is about as
                large as the error, whatever the width of the block.

        Raises:
            ValueError: a net without a head, or an unknown loss.
        """
        super().__init__()
        check_apart(net)
        self.net = net
        self.loss = losses.find(loss)
        outputs, like = net.outputs, next(net.parameters())
        self.feedback = nn.Module()
        for k, shape in enumerate(net.shapes[1:]):
            drawn = torch.zeros(outputs, torch.Size(shape).numel(), dtype=like.dtype)
            feedback(drawn, outputs, generator_of(net.seed, k, "feedback"))
            self.feedback.register_buffer(str(k), drawn.to(like.device))

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield the parcel of the head, then one a block; no graph reaches from one to another."""
        self.net.check(x)
        activities = [x]
        with torch.enable_grad():
            for block in self.net.blocks:
                activities.append(run(block, activities[-1].detach()))
            scores = self._head(activities[-1].detach())
        with torch.no_grad():
            value, error = self.loss.of_scores(scores, y, importance)
        yield from self._parcel("net.head.", self._head, value, scores, error)
        for k, (block, feedback) in enumerate(zip(self.net.blocks, self.feedback.buffers(), strict=True)):
            activity = activities[k + 1]
            with torch.no_grad():
                blame = (error.to(feedback.dtype) @ feedback).view(activity.shape)
            yield from self._parcel(f"net.blocks.{k}.", block, value, activity, blame)

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give the scores of the net; the feedback has no part in them."""
        return single(self.net(x))

    @property
    def _head(self) -> nn.Module:
        assert self.net.head is not None  # noqa: S101
        return self.net.head

    def _parcel(self, prefix: str, part: nn.Module, value: Tensor, output: Tensor, blame: Tensor) -> Iterator[Credit]:
        """The credit of one part, given the blame on what it emitted; none if nothing in it learns."""
        own = {prefix + name: one for name, one in part.named_parameters() if one.requires_grad}
        if own:
            gradients = torch.autograd.grad(output, list(own.values()), blame.to(output.dtype))
            yield Credit(value, dict(zip(own, gradients, strict=True)))
