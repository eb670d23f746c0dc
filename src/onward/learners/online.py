"""Forward-only propagation on a stream: credit at every tick, with the state and its derivative kept from call to call.

    P[b, e, f] <- slope[b, f] * ( sum_g P[b, e, g] R[g, f]  +  s[b, source e] [target e = f] )

This is real-time recurrent learning (Williams and Zipser, Neural Computation 1, 1989) on the edges that exist, and equation 17 of Mesh Neural
Networks run without an end: what a tick takes, in time and in bytes, is the same for the first and for the millionth, while
backpropagation through time has to keep, or forget, the past. Axes: b batch, e edges, f free neurons, o outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from onward.kernels import influence, reach
from onward.kernels.dynamics import Tick, Wiring
from onward.learners.streams import AbstractStreamLearner


class Past(NamedTuple):
    """All that a stream has left behind.

    Attributes:
        activity: of the free neurons after the last tick.
        influence: derivative of every free neuron with respect to every live weight, in the order of the edges.
    """

    activity: Float[Tensor, "*nets b f"]
    influence: Float[Tensor, "*nets b e f"]

    @property
    def nbytes(self) -> int:
        """Bytes that are kept between two ticks."""
        return self.activity.nbytes + self.influence.nbytes


class _Live(NamedTuple):
    """The edges that are carried, and of which wiring they are; all of them if no numbers are given."""

    of: Wiring
    wiring: Wiring
    edges: Int[Tensor, " carried"] | None


class Online(AbstractStreamLearner[Past]):
    """A mesh that learns while streams pass, a batch of them side by side: one parcel a tick.

    While the weights rest, the parcels of a sequence add up to the gradient of the sum of its losses, exactly. Where they are changed between
    ticks, the influence that was carried is that of the weights as they were, which is what learning in real time means. Edges that
    can influence no output, however many ticks pass, are not carried; their gradient is zero.

    Attributes:
        net: the mesh; its number of ticks plays no part, a stream brings its own.
        past: what the stream has left behind; None before the first tick. In evaluation mode it is not changed.
    """

    kind = Past
    _live: _Live | None = None

    def restore(self, parts: Mapping[str, Tensor]) -> None:
        """Go on from what such a learner left behind, as `past._asdict()` gives it.

        Raises:
            ValueError: parts of another rule, net or dtype, or activity of a neuron that nothing reaches; what is kept is unchanged.
        """
        before = self.past
        super().restore(parts)
        topology = self.net.topology
        reached = reach.ever_active(topology, silent_at_zero=self.net.activation.silent_at_zero)
        active = parts["activity"].reshape(-1, topology.free).any(0).cpu().numpy()
        beyond = np.flatnonzero(active & ~reached[topology.fixed :])
        if beyond.size:
            self.past = before
            name = topology.name(topology.fixed + int(beyond[0]))
            raise ValueError(f"the activity of {name}, which no input and no bias reaches, must be 0")

    def _carried(self, past: Past | None, tick: Tick, w: Float[Tensor, "*nets n f"]) -> Past:
        slope = self.net.activation.slope_at(tick.drive, tick.activity)
        recurrent = w[..., self.net.wiring.fixed :, :]
        carried = None if past is None else past.influence
        return Past(tick.activity, influence.step(carried, tick, slope, recurrent, self._carried_by().wiring, final=False))

    def _gradient(self, past: Past, error: Float[Tensor, "*nets b o"]) -> Float[Tensor, "*nets e"]:
        live = self._carried_by()
        found = influence.gradient(past.influence, error, live.wiring)
        return found if live.edges is None else torch.zeros_like(self.net.weight).index_copy_(-1, live.edges, found)

    def _shapes(self, parts: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        *lead, free = parts["activity"].shape
        return {"influence": (*lead, self._carried_by().wiring.source.numel(), free)}

    def _carried_by(self) -> _Live:
        """Give the live edges, found anew only when the graph or the device is another."""
        wiring = self.net.wiring
        if self._live is None or self._live.of is not wiring:
            live = reach.live_on_streams(self.net.topology, silent_at_zero=self.net.activation.silent_at_zero)
            edges = None if live.all() else torch.from_numpy(live.nonzero()[0]).to(wiring.source.device)
            self._live = _Live(wiring, wiring if edges is None else wiring.part(edges), edges)
        return self._live
