"""Labels as part of the input: what a rule does that asks whether picture and label belong together.

A label has a code, a row of numbers. Axes: b examples, n rows, c classes, l numbers of a code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def write_over(x: Float[Tensor, "n ..."], code: Float[Tensor, "n l"]) -> Float[Tensor, "n ..."]:
    """Write codes over the first numbers of the flattened inputs, whose shape is kept (Forward-Forward)."""
    length = code.shape[1]
    return torch.cat([code.to(x.dtype), x.flatten(1)[:, length:]], 1).view(x.shape)


def append(x: Float[Tensor, "n ..."], code: Float[Tensor, "n l"]) -> Float[Tensor, "n m"]:
    """Append codes to the flattened inputs (SymBa)."""
    return torch.cat([x.flatten(1), code.to(x.dtype)], 1)


def wrong_labels(y: Int64[Tensor, "b"], classes: int, generator: torch.Generator) -> Int64[Tensor, "b"]:
    """Draw a wrong label for every example, all wrong ones equally likely; drawn on the CPU, so alike on every device."""
    step = torch.randint(1, classes, y.shape, generator=generator)
    return (y + step.to(y.device)) % classes


def check_room(shape: Sequence[int], length: int) -> None:
    """Refuse inputs of a shape that hold nothing beside a code of a length: `ValueError`."""
    if math.prod(shape) <= length:
        raise ValueError(
            f"labels are written over the first {length} numbers of an input, but it has only {math.prod(shape)}"
        )
