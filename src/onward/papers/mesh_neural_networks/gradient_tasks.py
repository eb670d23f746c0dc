"""What methods are compared on: a mesh whose neurons are all ReLU, as in the paper, and a batch of noise. Axes: b batch, i features."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from onward.nets.mesh import MeshNet
from onward.topology import Topology


class Task(NamedTuple):
    """A mesh and a batch of noise, whose inputs stand still."""

    net: MeshNet
    x: Float[Tensor, "b i"]
    y: Int[Tensor, " b"]


Step = Callable[[], Tensor]  # gives the gradient, one number an edge


def task(topology: Topology, *, ticks: int, batch: int, seed: int, dtype: torch.dtype = torch.float32) -> Task:
    """Draw weights and a batch."""
    drawn = torch.Generator().manual_seed(seed)
    net = MeshNet(topology, ticks, output="relu", generator=drawn, dtype=dtype)
    x = torch.randn(batch, topology.features, generator=drawn, dtype=dtype)
    return Task(net, x, torch.randint(topology.outputs, (batch,), generator=drawn))


def with_bias(given: Task) -> Float[Tensor, "b clamped"]:
    """Give the inputs with the bias behind them, if there is one."""
    return functional.pad(given.x, (0, 1), value=1.0) if given.net.topology.bias else given.x
