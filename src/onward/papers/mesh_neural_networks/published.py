"""The paper's own formulation: one N x N x N tensor of derivatives an example. For tests and benchmarks.

    D = slope(t) * (D A + S~),   S~[i, j, o] = s[i] where o = j, else 0                       (equation 17)

`equation_3` is exact for the dynamics that it belongs to, in which nothing is clamped. `algorithm_1` overwrites the
inputs at every tick, as published, but keeps their derivative from the tick before: from the third tick on its gradient
is wrong unless no edge enters an input. `algorithm_1_repaired` sets that derivative to zero, which makes it exact.

Axes: b batch, t ticks, i inputs, n neurons (inputs first, outputs last); `D[b, i, j, n] = d s[b, n] / d A[i, j]`.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels.activations import Activation

State = Float[Tensor, "b n"]
Derivative = Float[Tensor, "b n n n"]


def equation_3(
    a: Float[Tensor, "n n"], initial: Float[Tensor, "b n"], ticks: int, activation: Activation
) -> tuple[State, Derivative]:
    """Give state and derivative after some ticks of `s <- f(s A)`, with the input in the initial state only."""
    state, derivative = initial, _nothing(initial)
    for _ in range(ticks):
        state, derivative = _tick(a, state, derivative, activation)
    return state, derivative


def algorithm_1(
    a: Float[Tensor, "n n"], inputs: Float[Tensor, "t b i"], activation: Activation
) -> tuple[State, Derivative]:
    """Give state and derivative by Algorithm 1 as published: inputs are clamped, their derivative is left stale."""
    return _clamped(a, inputs, activation, repaired=False)


def algorithm_1_repaired(
    a: Float[Tensor, "n n"], inputs: Float[Tensor, "t b i"], activation: Activation
) -> tuple[State, Derivative]:
    """Give state and derivative by Algorithm 1 with its missing line: what is clamped does not depend on the weights."""
    return _clamped(a, inputs, activation, repaired=True)


def gradient(derivative: Derivative, error: Float[Tensor, "b o"]) -> Float[Tensor, "n n"]:
    """Contract with the derivative of the loss at the outputs, which are the last neurons."""
    return torch.einsum("bijo,bo->ij", derivative[..., -error.shape[1] :], error)


def _clamped(a: Tensor, inputs: Tensor, activation: Activation, *, repaired: bool) -> tuple[Tensor, Tensor]:
    state = inputs.new_zeros(inputs.shape[1], len(a))
    derivative = _nothing(state)
    for clamped in inputs:
        state = torch.cat([clamped, state[:, clamped.shape[1] :]], dim=1)
        if repaired:
            derivative[..., : clamped.shape[1]] = 0
        state, derivative = _tick(a, state, derivative, activation)
    return state, derivative


def _nothing(state: Tensor) -> Tensor:
    b, n = state.shape
    return state.new_zeros(b, n, n, n)


def _tick(a: Tensor, state: Tensor, derivative: Tensor, activation: Activation) -> tuple[Tensor, Tensor]:
    drive = state @ a
    carried = derivative @ a
    carried.diagonal(dim1=2, dim2=3).add_(state.unsqueeze(-1))
    return activation.function(drive), carried * activation.slope(drive)[:, None, None, :]
