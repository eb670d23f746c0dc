"""The same gradient as a sum of per-tick factors: fast when ticks are few.

    P[b, e, :] = sum_k s_k[b, source e] M_k[b, target e, :],     M_k = D_k R D_(k+1) R ... D_T,   D_k = diag(slope_k)

The influence of an edge splits into what its source said at tick k and how a push on its target at that tick spreads
until now. Every `M_k` is pushed forward with one matrix product per tick; the newest is still diagonal and costs a
scaling. Nothing is differentiated backwards, and edges enter only in the last contraction.

Axes: b batch, e edges, f g free neurons, k ticks so far, o outputs (the last free neurons); `*nets` nets side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels.dynamics import Wiring


class Factors(NamedTuple):
    """What every tick read, how a push at every tick but the last has spread, and the slope of the last tick."""

    reads: list[Tensor]  # k entries of (*nets b n)
    spread: Tensor | None  # (k-1 *nets b f g); None after one tick
    newest: Tensor  # (*nets b f), the diagonal of D_k; after the final tick only the outputs' entries


def step(
    carried: Factors | None,
    reads: Float[Tensor, "*nets b n"],
    slope: Float[Tensor, "*nets b f"],
    recurrent: Float[Tensor, "*nets f f"],
    wiring: Wiring,
    *,
    final: bool,
) -> Factors:
    """Push every factor over one tick. After the `final` tick only the output columns are kept, as only they are read."""
    kept = wiring.outputs if final else wiring.free
    slope = slope[..., -kept:]
    if carried is None:
        return Factors([reads], None, slope)
    r = recurrent[..., None, :, -kept:]
    spread = (carried.newest.unsqueeze(-1) * r).unsqueeze(0)
    if carried.spread is not None:
        spread = torch.cat([carried.spread @ r, spread])
    return Factors([*carried.reads, reads], spread.mul_(slope.unsqueeze(-2)), slope)


def gradient(carried: Factors, error: Float[Tensor, "*nets b o"], wiring: Wiring) -> Float[Tensor, "*nets e"]:
    """Contract with the derivative of the loss at the outputs: push the error through every factor, then meet the reads."""
    reads = torch.cat(carried.reads, dim=-2)
    blame = error.new_zeros(*error.shape[:-1], wiring.free)
    blame[..., -wiring.outputs :] = error * carried.newest[..., -wiring.outputs :]
    if carried.spread is not None:
        earlier = (carried.spread[..., -wiring.outputs :] @ error.unsqueeze(-1)).squeeze(-1)
        blame = torch.cat([*earlier, blame], dim=-2)
    per_pair = reads.transpose(-1, -2) @ blame
    return per_pair[..., wiring.source, wiring.target]


def jacobian(carried: Factors, wiring: Wiring) -> Float[Tensor, "*nets b o e"]:
    """Derivative of every output with respect to every weight."""
    outputs = wiring.outputs
    own = carried.newest.new_zeros(*carried.newest.shape[:-1], wiring.free)
    own[..., -outputs:] = carried.newest[..., -outputs:]
    last = torch.diag_embed(own)[..., -outputs:].unsqueeze(0)
    spread = last if carried.spread is None else torch.cat([carried.spread[..., -outputs:], last])
    reads = torch.stack(carried.reads)[..., wiring.source]
    return torch.einsum("k...be,k...beo->...boe", reads, spread[..., wiring.target, :])
