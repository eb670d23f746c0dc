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
    gradient check); forward-only propagation itself uses the slope alone. Where that follows from the activity `f(z)`, `read_off` maps this to
    it, which spares the function a second time.
    """

    name: str
    function: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    read_off: Callable[[Tensor], Tensor] | None = None

    def slope_at(self, drive: Tensor, activity: Tensor) -> Tensor:
        """Give the slope at a drive whose activity is there already."""
        both = _joined(self)
        if both is not None:
            return both.slope_at(drive, activity)
        return self.slope(drive) if self.read_off is None else self.read_off(activity)

    @property
    def silent_at_zero(self) -> bool:
        """Whether `f(0) = 0`, so that a neuron that nothing reaches stays at zero: of all neurons, where two functions are joined."""
        both = _joined(self)
        neurons = 1 if both is None else both.outputs + 1
        return not bool(self.function(torch.zeros(neurons, dtype=torch.float64)).any())


def _identity(z: Tensor) -> Tensor:
    return z


def _relu_slope(z: Tensor) -> Tensor:
    return (z > 0).to(z.dtype)


def _off_tanh(h: Tensor) -> Tensor:
    return 1 - h.square()


def _tanh_slope(z: Tensor) -> Tensor:
    return _off_tanh(torch.tanh(z))


def _off_sigmoid(h: Tensor) -> Tensor:
    return h * (1 - h)


def _sigmoid_slope(z: Tensor) -> Tensor:
    return _off_sigmoid(torch.sigmoid(z))


def _gelu_slope(z: Tensor) -> Tensor:
    """d/dz of z Phi(z), which is Phi(z) + z phi(z)."""
    return torch.special.ndtr(z) + z * torch.exp(-0.5 * z.square()) / math.sqrt(2 * math.pi)


identity = Activation("identity", _identity, torch.ones_like, torch.ones_like)
relu = Activation("relu", torch.relu, _relu_slope, torch.sign)
tanh = Activation("tanh", torch.tanh, _tanh_slope, _off_tanh)
sigmoid = Activation("sigmoid", torch.sigmoid, _sigmoid_slope, _off_sigmoid)
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
    """Two activations on the last axis: on the neurons before the last `outputs`, and on those."""

    hidden: Activation
    output: Activation
    outputs: int

    def function(self, z: Tensor) -> Tensor:
        hidden, output = self._parted(z)
        return torch.cat([self.hidden.function(hidden), self.output.function(output)], dim=-1)

    def slope(self, z: Tensor) -> Tensor:
        hidden, output = self._parted(z)
        return torch.cat([self.hidden.slope(hidden), self.output.slope(output)], dim=-1)

    def slope_at(self, drive: Tensor, activity: Tensor) -> Tensor:
        parts = zip((self.hidden, self.output), self._parted(drive), self._parted(activity), strict=True)
        return torch.cat([part.slope_at(z, h) for part, z, h in parts], dim=-1)

    def _parted(self, values: Tensor) -> tuple[Tensor, ...]:
        return values.split((values.shape[-1] - self.outputs, self.outputs), dim=-1)


def side_by_side(hidden: Activation, output: Activation, outputs: int) -> Activation:
    """Join two activations: `output` acts on the last `outputs` neurons of the last axis, `hidden` on those before."""
    if hidden == output:
        return hidden
    both = _SideBySide(hidden, output, outputs)
    return Activation(f"{hidden.name}, outputs {output.name}", both.function, both.slope)


def split(activation: Activation, silent: int, outputs: int) -> tuple[Activation, Activation]:
    """Give what acts on all neurons but some silent ones at the end, and what acts on the outputs."""
    both = _joined(activation)
    if both is None:
        return activation, activation
    return both.hidden if silent >= outputs else side_by_side(both.hidden, both.output, outputs - silent), both.output


def _joined(activation: Activation) -> _SideBySide | None:
    owner = getattr(activation.function, "__self__", None)
    return owner if isinstance(owner, _SideBySide) else None
