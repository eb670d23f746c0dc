"""Damage to a block, in place: every tensor of weights is damaged, buffers and all other blocks stay as they are."""

from __future__ import annotations

import inspect

import torch
from torch import nn

from onward.kernels.damage import Damage, without_outliers


@torch.no_grad()
def damage(block: nn.Module, how: Damage, *, generator: torch.Generator) -> None:
    """Damage all parameters of a block, one tensor after another.

    Args:
        block: any module, as `net.blocks[1]`.
        how: a function of `kernels.damage` with its strength bound, as `partial(zeroed, part=0.5)`.
        generator: what it draws from.

    Raises:
        ValueError: no such function, or one whose strength is not bound.
    """
    try:
        inspect.signature(how).bind(torch.empty(0), generator)
    except TypeError as error:
        raise ValueError(
            "a way of damage is a function of onward.kernels.damage with its strength bound, as partial(zeroed, part=0.5), "
            f"got {how!r}"
        ) from error
    for weight in block.parameters():
        weight.copy_(how(weight, generator))


@torch.no_grad()
def clear_outliers(block: nn.Module, limit: float) -> None:
    """Set the weights of a block that are beyond a limit, infinite or NaN to 0, so that it can be trained again.

    Raises:
        ValueError: a limit that is not above 0.
    """
    if not limit > 0:
        raise ValueError(f"the limit of weights must be above 0, got {limit}")
    for weight in block.parameters():
        weight.copy_(without_outliers(weight, limit))
