"""Forward-only propagation on a stream: credit at every tick, with the state and its derivative kept from call to call.

    P[b, e, f] <- slope[b, f] * ( sum_g P[b, e, g] R[g, f]  +  s[b, source e] [target e = f] )

This is real-time recurrent learning (Williams and Zipser, Neural Computation 1, 1989) on the edges that exist, and equation 17 of Mesh Neural
Networks run without an end: what a tick takes, in time and in bytes, is the same for the first and for the millionth, while
backpropagation through time has to keep, or forget, the past. Axes: b batch, t ticks, i features, o outputs, e edges, f free neurons.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import dynamics, influence, losses
from onward.kernels.losses import Loss
from onward.learners.base import AbstractLearner, Credit
from onward.nets.mesh import MeshNet


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


class Online(AbstractLearner):
    """A mesh that learns while streams pass, a batch of them side by side: one parcel a tick.

    While the weights rest, the parcels of a sequence add up to the gradient of the sum of its losses, exactly. Where they are changed between
    ticks, the influence that was carried is that of the weights as they were, which is what learning in real time means.

    Attributes:
        net: the mesh; its number of ticks plays no part, a stream brings its own.
        past: what the stream has left behind; None before the first tick. In evaluation mode it is not changed.
    """

    def __init__(self, net: MeshNet, loss: Loss | str = losses.cross_entropy) -> None:
        """Teach a mesh.

        Args:
            net: the mesh, whose inputs are clamped.
            loss: of the outputs of a tick.

        Raises:
            ValueError: inputs that are free (equation 3), which are given once and not at every tick; an unknown loss.
        """
        super().__init__()
        if not net.topology.clamped:
            raise ValueError("a stream is given at every tick, but this mesh takes its inputs once, as an initial state")
        self.net = net
        self.loss = losses.find(loss)
        self.past: Past | None = None

    def reset(self) -> None:
        """Forget the stream, as at the beginning of another one."""
        self.past = None

    def credit(
        self, x: Float[Tensor, "..."], y: Tensor, *, importance: Float[Tensor, "*nets b"] | None = None
    ) -> Iterator[Credit]:
        """Take in one tick or several, and yield a parcel after each.

        Args:
            x: one tick, `*nets b i`, or a piece of a stream, `*nets b t i`.
            y: targets, one a tick (`*nets b t ...`) or the same for all of the piece.
            importance: of the streams, as for any learner.

        Raises:
            ValueError: shapes that do not fit the net, or another number of streams than before.
        """
        for number, (past, outputs) in enumerate(self._ticks(x)):
            target = self.loss.at_tick(y, number, outputs)
            self.loss.check_shape(target, outputs.shape, 0)
            value, error = self.loss(outputs, target, importance)
            yield Credit(value, {"net.weight": influence.gradient(past.influence, error, self.net.wiring)})

    def watch(self, x: Float[Tensor, "..."]) -> Float[Tensor, "*nets b o"]:
        """Take in one tick or several without targets; give the outputs of the last. Shapes and errors as for `credit`."""
        *_, (_, outputs) = self._ticks(x)
        return outputs

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "..."]) -> Float[Tensor, "*nets b o"]:
        """Give the outputs after one tick or several more, from where the stream is, which stays there."""
        pieces, activity = self._laid_out(x)
        w = self.net.read_by()
        for tick in dynamics.run(w, pieces, activity, self.net.activation):
            activity = tick.activity
        return activity[..., -self.net.topology.outputs :]

    def _laid_out(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give the ticks with the bias, `t *nets b i`, and the activity before them."""
        nets = len(self.net.nets)
        clamped, activity = self.net.drive(x.unsqueeze(nets + 1) if x.ndim == nets + 2 else x, goes_on=True)
        if self.past is not None:
            activity = self.past.activity
            if activity.shape[:-1] != clamped.shape[1:-1]:
                raise ValueError(
                    f"{activity.shape[-2]} streams are under way, got {clamped.shape[-2]}; reset() begins with others"
                )
        return clamped, activity

    def _ticks(self, x: Tensor) -> Iterator[tuple[Past, Tensor]]:
        wiring, activation = self.net.wiring, self.net.activation
        with torch.no_grad():
            clamped, activity = self._laid_out(x)
            carried = None if self.past is None else self.past.influence
        for inputs in clamped:
            with torch.no_grad():
                w = dynamics.matrix(self.net.weight, wiring)  # a caller may have changed the weights since the last tick
                (tick,) = dynamics.run(w, inputs.unsqueeze(0), activity, activation)
                slope, recurrent = activation.slope(tick.drive), w[..., wiring.fixed :, :]
                carried = influence.step(carried, tick.reads, slope, recurrent, wiring, final=False)
                activity = tick.activity
                past = Past(activity, carried)
            if self.training:
                self.past = past
            yield past, activity[..., -wiring.outputs :]
