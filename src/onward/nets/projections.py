"""Projections: modules that map the activity of a block to class scores, its goodness (Mono-Forward, equation 5).

Axes: b batch, o outputs; a *shape* is that of one example's activity.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from onward.nets import draw

Shape = tuple[int, ...]


@runtime_checkable
class Projection(Protocol):
    """Makes the module that maps an activity `b *shape` to scores `b outputs`."""

    def __call__(self, shape: Shape, outputs: int, *, generator: torch.Generator) -> nn.Module:
        """Draw one."""
        ...


def linear(shape: Shape, outputs: int, *, generator: torch.Generator, bias: bool = False) -> nn.Module:
    """The paper's: one matrix, `M a` of the flattened activity."""
    matrix = draw.linear(math.prod(shape), outputs, bias=bias, generator=generator)
    return matrix if len(shape) == 1 else nn.Sequential(nn.Flatten(), matrix)


def pooled(shape: Shape, outputs: int, *, generator: torch.Generator, bias: bool = False, limit: int = 2048) -> nn.Module:
    """One matrix of the map, averaged over ever larger windows until it has at most `limit` numbers.

    The windows double until it fits, after Nøkland and Eidnes (2019), whose windows double along one side at a time; rows and columns
    that fill no window are left out. A vector, and a map that is small enough, is taken as it is.
    """
    if len(shape) != 3:
        return linear(shape, outputs, generator=generator, bias=bias)
    channels, height, width = shape
    window = 1
    while channels * (height // window) * (width // window) > limit and window < min(height, width):
        window = min(2 * window, min(height, width))
    small = (channels, height // window, width // window)
    matrix = draw.linear(math.prod(small), outputs, bias=bias, generator=generator)
    return nn.Sequential(*([nn.AvgPool2d(window)] if window > 1 else []), nn.Flatten(), matrix)


def frozen(shape: Shape, outputs: int, *, generator: torch.Generator, bias: bool = False) -> nn.Module:
    """`linear`, as it was drawn for ever: only the block learns."""
    return linear(shape, outputs, generator=generator, bias=bias).requires_grad_(False)


def two_layer(
    shape: Shape, outputs: int, *, generator: torch.Generator, bias: bool = False, hidden: int = 128
) -> nn.Module:
    """A net of one hidden layer of ReLU."""
    first = draw.linear(math.prod(shape), hidden, bias=bias, generator=generator)
    second = draw.linear(hidden, outputs, bias=bias, generator=generator)
    return nn.Sequential(*([] if len(shape) == 1 else [nn.Flatten()]), first, nn.ReLU(), second)


def checked(projection: Any) -> Projection:
    """Give a projection.

    Raises:
        ValueError: what cannot be called with a shape, a number of outputs and a `generator`.
    """
    try:
        inspect.signature(projection).bind((1,), 2, generator=torch.Generator())
    except TypeError as error:
        raise ValueError(
            "a projection is a function of a shape and a number of outputs that draws from a `generator`, as linear, pooled, "
            f"frozen or two_layer of onward.nets.projections, got {projection!r}"
        ) from error
    return projection


def of_every_block(
    projection: Projection, shapes: Sequence[Shape], outputs: int, generators: Sequence[torch.Generator]
) -> list[nn.Module]:
    """Draw a projection for each shape, each from its own generator."""
    projection = checked(projection)
    return [projection(shape, outputs, generator=generator) for shape, generator in zip(shapes, generators, strict=True)]
