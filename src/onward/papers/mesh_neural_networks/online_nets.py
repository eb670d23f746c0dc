"""The nets that streams are learned by: few hidden neurons in a ring, each of which keeps a part of its activity from tick to tick.

Sparse and small, they are where forward-only propagation pays on streams: what it carries grows with neurons times edges, and so does the
window of backpropagation that keeps as many bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from onward import graphs
from onward.nets import initialise
from onward.nets.mesh import MeshNet
from onward.topology import Topology


@dataclass(frozen=True)
class Shape:
    """What a mesh for a kind of task looks like, and how it begins.

    Attributes:
        hidden: neurons.
        feeds: hidden neurons that each of them feeds, itself left out.
        own: first weights from hidden neurons to themselves, as `keeping` takes them, like the next two.
        gain: of what else enters a hidden neuron.
        read: gain of what enters outputs.
        direct: whether what is read feeds the outputs itself.
    """

    hidden: int
    feeds: int
    own: tuple[float, ...]
    gain: tuple[float, ...]
    read: float
    direct: bool = False

    def mesh(self, features: int, outputs: int) -> Callable[..., MeshNet]:
        """Give what makes a tanh mesh, given a `generator`; its ticks are those of the stream."""
        topology = sparse(features, self.hidden, outputs, feeds=self.feeds, direct=self.direct)
        first = partial(keeping, own=self.own, gain=self.gain, read=self.read)
        return partial(MeshNet, topology, 3, hidden="tanh", initialise=first)


def sparse(features: int, hidden: int, outputs: int, *, feeds: int, direct: bool = False) -> Topology:
    """A recurrent net in which every hidden neuron keeps itself and feeds a few others: those that come after it, in a ring.

    What is read reaches the outputs a tick late, through hidden neurons, or, if `direct`, by edges of its own at the same tick.
    """
    inputs = features + 1
    first, last = inputs, inputs + hidden
    pairs = [(s, t) for s in range(inputs) for t in range(first, last)]
    pairs += [(first + h, first + (h + step) % hidden) for h in range(hidden) for step in range(feeds + 1)]
    heard = [*range(0 if direct else features, inputs), *range(first, last)]
    pairs += [(s, t) for s in heard for t in range(last, last + outputs)]
    mask = np.zeros((last + outputs, last + outputs), dtype=bool)
    mask[tuple(np.array(pairs).T)] = True
    return graphs.from_mask(mask, range(features), range(last, last + outputs), bias=features)


def keeping(
    topology: Topology, generator: torch.Generator, *, own: Sequence[float], gain: Sequence[float], read: float
) -> Tensor:
    """Draw weights as `fan_in`, but with given ones from hidden neurons to themselves, so that activity stays for a while.

    Args:
        topology: the graph.
        generator: source of the draw.
        own: from a hidden neuron to itself; if several, hidden neurons take turns.
        gain: of what else enters a hidden neuron, in the same turns.
        read: gain of what enters outputs.
    """
    number = topology.target - topology.inputs  # of the hidden neuron that an edge enters
    hidden = number < topology.hidden
    gains = np.where(hidden, np.take(gain, number % len(gain)), read)
    weight = initialise.fan_in(topology, generator, gain=1.0) * torch.from_numpy(gains)
    itself = torch.from_numpy(hidden & (topology.source == topology.target))
    return torch.where(itself, torch.from_numpy(np.take(own, number % len(own))), weight)
