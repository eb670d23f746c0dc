"""The layered net that parameters ask for, as a value that builds it: widths, activation, and what reads each block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import torch
from torch import nn

from onward.nets import projections
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet
from onward.nets.projections import Projection

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "logistic": nn.Sigmoid,
}
PROJECTIONS: Mapping[str, Projection] = {
    "linear": projections.linear,
    "frozen": projections.frozen,
    "two_layer": projections.two_layer,
}


@dataclass(frozen=True)
class Layers:
    """A perceptron and how it is taught; two that are equal can go on with each other's weights.

    Attributes:
        features: numbers that the first block reads.
        widths: of the blocks.
        outputs: classes or targets.
        activation: of the blocks, one of `ACTIVATIONS`.
        projection: what reads a block, one of `PROJECTIONS`.
        taught: by which rule, and read how, in words.
        blank: columns of nothing that stand before the features, for a rule that writes the label there; some of `features`.
    """

    features: int
    widths: tuple[int, ...]
    outputs: int
    activation: str
    projection: str
    taught: str
    blank: int = 0

    def __str__(self) -> str:
        sizes = "-".join(str(size) for size in (self.features, *self.widths, self.outputs))
        return f"layers {sizes} ({self.activation}, {self.projection} projections, {self.taught})"

    def net(self, generator: torch.Generator, dtype: torch.dtype) -> LayeredNet:
        """Draw the net."""
        activation, projection = ACTIVATIONS[self.activation], PROJECTIONS[self.projection]
        sizes = (self.features, self.widths, self.outputs)
        return mlp(*sizes, activation=activation, projection=projection, generator=generator).to(dtype)


def widths(asked: Any) -> tuple[int, ...]:
    """Give the widths of the blocks, asked for as one number or several.

    Raises:
        ValueError: no block, or a width that is no whole number of at least 1.
    """
    found = (asked,) if isinstance(asked, Integral) else tuple(asked)
    if not found or any(not isinstance(one, Integral) or isinstance(one, bool) or one < 1 for one in found):
        raise ValueError(f"hidden_layer_sizes must be whole numbers of at least 1, one for each block, got {asked!r}")
    return tuple(int(one) for one in found)
