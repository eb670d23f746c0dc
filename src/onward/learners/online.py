"""Forward-only propagation on a stream: credit at every tick, with the state and its derivative kept from call to call.

    P[b, e, f] <- slope[b, f] * ( sum_g P[b, e, g] R[g, f]  +  s[b, source e] [target e = f] )

This is real-time recurrent learning (Williams and Zipser, Neural Computation 1, 1989) on the edges that exist, and equation 17 of Mesh Neural
Networks run without an end: what a tick takes, in time and in bytes, is the same for the first and for the millionth, while
backpropagation through time has to keep, or forget, the past. Axes: b batch, e edges, f free neurons, o outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from onward.kernels import influence
from onward.kernels.dynamics import Tick
from onward.learners.streams import AbstractStreamLearner


class Past(NamedTuple):
    """All that a stream has left behind.

    Attributes:
        activity: of the free neurons after the last tick.
        influence: derivative of every free neuron with respect to every weight.
    """

    activity: Float[Tensor, "*nets b f"]
    influence: Float[Tensor, "*nets b e f"]

    @property
    def nbytes(self) -> int:
        """Bytes that are kept between two ticks."""
        return self.activity.nbytes + self.influence.nbytes


class Online(AbstractStreamLearner[Past]):
    """A mesh that learns while streams pass, a batch of them side by side: one parcel a tick.

    While the weights rest, the parcels of a sequence add up to the gradient of the sum of its losses, exactly. Where they are changed between
    ticks, the influence that was carried is that of the weights as they were, which is what learning in real time means.

    Attributes:
        net: the mesh; its number of ticks plays no part, a stream brings its own.
        past: what the stream has left behind; None before the first tick. In evaluation mode it is not changed.
    """

    kind = Past

    def _carried(self, past: Past | None, tick: Tick, w: Float[Tensor, "*nets n f"]) -> Past:
        wiring = self.net.wiring
        slope = self.net.activation.slope_at(tick.drive, tick.activity)
        recurrent = w[..., wiring.fixed :, :]
        carried = None if past is None else past.influence
        return Past(tick.activity, influence.step(carried, tick, slope, recurrent, wiring, final=False))

    def _gradient(self, past: Past, error: Float[Tensor, "*nets b o"]) -> Float[Tensor, "*nets e"]:
        return influence.gradient(past.influence, error, self.net.wiring)

    def _shapes(self, parts: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        *lead, free = parts["activity"].shape
        return {"influence": (*lead, self.net.topology.edges, free)}
