"""Backpropagation through a window of the last ticks of a stream: the rival of forward-only propagation at equal memory.

Truncated BPTT in its strongest form, BPTT(h) of Williams and Peng (Neural Computation 2, 1990): the loss of every tick is sent back through the
last `window` ticks, and what lies before them counts as given. Kept is what the neurons read at those ticks; slopes are computed
again from it, so that as long a window as possible fits. Axes: k ticks of the window, b batch, n neurons, f free neurons.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import dynamics, losses, window
from onward.kernels.dynamics import Tick
from onward.kernels.losses import Loss
from onward.learners.streams import AbstractStreamLearner
from onward.nets.mesh import MeshNet


class Window(NamedTuple):
    """What is kept of a stream.

    Attributes:
        activity: of the free neurons after the last tick.
        reads: what all neurons offered at each of the last ticks, the oldest first: clamped inputs, bias, free activity.
    """

    activity: Float[Tensor, "*nets b f"]
    reads: Float[Tensor, "k *nets b n"]

    @property
    def nbytes(self) -> int:
        """Bytes that are kept between two ticks."""
        return self.activity.nbytes + self.reads.nbytes


class TruncatedBackprop(AbstractStreamLearner[Window]):
    """A mesh that learns from streams by backpropagation through their last ticks: one parcel a tick, after a pass backwards.

    While the weights rest and the window is not shorter than the stream, the parcels add up to the true gradient; what lies
    further back than the window gets no credit.

    Attributes:
        net: the mesh.
        window: ticks that a loss is sent back through.
        past: what is kept of the stream; None before the first tick. In evaluation mode it is not changed.
    """

    kind = Window

    def __init__(self, net: MeshNet, loss: Loss | str = losses.cross_entropy, *, window: int) -> None:
        """Teach a mesh.

        Args:
            net: the mesh, whose inputs are clamped.
            loss: of the outputs of a tick.
            window: ticks that a loss is sent back through, that of the loss included.

        Raises:
            ValueError: a window that is no whole number of at least 1; else as for `Online`.
        """
        super().__init__(net, loss)
        if not isinstance(window, int) or window < 1:
            raise ValueError(f"a window is a whole number of ticks, at least 1, got {window!r}")
        self.window = window

    def _carried(self, past: Window | None, tick: Tick, w: Float[Tensor, "*nets n f"]) -> Window:
        newest = tick.reads.unsqueeze(0)
        if past is None:
            return Window(tick.activity, newest)
        before = past.reads[max(0, len(past.reads) + 1 - self.window) :]
        return Window(tick.activity, torch.cat([before, newest]))

    def _gradient(self, past: Window, error: Float[Tensor, "*nets b o"]) -> Float[Tensor, "*nets e"]:
        w = dynamics.matrix(self.net.weight, self.net.wiring)
        return window.gradient(past.reads, error, w, self.net.activation, self.net.wiring)

    def _shapes(self, parts: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        reads, lead = parts["reads"], parts["activity"].shape[:-1]
        return {"reads": (min(max(len(reads), 1), self.window), *lead, self.net.topology.neurons)}


def window_within(net: MeshNet, nbytes: int, streams: int = 1) -> int:
    """Give the longest window that keeps no more than so many bytes between two ticks of some streams.

    Raises:
        ValueError: not even a window of one tick does.
    """
    numbers = math.prod((*net.nets, streams)) * net.weight.element_size()
    state, tick = numbers * net.topology.free, numbers * net.topology.neurons
    if nbytes < state + tick:
        raise ValueError(f"a window of 1 tick keeps {state + tick} bytes, got {nbytes}")
    return (nbytes - state) // tick
