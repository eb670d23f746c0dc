"""Gauss-Newton: the gradient of a loss and the curvature that the Jacobian of the outputs gives it, in one forward run.

    g = sum_b J_b^T l'_b,        G = sum_b J_b^T l''_b J_b = sum_b (R_b J_b)^T (R_b J_b),        R_b^T R_b = l''_b

`J_b` is the derivative of the outputs of example b with respect to all weights, which forward-only propagation carries
anyway; `l'`, `l''` are the derivatives of the mean loss at the outputs. `G` is the Hessian without the curvature of the net itself (Schraudolph,
Neural Computation 14, 2002); for squared error it is the matrix of Levenberg and Marquardt. Sums over batches are exact,
so that data of any size needs the Jacobian of one chunk only.

Axes: b batch, e edges, o outputs; `*nets` nets side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from onward.kernels.activations import Activation
from onward.kernels.dynamics import Wiring
from onward.kernels.forward_only import Engine, propagate
from onward.kernels.losses import Loss


class Quadratic(NamedTuple):
    """A loss near some weights: its value, its gradient, and its Gauss-Newton curvature."""

    value: Float[Tensor, "*nets"]
    gradient: Float[Tensor, "*nets e"]
    curvature: Float[Tensor, "*nets e e"]

    def plus(self, other: Quadratic, share: float) -> Quadratic:
        """Add the quadratic of other examples, which make up a share of all."""
        return Quadratic(*(mine + share * theirs for mine, theirs in zip(self, other, strict=True)))

    @classmethod
    def zero(cls, weight: Float[Tensor, "*nets e"]) -> Quadratic:
        """Give the quadratic of no examples."""
        return cls(
            weight.new_zeros(weight.shape[:-1]), torch.zeros_like(weight), weight.new_zeros(*weight.shape, weight.shape[-1])
        )


@torch.no_grad()
def quadratic(
    weight: Float[Tensor, "*nets e"],
    wiring: Wiring,
    clamped: Float[Tensor, "t *nets b i"],
    initial: Float[Tensor, "*nets b f"] | None,
    activation: Activation,
    loss: Loss,
    target: Shaped[Tensor, "..."],
    engine: Engine,
    importance: Float[Tensor, "*nets b"] | None = None,
) -> Quadratic:
    """Run the ticks once; give the mean loss of a batch, its exact gradient, and its Gauss-Newton curvature.

    Raises:
        ValueError: the loss does not know its curvature.
    """
    found, read = Quadratic.zero(weight), 0
    for number, outputs, derivative in propagate(
        weight, wiring, clamped, initial, activation, engine, every_tick=loss.every_tick
    ):
        loss.check_shape(target, outputs.shape, clamped.shape[0])
        value, error = loss(outputs, loss.at_tick(target, number, outputs), importance)
        jacobian = engine.jacobian(derivative, wiring)
        rows = (loss.curvature_root(outputs, importance) @ jacobian).flatten(-3, -2)
        gradient = (jacobian.flatten(-3, -2).mT @ error.flatten(-2).unsqueeze(-1)).squeeze(-1)
        found, read = found.plus(Quadratic(value, gradient, rows.mT @ rows), 1.0), read + 1
    return Quadratic(*(part / read for part in found))
