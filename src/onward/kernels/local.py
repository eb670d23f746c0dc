"""Blame that never leaves a block: the local loss of one block and its projection, and the gradients of both.

`closed_form` chains the derivatives of `stages`: with goodness `G = a M^T`, error `d = dL/dG` and drive `z` it is
`dM = d^T a`, `dz = (d M) * f'(z)`, `dW = dz^T x` (Mono-Forward, equations 5 to 8). `by_autograd` does the same for any two
modules, with autograd inside the block only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels.losses import Loss
from onward.kernels.stages import Stage


@dataclass(frozen=True)
class Link:
    """A stage of a chain with its own tensors; those that do not require gradients are given none."""

    stage: Stage
    own: tuple[Tensor, ...] = ()

    @property
    def learns(self) -> bool:
        """Whether any of its tensors is to be given blame."""
        return any(tensor.requires_grad for tensor in self.own)


@torch.no_grad()
def closed_form(
    block: Sequence[Link],
    projection: Sequence[Link],
    x: Float[Tensor, "b ..."],
    y: Tensor,
    loss: Loss,
    importance: Float[Tensor, "b"] | None = None,
) -> tuple[Float[Tensor, "b ..."], Float[Tensor, ""], list[Tensor]]:
    """Give the block's activity, the local loss and the gradient of every tensor that learns, block first."""
    links = [*block, *projection]
    kept = []
    activity = reads = x
    for number, link in enumerate(links, 1):
        reads, keep = link.stage.run(reads, link.own)
        kept.append(keep)
        if number == len(block):
            activity = reads = reads.contiguous()  # however convolutions lay it out
    value, error = loss.of_scores(reads, y, importance)
    first = next((k for k, link in enumerate(links) if link.learns), len(links))
    blame = error.to(reads.dtype, copy=True)  # what a loss gives may be its own
    found: list[list[Tensor]] = []
    for k in range(len(links) - 1, first - 1, -1):
        link = links[k]
        before, own = link.stage.back(blame, kept.pop(), link.own, k > first)
        found.append([g.to(t.dtype) for g, t in zip(own, link.own, strict=True) if t.requires_grad])
        if before is not None:
            blame = before
    return activity, value, [gradient for gradients in reversed(found) for gradient in gradients]


def by_autograd(
    block: Callable[[Tensor], Tensor],
    projection: Callable[[Tensor], Tensor],
    own: Sequence[Tensor],
    x: Float[Tensor, "b ..."],
    y: Tensor,
    loss: Loss,
    importance: Float[Tensor, "b"] | None = None,
) -> tuple[Float[Tensor, "b ..."], Float[Tensor, ""], list[Tensor]]:
    """Give the block's activity, the local loss and the gradient of the named tensors; no graph reaches outside the block."""
    with torch.enable_grad():
        activity = block(x.detach())
        reads = projection(activity)
    with torch.no_grad():
        value, error = loss.of_scores(reads, y, importance)
    gradients = torch.autograd.grad(reads, list(own), error.to(reads.dtype)) if own else ()
    return activity.detach(), value, list(gradients)
