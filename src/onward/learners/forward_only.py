"""Forward-only propagation on a mesh (Galatolo, Cimino and Vaglini, 2021), with the true gradient.

The derivative of the state travels forward with the state, so credit is ready at the last tick; nothing is stored of
earlier ticks by the influence engine, and nothing is differentiated backwards by either.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import curvature, forward_only, losses, sparse
from onward.kernels.curvature import Quadratic
from onward.kernels.forward_only import Engine
from onward.kernels.losses import Loss
from onward.kernels.plan import plan
from onward.learners.base import AbstractLearner, Credit
from onward.nets.mesh import MeshNet


class ForwardOnly(AbstractLearner):
    """A mesh that learns forward-only: one parcel, exact, without a backward pass."""

    def __init__(
        self, net: MeshNet, loss: Loss | str = losses.cross_entropy, *, engine: Engine | str | None = None
    ) -> None:
        """Teach a mesh.

        Args:
            net: the mesh.
            loss: read at the last tick, or at every tick if made so by `every_tick`.
            engine: "influence", "factored" or "sparse", which compute the same numbers; left out, the plan's choice for each batch.
        """
        super().__init__()
        self.net = net
        self.loss = losses.find(loss)
        self.engine = None if engine is None else forward_only.find(engine)
        self._laid_out_for = net.topology
        self._layout = sparse.Layout()
        self._planned: dict[tuple[int, int], Engine] = {}

    def credit(
        self,
        x: Float[Tensor, "..."],
        y: Tensor,
        initial: Float[Tensor, "..."] | None = None,
        *,
        importance: Float[Tensor, "*nets b"] | None = None,
    ) -> Iterator[Credit]:
        """Yield the one parcel of a batch. Shapes as in `MeshNet.drive`."""
        clamped, state = self.net.drive(x, initial)
        engine = self._engine(len(clamped), state.shape[-2])
        loss, gradient = forward_only.loss_and_gradient(
            self.net.weight, self.net.wiring, clamped, state, self.net.activation, self.loss, y, engine, importance
        )
        yield Credit(loss, {"net.weight": gradient})

    @torch.no_grad()
    def scores(self, x: Float[Tensor, "..."], initial: Float[Tensor, "..."] | None = None) -> Float[Tensor, "*nets b o"]:
        """Give the outputs of the last tick."""
        return self.net(x, initial)

    def jacobian(
        self, x: Float[Tensor, "..."], initial: Float[Tensor, "..."] | None = None
    ) -> Float[Tensor, "*nets b o e"]:
        """Give the derivative of every output of the last tick with respect to every weight."""
        clamped, state = self.net.drive(x, initial)
        engine = self._engine(len(clamped), state.shape[-2])
        return forward_only.outputs_and_jacobian(
            self.net.weight, self.net.wiring, clamped, state, self.net.activation, engine
        )[1]

    def quadratic(
        self,
        x: Float[Tensor, "..."],
        y: Tensor,
        initial: Float[Tensor, "..."] | None = None,
        *,
        importance: Float[Tensor, "*nets b"] | None = None,
    ) -> Quadratic:
        """Give the loss of a batch, its gradient and its Gauss-Newton curvature; `importance` as for `credit`."""
        clamped, state = self.net.drive(x, initial)
        engine = self._engine(len(clamped), state.shape[-2])
        return curvature.quadratic(
            self.net.weight, self.net.wiring, clamped, state, self.net.activation, self.loss, y, engine, importance
        )

    def _engine(self, ticks: int, batch: int) -> Engine:
        if self._laid_out_for is not self.net.topology:  # the graph has changed
            self._laid_out_for, self._layout = self.net.topology, sparse.Layout()
            self._planned.clear()
        key = (ticks, batch)
        if self.engine is None and key not in self._planned:
            self._planned[key] = forward_only.find(plan(self.net.topology, ticks, batch).engine)
        engine = self._planned[key] if self.engine is None else self.engine
        if engine is forward_only.SPARSE:
            return engine._replace(prepare=partial(sparse.prepare, layout=self._layout))
        return engine
