"""Memory that is used again: large tensors that are asked for anew at each step cost more time than what is written into them."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Room:
    """Memory by its name, which grows with what is asked for and stays. Of one thread."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        """Begin with none; what is given has this dtype and device."""
        self._kind = {"dtype": dtype, "device": device}
        self._held: dict[object, Tensor] = {}
        self._counting = torch.empty(0, dtype=torch.int32, device=device)
        self._ones = torch.empty(0, **self._kind)

    def __reduce__(self) -> tuple[type[Room], tuple[torch.dtype, torch.device]]:
        """Copies begin with none."""
        return Room, (self._ones.dtype, self._ones.device)

    def given(self, name: object, *shape: int) -> Tensor:
        """Give the memory of a name in a shape; what it holds is anything, and the next who asks by that name is given the same."""
        size = math.prod(shape)
        if name not in self._held or self._held[name].numel() < size:
            self._held[name] = torch.empty(size, **self._kind)
        return self._held[name][:size].view(shape)

    def counting(self, count: int) -> Int[Tensor, " count"]:
        """Give the numbers from 0."""
        if len(self._counting) < count:
            self._counting = torch.arange(count, dtype=torch.int32, device=self._counting.device)
        return self._counting[:count]

    def ones(self, count: int) -> Float[Tensor, " count"]:
        """Give so many ones."""
        if len(self._ones) < count:
            self._ones = torch.ones(count, **self._kind)
        return self._ones[:count]
