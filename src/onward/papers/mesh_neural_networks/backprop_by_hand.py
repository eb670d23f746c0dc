"""Backpropagation through the ticks of a mesh as one writes it down: every product stands here, and no graph is recorded.

    blame_T = slope_T * error,   blame_k = slope_k * (R blame_(k+1)),   dE/dW = sum_k s_k^T blame_k

(Werbos, *Backpropagation through time: what it does and how to do it*, Proceedings of the IEEE 78, 1990.) It leaves out what forward-only
propagation leaves out: what static inputs bring, and what they are to blame for, is multiplied once, the first tick, which starts from zero, takes no
product with the state, at the last tick outputs alone are computed, and neurons that feed nobody are left out before. Every neuron is ReLU.

Axes: b batch, i clamped inputs, s speaking neurons, o outputs, f free neurons, e edges, r what is read: inputs and speaking neurons.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from onward.kernels import dynamics
from onward.kernels.dynamics import Wiring
from onward.kernels.losses import cross_entropy


class Run(NamedTuple):
    """What the sweep back needs of a run.

    Attributes:
        weights: as a matrix, of what is read.
        after: activity of speaking neurons (b s) after every tick but the last.
    """

    weights: Float[Tensor, "r f"]
    after: list[Tensor]


@torch.no_grad()
def gradient(
    weight: Float[Tensor, " e"],
    wiring: Wiring,
    inputs: Float[Tensor, "b i"],
    labels: Int[Tensor, " b"],
    *,
    ticks: int,
) -> Float[Tensor, " e"]:
    """Give the gradient of the mean cross-entropy of a batch, whose inputs (with the bias) stand still."""
    weights, after = run(weight, wiring, inputs, ticks=ticks)
    reading = wiring.of_outputs(weights)
    reads = torch.cat([inputs, after[-1]], dim=1) if after else functional.pad(inputs, (0, wiring.speaking))
    outputs = torch.relu(reads @ reading)
    _, error = cross_entropy(outputs, labels)
    blame = error.mul_(outputs.sign())
    at_outputs = reads.T @ blame
    if not after:
        return dynamics.of_pairs(functional.pad(at_outputs, (wiring.free - wiring.outputs, 0)), wiring)
    recurrent = wiring.of_speaking(weights)[wiring.fixed :]
    at_speaking = _swept(inputs, after, recurrent, blame @ reading[wiring.fixed :].T)
    return dynamics.of_pairs(_joined(at_speaking, at_outputs, wiring), wiring)


@torch.no_grad()
def run(weight: Float[Tensor, " e"], wiring: Wiring, inputs: Float[Tensor, "b i"], *, ticks: int) -> Run:
    """Run all ticks but the last."""
    weights = dynamics.matrix(weight, wiring)[: wiring.fixed + wiring.speaking]
    after: list[Tensor] = []
    if ticks > 1:
        of_inputs, recurrent = wiring.of_speaking(weights).split((wiring.fixed, wiring.speaking))
        brought = inputs @ of_inputs
        after.append(torch.relu(brought))
        for _ in range(ticks - 2):
            after.append(torch.relu(torch.addmm(brought, after[-1], recurrent)))
    return Run(weights, after)


def _swept(
    inputs: Float[Tensor, "b i"], after: list[Tensor], recurrent: Float[Tensor, "s s"], back: Float[Tensor, "b s"]
) -> Float[Tensor, "r s"]:
    """Sweep back over the ticks before the last, from what comes back of that one; give the gradient of pairs that end at speaking neurons."""
    blame = total = back.mul_(after[-1].sign())
    by_speaking = None
    for before in reversed(after[:-1]):
        if by_speaking is None:
            by_speaking = before.T @ blame
        else:
            torch.addmm(by_speaking, before.T, blame, out=by_speaking)
        blame = (blame @ recurrent.T).mul_(before.sign())
        total = total + blame
    return torch.cat([inputs.T @ total, torch.zeros_like(recurrent) if by_speaking is None else by_speaking])


def _joined(at_speaking: Float[Tensor, "r s"], at_outputs: Float[Tensor, "r o"], wiring: Wiring) -> Float[Tensor, "r f"]:
    """Lay side by side what ends at speaking neurons and at outputs; where outputs speak, add it up."""
    if wiring.speaking + wiring.outputs == wiring.free:
        return torch.cat([at_speaking, at_outputs], dim=1)
    per_pair = functional.pad(at_speaking, (0, wiring.free - wiring.speaking))
    wiring.of_outputs(per_pair).add_(at_outputs)
    return per_pair
