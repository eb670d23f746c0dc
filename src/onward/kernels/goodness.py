"""Goodness and the losses that are made of it: how much a block is active, and whether that is much enough.

Forward-Forward (Hinton, 2022, arXiv 2212.13345), SymBa (Lee and Song, 2023, arXiv 2303.08418), layer collaboration
(Lorberbom et al., 2024, arXiv 2305.12393). Each loss comes with its derivative. Axes: n rows, one for each example and
label that was tried with it; b examples; `...` what a block emits for one row.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from onward.kernels.losses import single


def goodness(activity: Float[Tensor, "n ..."]) -> Float[Tensor, "n"]:
    """Sum of squares of an activity; of half precision, taken in single precision."""
    return single(activity).flatten(1).square().sum(1)


def mean_square(activity: Float[Tensor, "n ..."]) -> Float[Tensor, "n"]:
    """Mean of squares of an activity: goodness a neuron (SymBa)."""
    return goodness(activity) / activity[0].numel()


def normalise(activity: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """Scale to a mean square of 1, so that nothing of the goodness is left to the next block; zero stays zero.

    An activity of half precision becomes one of single precision, or else rounding the scale would shift the goodness.
    """
    reads = single(activity).flatten(1)
    tiny = torch.finfo(reads.dtype).tiny ** 0.5
    return (reads / reads.square().mean(1, keepdim=True).sqrt().clamp(min=tiny)).view(activity.shape)


def logistic(
    goodness: Float[Tensor, "n"], positive: Bool[Tensor, "n"], threshold: float
) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
    """Forward-Forward's loss of every row and its derivative at the goodness, with `p = sigmoid(g - threshold)`.

    `-log p = softplus(threshold - g)` where the label is right, `-log(1 - p) = softplus(g - threshold)` where it is wrong.
    """
    sign = torch.where(positive, -1.0, 1.0).to(goodness.dtype)
    excess = sign * (goodness - threshold)
    return functional.softplus(excess), sign * torch.sigmoid(excess)


def margin(
    right: Float[Tensor, "b"], wrong: Float[Tensor, "b"], steepness: float
) -> tuple[Float[Tensor, "b"], Float[Tensor, "b"]]:
    """SymBa's loss of every example, `log(1 + exp(-a (g+ - g-)))`, and its derivative at `g+`; at `g-` it is the opposite."""
    lead = steepness * (wrong - right)
    return functional.softplus(lead), -steepness * torch.sigmoid(lead)


def blame(activity: Float[Tensor, "n ..."], slope: Float[Tensor, "n"]) -> Float[Tensor, "n ..."]:
    """Give the derivative at an activity from that at its goodness, `2 h dL/dg`."""
    return activity * (2 * slope).view(-1, *[1] * (activity.ndim - 1))


def of_others(goodness: Sequence[Float[Tensor, "n"]]) -> list[Float[Tensor, "n"]]:
    """Give, for each block, the goodness of all others together."""
    together = torch.stack(list(goodness)).sum(0)
    return [together - own for own in goodness]


def peers(
    mean: Float[Tensor, "..."], before: Float[Tensor, "..."], strength: float, momentum: float
) -> tuple[Float[Tensor, ""], Float[Tensor, "..."], Float[Tensor, "..."]]:
    """Peer normalisation: every neuron's mean activity is drawn to the mean of all, so that none dies or shouts.

    With the running mean `m <- momentum m + (1 - momentum) mean`, the loss is `strength / (1 - momentum) sum (m - mean of m)^2`.
    Divided so, its derivative `2 strength (m - mean of m)` stands beside the `2 h dL/dg` of the goodness, whatever the momentum
    and the number of neurons. Hinton (2022) describes it in words.

    Args:
        mean: activity of every neuron, averaged over rows with the right label.
        before: the running mean so far.
        strength: how much it counts beside the goodness.
        momentum: part of the running mean that stays.

    Returns:
        The loss, its derivative at `mean`, and the running mean after.
    """
    after = momentum * before + (1 - momentum) * mean
    apart = after - after.mean()
    return strength / (1 - momentum) * apart.square().sum(), 2 * strength * apart, after
