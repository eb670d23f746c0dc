"""Modes of modules: evaluation mode for a while, which leaves statistics as they are, and what training mode asks of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


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


def run(module: nn.Module, x: Tensor) -> Tensor:
    """Run a module on a batch.

    Raises:
        ValueError: one example, of which batch normalisation cannot take statistics.
    """
    try:
        return module(x)
    except ValueError as error:
        if len(x) > 1 or not any(isinstance(part, _NORMS) and part.training for part in module.modules()):
            raise
        raise ValueError(
            f"batch normalisation in training mode needs at least 2 examples a batch, got {len(x)}; drop_last=True in the "
            f"Recipe leaves out a last batch that is smaller than the others"
        ) from error


_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
