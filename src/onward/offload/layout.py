"""Where every tensor of a block lies in its file: first the weights and buffers, then the optimiser's state of them.

Each begins at a multiple of 64 bytes, as fresh tensors do, so that what is computed on views of a buffer is bitwise what is
computed in memory; both parts are whole pages, so that the weights can be read alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from onward.offload.disk import pages

ALIGNED = 64  # bytes; the first so many of a file hold its stamp
PRESENT = "present"


class Field(NamedTuple):
    """A tensor in a file.

    Attributes:
        name: of a weight or buffer, as in the learner.
        key: what of it, in the optimiser's words; empty for the weight or buffer itself.
        dtype: of the tensor.
        shape: of the tensor.
        start: its first byte.
    """

    name: str
    key: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int

    @property
    def stop(self) -> int:
        """The first byte behind it."""
        return self.start + prod(self.shape) * self.dtype.itemsize

    def view(self, memory: Tensor) -> Tensor:
        """Give the tensor as a view of the bytes of a file."""
        return memory[self.start : self.stop].view(self.dtype).view(self.shape)

    def described(self) -> list[object]:
        """Give what tells this tensor from another, as plain data."""
        return [self.name, self.key, str(self.dtype), list(self.shape)]


class Kept(NamedTuple):
    """What an optimiser keeps of a parameter under one key: a tensor of the parameter's shape, or a single number."""

    dtype: torch.dtype
    whole: bool


@dataclass(frozen=True)
class Layout:
    """The file of one block.

    Attributes:
        weights: weights and buffers.
        state: what the optimiser keeps of the weights, after a byte a weight that says whether it keeps anything yet.
        weights_bytes: pages of the weights, in bytes.
        bytes: of all.
    """

    weights: tuple[Field, ...]
    state: tuple[Field, ...] = ()
    weights_bytes: int = 0
    bytes: int = 0

    def stated(self) -> list[str]:
        """Name the weights that the optimiser keeps something of, in the order of their bytes in `present`."""
        return list(dict.fromkeys(field.name for field in self.state if field.name))

    def described(self, *, state: bool) -> str:
        """Give what tells one of the two parts from that of another net, as JSON: name, key, dtype and shape of each tensor."""
        return json.dumps([field.described() for field in (self.state if state else self.weights)])


def layout(tensors: Mapping[str, Tensor], kept: Mapping[str, Mapping[str, Kept]]) -> Layout:
    """Lay out a block.

    Args:
        tensors: its weights and buffers, by name; their shapes count.
        kept: what the optimiser keeps of some of them, by name and key.
    """
    end = ALIGNED
    weights, state = [], []
    for name, tensor in tensors.items():
        weights.append(Field(name, "", tensor.dtype, tuple(tensor.shape), end))
        end = _aligned(weights[-1].stop)
    weights_bytes = end = pages(end)
    stated = {name: keys for name, keys in kept.items() if keys}
    if stated:
        state.append(Field("", PRESENT, torch.uint8, (len(stated),), end))
        end = _aligned(state[-1].stop)
    for name, keys in stated.items():
        for key, one in keys.items():
            state.append(Field(name, key, one.dtype, tuple(tensors[name].shape) if one.whole else (), end))
            end = _aligned(state[-1].stop)
    return Layout(tuple(weights), tuple(state), weights_bytes, pages(end))


def _aligned(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED
