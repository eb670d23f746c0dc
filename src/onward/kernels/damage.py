"""Damage to weights: a part of them lost, noise, bits of their representation turned over.

Each function gives a new tensor and draws from a generator; what it damages is left as it is. To make a `Damage` of one,
bind its strength: `partial(zeroed, part=0.5)`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

Damage = Callable[[Tensor, torch.Generator], Tensor]

_INTEGERS = {16: torch.int16, 32: torch.int32, 64: torch.int64}


def zeroed(weight: Float[Tensor, "*shape"], generator: torch.Generator, *, part: float) -> Float[Tensor, "*shape"]:
    """Set a part of the weights to 0: exactly so many, rounded to whole weights.

    Raises:
        ValueError: not a part between 0 and 1.
    """
    if not 0 <= part <= 1:
        raise ValueError(f"the part that is lost must be between 0 and 1, got {part}")
    lost = torch.randperm(weight.numel(), generator=generator, device=generator.device)[: round(part * weight.numel())]
    damaged = weight.detach().clone()
    damaged.view(-1)[lost.to(weight.device)] = 0
    return damaged


def noisy(weight: Float[Tensor, "*shape"], generator: torch.Generator, *, scale: float) -> Float[Tensor, "*shape"]:
    """Add Gaussian noise whose deviation is `scale` times the root mean square of the weights.

    Raises:
        ValueError: a scale below 0, or not finite.
    """
    if not 0 <= scale < float("inf"):
        raise ValueError(f"the scale of noise must be finite and at least 0, got {scale}")
    noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype, device=generator.device)
    return weight.detach() + scale * weight.detach().square().mean().sqrt() * noise.to(weight.device)


def bits_flipped(
    weight: Float[Tensor, "*shape"], generator: torch.Generator, *, probability: float
) -> Float[Tensor, "*shape"]:
    """Turn over each bit of the representation with a probability, independently of the others.

    Nothing is repaired: a bit of the exponent may make a weight as large as 1e38, infinite or NaN, and such weights are left
    so, since they are what this damage is about; `without_outliers` finds them. In float32 a bit is the sign (1 of 32), the
    exponent (8) or the fraction (23).

    Raises:
        ValueError: not a probability.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"the probability of a flip must be between 0 and 1, got {probability}")
    width = 8 * weight.element_size()
    bits = weight.detach().clone().view(_INTEGERS[width])
    for place in range(width):
        value = 2**place if place < width - 1 else -(2**place)
        # Single precision cannot tell probabilities below 6e-8 apart from 0.
        flips = torch.rand(weight.shape, generator=generator, dtype=torch.float64, device=generator.device) < probability
        bits ^= flips.to(weight.device) * bits.new_tensor(value)
    return bits.view(weight.dtype)


def without_outliers(weight: Float[Tensor, "*shape"], limit: float) -> Float[Tensor, "*shape"]:
    """Set weights that are beyond a limit, infinite or NaN to 0: the repair that flipped bits need before any training."""
    return torch.where(weight.detach().abs() <= limit, weight.detach(), 0)


__all__ = ["Damage", "bits_flipped", "noisy", "without_outliers", "zeroed"]
