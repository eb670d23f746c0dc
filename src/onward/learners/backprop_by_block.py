"""Backpropagation that hands out credit block by block, from the last to the first: the same blame, less memory.

What is handed out can be applied and freed before the block below is looked at, so no gradient of the whole net is ever
held. With recomputation (activation checkpointing; Chen et al., 2016, arXiv 1604.06174) only the input of every few blocks
is kept, and what lies between is run a second time on the way back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.kernels import losses
from onward.kernels.losses import Loss, single
from onward.learners.base import AbstractLearner, Credit
from onward.nets.layered import LayeredNet, check_apart
from onward.nets.modes import run

Step = tuple[str, nn.Module]  # a block or the head, with the prefix of its names
Reads = tuple[Tensor, Tensor]  # what a step read, cut off from what lies below, and what it gave, with a graph


class BackpropByBlock(AbstractLearner):
    """A layered net taught by reverse-mode differentiation: one parcel a block, the head with the last of them.

    The blame of a block is computed before the blocks above it change the weights that it depends on, so the gradients are those
    of `Backprop`. Modules that draw from the global random state (as `nn.Dropout`) draw anew when they are recomputed, which
    makes blame that is not theirs: `onward.nets.dropout.Dropout` does not.

    Attributes:
        net: what learns.
        recompute: blocks between two inputs that are kept; None keeps what every block needs.
    """

    def __init__(self, net: LayeredNet, loss: Loss | str = losses.cross_entropy, *, recompute: int | None = None) -> None:
        """Teach a net.

        Args:
            net: blocks and a head.
            loss: of the scores.
            recompute: how many blocks are run a second time together; about the square root of their number keeps least.

        Raises:
            ValueError: no layered net, one whose blocks share a parameter, or less than one block to recompute.
        """
        super().__init__()
        check_apart(net)
        if recompute is not None and (not isinstance(recompute, int) or recompute < 1):
            raise ValueError(f"recompute must be a whole number of blocks, at least 1, got {recompute!r}")
        self.net = net
        self.loss = losses.find(loss)
        self.recompute = recompute

    def credit(
        self, x: Float[Tensor, "b ..."], y: Tensor, *, importance: Float[Tensor, "b"] | None = None
    ) -> Iterator[Credit]:
        """Yield a parcel a block, from the last to the first; all carry the loss of the batch."""
        self.net.check(x)
        segments = self._segments()
        kept = []  # of every segment but the last: its graphs, or its input and what its buffers were
        for segment in segments[:-1]:
            if self.recompute is None:
                kept.append(_forward(segment, x))
                x = kept[-1][-1][1].detach()
            else:
                kept.append((x, [_buffers(module) for _, module in segment]))
                with torch.no_grad():
                    for _, module in segment:
                        x = run(module, x)
        graphs = _forward(segments[-1], x)
        with torch.no_grad():
            scores = graphs[-1][1]
            value, error = self.loss.of_scores(scores, y, importance)
            blame = [error.to(scores.dtype)]
        del scores, error
        for number in range(len(segments) - 1, -1, -1):
            for k in range(len(graphs) - 1, -1, -1):
                name, module = segments[number][k]
                blame, gradients = _back(name, module, graphs, blame, last=not (number or k))
                if gradients:
                    yield Credit(value, gradients)
                del gradients
            if number:
                graphs = kept.pop() if self.recompute is None else _again(segments[number - 1], *kept.pop())

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b o"]:
        """Give the scores of the net."""
        return single(self.net(x))

    def _segments(self) -> list[list[Step]]:
        assert self.net.head is not None  # noqa: S101
        steps: list[Step] = [(f"net.blocks.{k}", block) for k, block in enumerate(self.net.blocks)]
        size = self.recompute or 1
        segments = [steps[start : start + size] for start in range(0, len(steps), size)]
        segments[-1].append(("net.head", self.net.head))
        return segments


def _forward(segment: list[Step], x: Tensor) -> list[Reads]:
    """Run the modules of a segment, each with a graph of its own."""
    graphs = []
    for _, module in segment:
        with torch.enable_grad():
            reads = x.detach().requires_grad_(x.is_floating_point())
            x = run(module, reads)
        graphs.append((reads, x))
    return graphs


def _again(segment: list[Step], x: Tensor, before: list[dict[str, Tensor]]) -> list[Reads]:
    """Run a segment a second time, as it was run the first time; buffers end as they were."""
    for (_, module), buffers in zip(segment, before, strict=True):
        _put(module, buffers)
    return _forward(segment, x)


class _Blame(torch.autograd.Function):
    """Hands blame over to autograd, which frees it as soon as it is used; an argument would be held until the end."""

    @staticmethod
    def forward(ctx: Any, gives: Tensor, blame: list[Tensor]) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.blame = blame
        return gives.new_zeros(())

    @staticmethod
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return ctx.blame.pop(), None


def _back(
    name: str, module: nn.Module, graphs: list[Reads], blame: list[Tensor], *, last: bool
) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Give the blame of what a module read and the gradients of its parameters. The last graph is taken and freed, and so is the
    blame, the only entry of its list.
    """
    reads, gives = graphs.pop()
    named = module.named_parameters(prefix=name)
    own = {key: parameter for key, parameter in named if parameter.requires_grad}
    wanted = [*own.values(), *([] if last else [reads])]
    if not wanted:
        return blame, {}
    with torch.enable_grad():
        handed = _Blame.apply(gives, blame)
    del gives
    found = list(torch.autograd.grad(handed, wanted))
    below = [] if last else [found.pop()]
    return below, dict(zip(own, found, strict=True))


def _buffers(module: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in module.named_buffers()} if module.training else {}


@torch.no_grad()
def _put(module: nn.Module, buffers: Mapping[str, Tensor]) -> None:
    for name, buffer in buffers.items():
        module.get_buffer(name).copy_(buffer)
