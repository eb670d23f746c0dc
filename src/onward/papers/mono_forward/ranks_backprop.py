"""BP over ranks by `torch.distributed.pipelining`: a batch in micro-batches, activities forth, gradients back, an update once all are back.

GPipe does all forward passes before the first backward pass, 1F1B one after the other in turns. What comes out is BP's gradient.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe
from torch.nn import functional

from onward.nets.layered import LayeredNet
from onward.papers.mono_forward.ranks_case import ADAM, parts_of
from onward.pipeline.partition import Partition
from onward.pipeline.ranks import Ranks

SCHEDULES: dict[str, Any] = {"gpipe": ScheduleGPipe, "1f1b": Schedule1F1B}


class Piped:
    """The part of a net that a rank holds, and what steps it.

    Attributes:
        part: blocks of this rank, the head with the last.
        optimiser: of their parameters.
    """

    def __init__(self, net: LayeredNet, partition: Partition, ranks: Ranks) -> None:
        """Take the part of this rank; the rest of the net is not kept.

        Args:
            net: the whole, of the same weights on all ranks.
            partition: of its blocks.
            ranks: of `joined`.
        """
        parts = parts_of(net)
        self._ranks = ranks
        self._group: Any = dist.new_group(list(range(ranks.size)))
        self.part = nn.Sequential(*(parts[block] for block in partition.blocks(ranks.rank)))
        self.optimiser = ADAM(self.part.parameters())

    def schedule(self, name: str, pieces: int) -> Any:
        """Give a schedule of `SCHEDULES` in so many micro-batches."""
        stage = PipelineStage(self.part, self._ranks.rank, self._ranks.size, torch.device("cpu"), group=self._group)
        return SCHEDULES[name](stage, pieces, loss_fn=functional.cross_entropy)

    def gradients(self, schedule: Any, x: Tensor | None, y: Tensor) -> None:
        """Put the gradients of the mean loss of a batch into the parameters; the first rank needs x, the last y."""
        self.optimiser.zero_grad()
        if self._ranks.first:
            schedule.step(x)
        elif self._ranks.last:
            schedule.step(target=y)
        else:
            schedule.step()

    def step(self, schedule: Any, x: Tensor | None, y: Tensor) -> None:
        """Learn from a batch."""
        self.gradients(schedule, x, y)
        self.optimiser.step()


def part_times(net: LayeredNet, x: Tensor, y: Tensor, passes: int) -> dict[str, list[float]]:
    """Give the seconds of every part of a net in a step of BP: `forward`, `backward`, and the `update` by the optimiser.

    They are medians over some steps, after one that does not count, as optimisers make their state in the first.
    """
    parts = parts_of(net)
    optimisers = [ADAM(part.parameters()) for part in parts]
    _part_times(parts, optimisers, x, y)
    found = [_part_times(parts, optimisers, x, y) for _ in range(passes)]
    return {
        name: [median(times) for times in zip(*(one[name] for one in found), strict=True)]
        for name in ("forward", "backward", "update")
    }


def _part_times(
    parts: Sequence[nn.Module], optimisers: Sequence[torch.optim.Optimizer], x: Tensor, y: Tensor
) -> dict[str, list[float]]:
    inputs, outputs = [], []
    forward, backward, update = [], [], []
    for part, optimiser in zip(parts, optimisers, strict=True):
        optimiser.zero_grad()
        inputs.append((outputs[-1] if outputs else x).detach().requires_grad_(bool(outputs)))
        began = time.perf_counter()
        outputs.append(part(inputs[-1]))
        forward.append(time.perf_counter() - began)
    blame = torch.autograd.grad(functional.cross_entropy(outputs[-1], y), outputs[-1], retain_graph=True)[0]
    for reads, given, optimiser in zip(inputs[::-1], outputs[::-1], optimisers[::-1], strict=True):
        began = time.perf_counter()
        torch.autograd.backward(given, blame)
        middle = time.perf_counter()
        optimiser.step()
        backward.append(middle - began)
        update.append(time.perf_counter() - middle)
        blame = reads.grad
    return {"forward": forward, "backward": backward[::-1], "update": update[::-1]}


def cut_bytes(net: LayeredNet, partition: Partition, x: Tensor) -> int:
    """Give the bytes that cross the cuts of a net for a batch: activities forth, and as much back."""
    found, given = 0, x
    with torch.no_grad():
        for block, part in enumerate(parts_of(net)):
            given = part(given)
            if block + 1 < partition.total and partition.rank_of(block) != partition.rank_of(block + 1):
                found += 2 * given.nbytes
    return found
