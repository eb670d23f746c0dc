"""Augmentation of pictures on tensors: a shift by a few pixels, and a mirror image, drawn anew for every example.

As `Dataset.augment` a function is given each batch that is learned from. Source: the usual augmentation of CIFAR, as in
He, Zhang, Ren and Sun, *Deep residual learning*, 2016, section 4.2. Axis letters: b batch, c channels, h height, w width;
pictures are `b c h w`, and anything else is refused.
"""

from __future__ import annotations

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.nn import functional


def crop(x: Shaped[Tensor, "..."], generator: torch.Generator, *, padding: int = 4) -> Shaped[Tensor, "b c h w"]:
    """Shift every picture by up to `padding` pixels each way, all shifts equally likely; what comes in is 0.

    Args:
        x: pictures.
        generator: of the shifts; on any device.
        padding: the largest shift.

    Raises:
        ValueError: a padding below 0, or no pictures.
    """
    _check(x)
    if padding < 0:
        raise ValueError(f"padding must be at least 0, got {padding}")
    batch, _, height, width = x.shape
    padded = functional.pad(x, (padding,) * 4)
    corner = torch.randint(2 * padding + 1, (2, batch), generator=generator, device=generator.device).to(x.device)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: b c corners corners h w
    return windows[torch.arange(batch, device=x.device), :, corner[0], corner[1]]


def flip(x: Shaped[Tensor, "..."], generator: torch.Generator) -> Shaped[Tensor, "b c h w"]:
    """Mirror every picture left to right with probability 1/2.

    Raises:
        ValueError: no pictures.
    """
    _check(x)
    mirrored = torch.rand(len(x), generator=generator, device=generator.device).to(x.device) < 0.5
    return torch.where(mirrored[:, None, None, None], x.flip(-1), x)


def crop_and_flip(x: Shaped[Tensor, "..."], generator: torch.Generator, *, padding: int = 4) -> Shaped[Tensor, "b c h w"]:
    """Shift as `crop`, then mirror as `flip`."""
    return flip(crop(x, generator, padding=padding), generator)


def _check(x: Tensor) -> None:
    if x.ndim != 4:
        raise ValueError(
            f"only pictures, examples x channels x height x width, can be shifted and mirrored, got inputs of shape {tuple(x.shape)}"
        )
