"""Activations with their slopes.

Forward-only propagation multiplies by `f'(z)` as it goes, so an activation is a pair of functions. Hidden and output
neurons may use different ones; `side_by_side` joins them into one that acts on all free neurons.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from onward.naming import suggest


class Activation(NamedTuple):
    """An elementwise function `f` and its derivative, both maps of the drive `z` to a tensor of the same shape.

    `f` must be written in differentiable torch operations if autograd is to differentiate through it (`Backprop`, the
    gradient check); forward-only propagation itself uses `slope` alone.
    """

    name: str
    function: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]

    @property
    def silent_at_zero(self) -> bool:
        """Whether `f(0) = 0`, so that a neuron that nothing reaches stays at zero: of all neurons, where two functions are joined."""
        neurons = self.function.outputs + 1 if isinstance(self.function, _SideBySide) else 1
        return not bool(self.function(torch.zeros(neurons, dtype=torch.float64)).any())


def _identity(z: Tensor) -> Tensor:
    return z


def _relu_slope(z: Tensor) -> Tensor:
    return (z > 0).to(z.dtype)


def _tanh_slope(z: Tensor) -> Tensor:
    return 1 - torch.tanh(z).square()


def _sigmoid_slope(z: Tensor) -> Tensor:
    s = torch.sigmoid(z)
    return s * (1 - s)


def _gelu_slope(z: Tensor) -> Tensor:
    """d/dz of z Phi(z), which is Phi(z) + z phi(z)."""
    return torch.special.ndtr(z) + z * torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)


identity = Activation("identity", _identity, torch.ones_like)
relu = Activation("relu", torch.relu, _relu_slope)
tanh = Activation("tanh", torch.tanh, _tanh_slope)
sigmoid = Activation("sigmoid", torch.sigmoid, _sigmoid_slope)
gelu = Activation("gelu", torch.nn.functional.gelu, _gelu_slope)

ACTIVATIONS = {activation.name: activation for activation in (identity, relu, tanh, sigmoid, gelu)}


def find(activation: Activation | str) -> Activation:
    """Give the activation of a name; an `Activation` is passed through. Unknown names raise `ValueError`."""
    if isinstance(activation, Activation):
        return activation
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"unknown activation {activation!r}, expected one of {known}{suggest(activation, ACTIVATIONS)}")
    return ACTIVATIONS[activation]


class _SideBySide(NamedTuple):
    """A function of the last axis in two parts: the neurons before the last `outputs`, and those."""

    hidden: Callable[[Tensor], Tensor]
    output: Callable[[Tensor], Tensor]
    outputs: int

    def __call__(self, z: Tensor) -> Tensor:
        return torch.cat([self.hidden(z[..., : -self.outputs]), self.output(z[..., -self.outputs :])], dim=-1)


def side_by_side(hidden: Activation, output: Activation, outputs: int) -> Activation:
    """Join two activations: `output` acts on the last `outputs` neurons of the last axis, `hidden` on those before."""
    if hidden == output:
        return hidden
    function = _SideBySide(hidden.function, output.function, outputs)
    slope = _SideBySide(hidden.slope, output.slope, outputs)
    return Activation(f"{hidden.name}, outputs {output.name}", function, slope)
