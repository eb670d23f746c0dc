"""What every rule for streams shares: ticks come in, a parcel goes out after each, and what is kept stays from call to call.

Rules differ in what they keep of the past and in how they read a gradient off it. Axes: b batch (streams side by side), t ticks,
i features, o outputs, e edges, f free neurons; `*nets` nets side by side.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import dynamics, losses
from onward.kernels.dynamics import Tick
from onward.kernels.losses import Loss
from onward.learners.base import AbstractLearner, Credit
from onward.nets.mesh import MeshNet


@runtime_checkable
class Remembered(Protocol):
    """What a stream has left behind: a named tuple of tensors."""

    @property
    def activity(self) -> Tensor:
        """Of the free neurons after the last tick, `*nets b f`."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes that are kept between two ticks."""
        ...

    def _asdict(self) -> dict[str, Any]: ...


Kept = TypeVar("Kept", bound=Remembered)


class AbstractStreamLearner(AbstractLearner, Generic[Kept]):
    """A mesh that learns while streams pass, a batch of them side by side: one parcel a tick.

    Attributes:
        net: the mesh; its number of ticks plays no part, a stream brings its own.
        past: what the stream has left behind; None before the first tick. In evaluation mode it is not changed.
    """

    kind: ClassVar[Any]  # the named tuple that the past is
    past: Kept | None

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
        self.past = None

    @abstractmethod
    def _carried(self, past: Kept | None, tick: Tick, w: Float[Tensor, "*nets n f"]) -> Kept:
        """Give what is kept after a tick, of what was kept before it."""

    @abstractmethod
    def _gradient(self, past: Kept, error: Float[Tensor, "*nets b o"]) -> Float[Tensor, "*nets e"]:
        """Give the gradient of a loss of the last tick, of which the derivative at the outputs is known."""

    @abstractmethod
    def _shapes(self, parts: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        """Say what shape each part of a past must have, given one that came from a file; its activity fits already."""

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
            with torch.no_grad():
                gradient = self._gradient(past, error)
            yield Credit(value, {"net.weight": gradient})

    def watch(self, x: Float[Tensor, "..."]) -> Float[Tensor, "*nets b o"]:
        """Take in one tick or several without targets; give the outputs of the last. Shapes and errors as for `credit`."""
        *_, (_, outputs) = self._ticks(x)
        return outputs

    def scores(self, x: Float[Tensor, "..."]) -> Float[Tensor, "*nets b o"]:
        """Give the outputs after one tick or several more, from where the stream is, which stays there."""
        return self.outlook(x)[..., -1, :]

    @torch.no_grad()
    def outlook(self, x: Float[Tensor, "..."]) -> Float[Tensor, "*nets b t o"]:
        """Give the outputs of every one of some ticks more, from where the stream is, which stays there."""
        pieces, activity = self._laid_out(x)
        ticks = dynamics.run(self.net.read_by(), pieces, activity, self.net.activation)
        return torch.stack([self.net.wiring.of_outputs(tick.activity) for tick in ticks], dim=-2)

    def restore(self, parts: Mapping[str, Tensor]) -> None:
        """Go on from what such a learner left behind, as `past._asdict()` gives it.

        Raises:
            ValueError: parts of another rule, net or dtype; what is kept is unchanged.
        """
        fields = self.kind._fields
        if set(parts) != set(fields) or not all(isinstance(part, Tensor) for part in parts.values()):
            raise ValueError(f"the past of {type(self).__name__} is {', '.join(fields)}, got {', '.join(sorted(parts))}")
        nets, free, activity = self.net.nets, self.net.topology.free, parts["activity"]
        streams = activity.shape[-2] if activity.ndim == len(nets) + 2 else 0
        _check("activity", activity, (*nets, streams, free), self.net.weight)
        for name, shape in self._shapes(parts).items():
            _check(name, parts[name], shape, self.net.weight)
        self.past = self.kind(**{name: parts[name].to(self.net.weight.device) for name in fields})

    def _laid_out(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Give the ticks with the bias, `t *nets b i`, and the activity before them, None if it is rest."""
        nets = len(self.net.nets)
        clamped, activity = self.net.drive(x.unsqueeze(nets + 1) if x.ndim == nets + 2 else x, goes_on=True)
        if self.past is not None:
            activity = self.past.activity
            if activity.shape[:-1] != clamped.shape[1:-1]:
                raise ValueError(
                    f"{activity.shape[-2]} streams are under way, got {clamped.shape[-2]}; reset() begins with others"
                )
        return clamped, activity

    def _ticks(self, x: Tensor) -> Iterator[tuple[Kept, Tensor]]:
        with torch.no_grad():
            clamped, activity = self._laid_out(x)
        past = self.past
        for inputs in clamped:
            with torch.no_grad():
                w = dynamics.matrix(self.net.weight, self.net.wiring)  # a caller may have changed it since the last tick
                (tick,) = dynamics.run(w, inputs.unsqueeze(0), activity, self.net.activation)
                past = self._carried(past, tick, w)
                activity = tick.activity
            if self.training:
                self.past = past
            yield past, activity[..., -self.net.topology.outputs :]


def _check(name: str, tensor: Tensor, shape: tuple[int, ...], weight: Tensor) -> None:
    if tuple(tensor.shape) != shape or not tensor.numel() or tensor.dtype != weight.dtype:
        raise ValueError(
            f"the {name} that this mesh goes on from is {list(shape)} in {weight.dtype}, got {list(tensor.shape)} in {tensor.dtype}"
        )
    if not tensor.isfinite().all():
        raise ValueError(
            f"the {name} that a stream goes on from must be finite, got {tensor[~tensor.isfinite()][0].item()}"
        )
