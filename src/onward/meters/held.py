"""What stands in memory between two steps: parameters, buffers, gradients, the optimiser's state, in bytes.

Storages are counted once, however many tensors look at them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True)
class Held:
    """Bytes by what they are for.

    Attributes:
        parameters: of the learner: its net, and what its rule adds.
        buffers: of the learner, such as running statistics.
        gradients: that parameters hold in `.grad`.
        optimiser: state of the optimiser, such as Adam's two means a parameter.
    """

    parameters: int
    buffers: int
    gradients: int
    optimiser: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.parameters + self.buffers + self.gradients + self.optimiser


def held(learner: nn.Module, optimiser: torch.optim.Optimizer | None = None) -> Held:
    """Count what a learner and its optimiser hold now."""
    parameters = list(learner.parameters())
    state = (
        [] if optimiser is None else [one for one in tree_leaves(list(optimiser.state.values())) if isinstance(one, Tensor)]
    )
    return Held(
        parameters=bytes_of(parameters),
        buffers=bytes_of(learner.buffers()),
        gradients=bytes_of(parameter.grad for parameter in parameters if parameter.grad is not None),
        optimiser=bytes_of(state),
    )


def bytes_of(tensors: Iterable[Tensor]) -> int:
    """Give the size of the storages behind tensors."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    return sum({storage._cdata: storage.nbytes() for storage in storages}.values())
