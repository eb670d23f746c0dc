"""Shift and scale of features or targets: `z = (x - shift) / scale`, and back. Axes: n examples, i columns."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Standardise(NamedTuple):
    """An invertible map of every column to about mean 0 and deviation 1."""

    shift: Float[Tensor, " i"]
    scale: Float[Tensor, " i"]

    @classmethod
    def of(cls, x: Float[Tensor, "n i"], weight: Float[Tensor, " n"] | None = None) -> Standardise:
        """Measure mean and deviation of some data, weighted if asked; a constant column keeps its scale.

        Raises:
            ValueError: values so large that their mean or deviation is not finite.
        """
        part = x.new_full((len(x),), 1 / len(x)) if weight is None else weight / weight.sum()
        shift = part @ x
        deviation = (part @ (x - shift).square()).sqrt()
        wrong = ~(shift.isfinite() & deviation.isfinite())
        if wrong.any():
            column = int(wrong.nonzero()[0])
            largest = x[:, column].abs().max().item()
            raise ValueError(f"column {column} cannot be scaled in {x.dtype}: its values reach {largest:.3g}")
        constant = deviation <= 10 * torch.finfo(x.dtype).eps * shift.abs()
        return cls(shift, torch.where(constant, torch.ones_like(deviation), deviation))

    @classmethod
    def nothing(cls, columns: int, dtype: torch.dtype = torch.float64) -> Standardise:
        """Give the map that changes nothing."""
        return cls(torch.zeros(columns, dtype=dtype), torch.ones(columns, dtype=dtype))

    def apply(self, x: Float[Tensor, "... i"]) -> Float[Tensor, "... i"]:
        """Standardise."""
        return (x - self.shift) / self.scale

    def undo(self, z: Float[Tensor, "... i"]) -> Float[Tensor, "... i"]:
        """Take standardised values back to their own units."""
        return z * self.scale + self.shift
