"""Dropout that draws from its own source, so that it is the same whatever else draws, and after an interruption too."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Dropout(nn.Module):
    """Silences each number with a probability, in training mode only, and scales the others up so that the mean stays.

    What is silenced follows from a seed and from how many batches have passed in training mode; both are buffers, so a run that
    is taken up again is bitwise the run that was not left, and nets of one seed and different depth have the same masks in the
    blocks that they share. `nn.Dropout` draws from the global random state and promises neither.

    Attributes:
        probability: of being silenced.
        seed: of the masks.
        batches: how many have passed in training mode.
    """

    seed: Tensor
    batches: Tensor

    def __init__(self, probability: float, *, generator: torch.Generator) -> None:
        """Take a seed from a generator.

        Raises:
            ValueError: a probability outside [0, 1).
        """
        super().__init__()
        if not 0 <= probability < 1:
            raise ValueError(f"the probability of dropout must be at least 0 and below 1, got {probability}")
        self.probability = probability
        self.register_buffer("seed", torch.randint(2**31, (), generator=generator))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Silence some numbers; in evaluation mode give what came."""
        if not self.training or not self.probability:
            return x
        drawn = torch.Generator().manual_seed(int(self.seed) * 1_000_003 + int(self.batches))
        self.batches += 1
        kept = torch.rand(x.shape, generator=drawn) >= self.probability
        return x * (kept.to(x.device, x.dtype) / (1 - self.probability))

    def extra_repr(self) -> str:
        """Say how much, for `print`."""
        return f"{self.probability:g}"
