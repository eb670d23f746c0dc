"""The ticks of a mesh: all free neurons update at once from what they read.

    t = s W,   h' = f(t),   s = (clamped inputs of this tick, free activity of the last one)

(Mesh Neural Networks, equation 3 and Algorithm 1.) Axes: b batch, n neurons, i clamped inputs, f free neurons, e edges,
t ticks; `*nets` are nets of one topology run side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from onward.kernels.activations import Activation
from onward.topology import Topology


class Wiring(NamedTuple):
    """A topology as tensors: edge `e` carries the activity of neuron `source[e]` to free neuron `target[e]`."""

    source: Int[Tensor, " e"]
    target: Int[Tensor, " e"]
    fixed: int
    free: int
    outputs: int

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.fixed + self.free


def wiring_of(topology: Topology) -> Wiring:
    """Give a topology as tensors."""
    source, target = torch.tensor(topology.source), torch.tensor(topology.target - topology.fixed)
    return Wiring(source, target, topology.fixed, topology.free, topology.outputs)


class Tick(NamedTuple):
    """One update: what was read, the drive it made, and the activity that came of it."""

    reads: Float[Tensor, "*nets b n"]
    drive: Float[Tensor, "*nets b f"]
    activity: Float[Tensor, "*nets b f"]


def matrix(weight: Float[Tensor, "*nets e"], wiring: Wiring) -> Float[Tensor, "*nets n f"]:
    """Lay edge weights out as the columns of the adjacency matrix that enter free neurons."""
    nets = weight.shape[:-1]
    place = wiring.source * wiring.free + wiring.target
    flat = weight.new_zeros(*nets, wiring.neurons * wiring.free).index_copy(-1, place, weight)
    return flat.view(*nets, wiring.neurons, wiring.free)


def run(
    w: Any,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"],
    activation: Activation,
) -> Iterator[Tick]:
    """Update the free neurons once for every entry of `clamped`, and give each tick as it happens.

    `w` is what `matrix` gives, or anything else that what is read can be multiplied by (`sparse_weights`).
    """
    activity = initial
    for inputs in clamped:
        reads = torch.cat([inputs, activity], dim=-1) if inputs.shape[-1] else activity
        drive = reads @ w
        activity = activation.function(drive)
        yield Tick(reads, drive, activity)
