"""Linear and convolutional layers whose first weights come from a generator, never from the global random state.

Weights and biases are uniform between plus and minus one over the square root of the fan-in, as PyTorch's own layers are,
or normal with deviation sqrt(2 / fan-in) (He et al., 2015) for deep nets of ReLU. Within `torch.device("meta")` layers have shapes alone,
and nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Linear, nn.Conv2d)
Draw = Callable[[Tensor, int, torch.Generator], None]  # fills a tensor in place, given a fan-in


def fan_in(weight: Tensor, size: int, generator: torch.Generator) -> None:
    """Uniform between plus and minus `size ** -0.5`."""
    weight.uniform_(-(size**-0.5), size**-0.5, generator=generator)


def he(weight: Tensor, size: int, generator: torch.Generator) -> None:
    """Normal of variance `2 / size`; biases, which have one axis, are zero."""
    if weight.ndim == 1:
        weight.zero_()
    else:
        weight.normal_(0, (2 / size) ** 0.5, generator=generator)


def linear(inputs: int, outputs: int, *, bias: bool, generator: torch.Generator, initialise: Draw = fan_in) -> nn.Linear:
    """Draw `nn.Linear(inputs, outputs)`."""
    return _filled(nn.Linear(inputs, outputs, bias=bias, device="meta"), inputs, generator, initialise)


def convolution(
    inputs: int, outputs: int, *, kernel: int = 3, bias: bool, generator: torch.Generator, initialise: Draw = fan_in
) -> nn.Conv2d:
    """Draw a `nn.Conv2d` that keeps the size of the map (odd kernels)."""
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias, device="meta")
    return _filled(layer, inputs * kernel * kernel, generator, initialise)


@torch.no_grad()
def _filled(layer: Layer, size: int, generator: torch.Generator, initialise: Draw) -> Layer:
    """Give a layer of `meta` memory and numbers, but where it is to stay on `meta`."""
    if not callable(initialise):
        raise ValueError(f"first weights are drawn by a function, as fan_in or he of onward.nets.draw, got {initialise!r}")
    if torch.get_default_device().type == "meta":
        return layer
    layer.to_empty(device="cpu")
    initialise(layer.weight, size, generator)
    if layer.bias is not None:
        initialise(layer.bias, size, generator)
    return layer
