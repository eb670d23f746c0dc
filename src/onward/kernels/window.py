"""The gradient of the loss at one tick through the ticks just before it, backwards: what truncated BPTT computes.

    blame_T = error at the outputs,   blame_(k-1) = R (slope_k * blame_k),   dE/dW = sum over the window of s_k^T (slope_k * blame_k)

Of every tick only what the neurons read is needed; drives and slopes follow from it (Williams and Peng, Neural Computation 2,
1990). Axes: k ticks of the window, b batch, n neurons, f free neurons, o outputs, e edges; `*nets` nets side by side.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import dynamics
from onward.kernels.activations import Activation
from onward.kernels.dynamics import Wiring


def gradient(
    reads: Float[Tensor, "k *nets b n"],
    error: Float[Tensor, "*nets b o"],
    w: Float[Tensor, "*nets n f"],
    activation: Activation,
    wiring: Wiring,
) -> Float[Tensor, "*nets e"]:
    """Give the derivative of a loss at the outputs of the last tick with respect to every weight, as far as the window goes.

    What was read at the first tick of the window counts as given.
    """
    slope = activation.slope(reads @ w)
    back = w[..., wiring.fixed :, :].transpose(-1, -2)
    blame = torch.zeros_like(slope)
    now = torch.zeros_like(slope[0])
    wiring.of_outputs(now).copy_(error)
    for tick in range(len(reads) - 1, -1, -1):
        torch.mul(now, slope[tick], out=blame[tick])
        if tick:
            now = blame[tick] @ back
    per_pair = torch.cat(reads.unbind(), dim=-2).transpose(-1, -2) @ torch.cat(blame.unbind(), dim=-2)
    return dynamics.of_pairs(per_pair, wiring)
