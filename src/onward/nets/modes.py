"""Evaluation mode for a while: what runs inside leaves statistics as they are, and the modes come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode within a `with`; afterwards each of its parts has the mode that it had."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def rests(module: nn.Module) -> bool:
    """Whether a module has weights and none of them learns, so that its statistics are to stay too."""
    weights = list(module.parameters())
    return bool(weights) and not any(weight.requires_grad for weight in weights)
