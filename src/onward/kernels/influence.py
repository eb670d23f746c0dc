"""Algorithm 1 edge by edge, and exact: memory that does not grow with the number of ticks.

    P[b, e, f] = slope[b, f] * ( sum_g P'[b, e, g] R[g, f]  +  s[b, source e] [target e = f] )

`P[b, e, f] = d h[b, f] / d w[e]` is the *influence* of an edge on a free neuron, `P'` that of the tick before, `R` the
rows of `W` of the free neurons. It is equation 17 of Mesh Neural Networks on the edges that exist; clamped inputs are
not among the free neurons, so the stale derivative of the published Algorithm 1 cannot arise.

Axes: b batch, e edges, f g free neurons, o outputs (the last free neurons); `*nets` nets side by side.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels.dynamics import Tick, Wiring


def step(
    carried: Float[Tensor, "*nets b e f"] | None,
    tick: Tick,
    slope: Float[Tensor, "*nets b f"],
    recurrent: Float[Tensor, "*nets f f"],
    wiring: Wiring,
    *,
    final: bool,
) -> Float[Tensor, "*nets b e kept"]:
    """Carry the influence over one tick. After the `final` tick only the output columns are kept, as only they are read."""
    kept = wiring.outputs if final else wiring.free
    column = wiring.target - (wiring.free - kept)
    reads = tick.reads
    # what enters a neuron whose column is not kept is added as zero
    said = reads.index_select(-1, wiring.source) * (column >= 0)
    if carried is None:
        influence = reads.new_zeros(*reads.shape[:-1], wiring.source.numel(), kept)
    else:
        influence = carried @ recurrent[..., None, :, -kept:]
    place = column.clamp(min=0).unsqueeze(-1).expand(*said.shape, 1)
    influence.scatter_add_(-1, place, said.unsqueeze(-1))
    return influence.mul_(slope[..., None, -kept:])


def gradient(
    carried: Float[Tensor, "*nets b e kept"], error: Float[Tensor, "*nets b o"], wiring: Wiring
) -> Float[Tensor, "*nets e"]:
    """Contract the influence on the outputs with the derivative of the loss there: `sum_bo P[b, e, o] error[b, o]`."""
    return torch.einsum("...beo,...bo->...e", carried[..., -wiring.outputs :], error)


def jacobian(carried: Float[Tensor, "*nets b e kept"], wiring: Wiring) -> Float[Tensor, "*nets b o e"]:
    """Derivative of every output with respect to every weight."""
    return carried[..., -wiring.outputs :].transpose(-1, -2)
