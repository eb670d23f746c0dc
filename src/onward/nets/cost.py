"""What running a module costs: multiply-adds of its matrix products and convolutions, counted as they are run.

A sum of n products is n multiply-adds; a convolution counts the zeros around its map as any other place does. Activations,
pooling and normalisation are not counted.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from onward.nets.modes import evaluating
from onward.nets.projections import Shape


def counted(run: Callable[[], object]) -> int:
    """Give the multiply-adds of whatever is run."""
    counter = FlopCounterMode(display=False)
    with counter:
        run()
    return counter.get_total_flops() // 2  # it counts a multiplication and an addition as two


@torch.no_grad()
def multiply_adds(module: nn.Module, shape: Shape) -> int:
    """Give the multiply-adds of one example of a shape; the module is left as it was.

    Raises:
        RuntimeError: the module cannot take such an example.
    """
    weight = next(module.parameters(), torch.empty(0))
    x = torch.zeros(1, *shape, dtype=weight.dtype, device=weight.device)
    with evaluating(module):
        return counted(lambda: module(x))
