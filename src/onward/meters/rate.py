"""How fast this machine is at what is not timed operation by operation: the optimiser's own work, and moving bytes.

Measured in a fraction of a second, as the best of some runs, so that what else runs counts as little as it can.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

BUDGET = 0.15  # seconds a measurement may take, at the least two runs
LARGEST = 4_000_000  # numbers that the optimiser is tried on
COPIED = 2**26  # numbers of four bytes that are copied: more than any cache holds


def seconds_a_number(
    optimiser: Callable[[Iterable[Tensor]], torch.optim.Optimizer], numbers: int, device: torch.device
) -> float:
    """Give the seconds that an optimiser takes for each of so many float32 parameters."""
    parameter = torch.nn.Parameter(torch.ones(min(numbers, LARGEST), device=device))
    steps = optimiser([parameter])
    parameter.grad = torch.ones_like(parameter)
    return best(steps.step, device) / parameter.numel()


def copied_per_second(device: torch.device) -> float:
    """Give the bytes a second that copying reads and writes, in sum, where no cache holds them."""
    source = torch.ones(COPIED, device=device)
    copy = torch.empty_like(source)
    return 2 * 4 * COPIED / best(lambda: copy.copy_(source), device)


def best(run: Callable[[], object], device: torch.device, budget: float = BUDGET) -> float:
    """Give the seconds of the fastest of some runs, at the least two, after a first one that does not count."""
    run()
    began, fastest, runs = time.perf_counter(), float("inf"), 0
    while runs < 2 or time.perf_counter() - began < budget:
        start = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        fastest, runs = min(fastest, time.perf_counter() - start), runs + 1
    return fastest
