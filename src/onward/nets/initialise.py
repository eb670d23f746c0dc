"""First weights of a mesh: functions of the topology and a generator, one value an edge."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from onward.topology import Topology

Initialise = Callable[[Topology, torch.Generator], Float[Tensor, " e"]]


def uniform(topology: Topology, generator: torch.Generator, *, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Draw every weight, biases too, from U[low, high); U[0, 1) is what the paper's notebooks do."""
    return low + (high - low) * torch.rand(topology.edges, generator=generator, dtype=torch.float64)


def fan_in(topology: Topology, generator: torch.Generator, *, gain: float = math.sqrt(2)) -> Tensor:
    """Draw weights from N(0, gain^2 / fan-in), the fan-in of each neuron counted without the bias; biases start at zero.

    A gain of sqrt(2) keeps the size of ReLU activity from tick to tick (He et al., 2015), 1 suits tanh.
    """
    from_bias = (topology.source == topology.inputs - 1) & topology.bias
    arriving = np.bincount(topology.target[~from_bias], minlength=topology.neurons)
    scale = np.where(from_bias, 0.0, gain / np.sqrt(np.maximum(arriving, 1))[topology.target])
    return torch.randn(topology.edges, generator=generator, dtype=torch.float64) * torch.from_numpy(scale)
