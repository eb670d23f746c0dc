"""The stages that a plain block is made of, each with the closed form of its derivative.

Running a stage gives its output and what its derivative will need, nothing more; going back maps blame on the output to
blame on the input and on the stage's own tensors. Chained over one block this is all of the calculus that Mono-Forward
needs, without autograd. Axes: b batch, i inputs, o outputs, c channels, h w the map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Kept = tuple[Tensor, ...]
Run = Callable[[Tensor, Sequence[Tensor]], tuple[Tensor, Kept]]
Back = Callable[[Tensor, Kept, Sequence[Tensor], bool], tuple[Tensor | None, list[Tensor]]]


@dataclass(frozen=True)
class Stage:
    """A map and its derivative.

    Attributes:
        run: maps (input, own tensors) to (output, what is kept for going back).
        back: maps (blame on the output, what was kept, own tensors, whether blame on the input is wanted) to (that blame, or
            None; blame on each own tensor).
    """

    run: Run
    back: Back


@cache
def linear() -> Stage:
    """`z = x W^T + c`; `dW = dz^T x`, `dc = sum_b dz`, `dx = dz W`, over all axes but the last. Own tensors: `W` (`o i`) and, if there is one, `c`."""

    def run(x: Tensor, own: Sequence[Tensor]) -> tuple[Tensor, Kept]:
        return functional.linear(x, *own), (x,)

    def back(dz: Tensor, kept: Kept, own: Sequence[Tensor], wanted: bool) -> tuple[Tensor | None, list[Tensor]]:
        (x,) = kept
        rows = dz.flatten(0, -2)  # a map of features is applied to every token of every example
        blame = [rows.T @ x.flatten(0, -2), *(rows.sum(0) for _ in own[1:])]
        return (dz @ own[0] if wanted else None), blame

    return Stage(run, back)


@cache
def convolution(stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], groups: int) -> Stage:
    """A convolution: `dW` correlates its input with `dz`. Own tensors: the kernels and, if there is one, the bias."""
    settings = (list(stride), list(padding), list(dilation), False, [0, 0], groups)

    def run(x: Tensor, own: Sequence[Tensor]) -> tuple[Tensor, Kept]:
        bias = own[1] if len(own) > 1 else None
        laid_out = _channels_last(x), _channels_last(own[0])
        return functional.conv2d(*laid_out, bias, settings[0], settings[1], settings[2], groups), (x,)

    def back(dz: Tensor, kept: Kept, own: Sequence[Tensor], wanted: bool) -> tuple[Tensor | None, list[Tensor]]:
        x, kernels = (_channels_last(one.to(dz.dtype)) for one in (kept[0], own[0]))
        biases = [own[0].shape[0]] if len(own) > 1 else [0]
        asked = [wanted, True, len(own) > 1]
        dx, dw, dc = torch.ops.aten.convolution_backward(_channels_last(dz), x, kernels, biases, *settings, asked)
        dw = dw.contiguous()  # as its kernels lie, for optimisers that take both at once
        return (dx if wanted else None), ([dw, dc] if len(own) > 1 else [dw])

    return Stage(run, back)


def _relu(x: Tensor, own: Sequence[Tensor]) -> tuple[Tensor, Kept]:
    y = torch.relu(x)
    return y, (y,)


def _relu_back(dy: Tensor, kept: Kept, own: Sequence[Tensor], wanted: bool) -> tuple[Tensor | None, list[Tensor]]:
    return torch.ops.aten.threshold_backward(dy, kept[0], 0), []


relu = Stage(_relu, _relu_back)


def _relu_over(x: Tensor, own: Sequence[Tensor]) -> tuple[Tensor, Kept]:
    return x.relu_(), (x,)


def _relu_over_back(dy: Tensor, kept: Kept, own: Sequence[Tensor], wanted: bool) -> tuple[Tensor | None, list[Tensor]]:
    return torch.ops.aten.threshold_backward.grad_input(dy, kept[0], 0, grad_input=dy), []


relu_over = Stage(_relu_over, _relu_over_back)  # writes over its input and its blame, where nobody else reads them


@cache
def average_pooling(window: int) -> Stage:
    """Means over windows of a map that do not overlap; blame spreads evenly over its window."""

    def run(x: Tensor, own: Sequence[Tensor]) -> tuple[Tensor, Kept]:
        return functional.avg_pool2d(x, window), (x.new_empty(0, *x.shape[-2:]),)

    def back(dy: Tensor, kept: Kept, own: Sequence[Tensor], wanted: bool) -> tuple[Tensor | None, list[Tensor]]:
        return _to_size(_spread(_channels_last(dy) / window**2, window), kept[0].shape[-2:]), []

    return Stage(run, back)


@cache
def max_pooling(window: int) -> Stage:
    """Maxima over windows of a map that do not overlap; blame goes to the winner."""

    def run(x: Tensor, own: Sequence[Tensor]) -> tuple[Tensor, Kept]:
        y, index = functional.max_pool2d(x, window, return_indices=True)
        return y, (index, x.new_empty(0, *x.shape[-2:]))

    def back(dy: Tensor, kept: Kept, own: Sequence[Tensor], wanted: bool) -> tuple[Tensor | None, list[Tensor]]:
        index, size = kept[0].flatten(2), kept[1].shape[-2:]
        flat = dy.new_zeros(*dy.shape[:2], size.numel())
        return flat.scatter_(2, index, dy.flatten(2)).unflatten(2, size), []

    return Stage(run, back)


def _flatten(x: Tensor, own: Sequence[Tensor]) -> tuple[Tensor, Kept]:
    return x.flatten(1), (x.new_empty(0, *x.shape[1:]),)


def _unflatten(dy: Tensor, kept: Kept, own: Sequence[Tensor], wanted: bool) -> tuple[Tensor | None, list[Tensor]]:
    return dy.unflatten(1, kept[0].shape[1:]), []


flatten = Stage(_flatten, _unflatten)


def _spread(y: Float[Tensor, "b c h w"], window: int) -> Float[Tensor, "b c hh ww"]:
    b, c, h, w = y.shape
    places = y.permute(0, 2, 3, 1)[:, :, None, :, None].expand(b, h, window, w, window, c)
    spread = places.reshape(b, h * window, w * window, c)
    return spread.contiguous().permute(0, 3, 1, 2)  # of one place it would be a view, whose numbers share one place


def _channels_last(x: Tensor) -> Tensor:
    """Lay a map out place by place, which convolutions on a CPU are up to four times as fast with."""
    fast = x.device.type == "cpu" and x.dtype.itemsize <= 4 and x.ndim == 4
    return x.contiguous(memory_format=torch.channels_last) if fast else x


def _to_size(x: Float[Tensor, "b c h w"], size: Sequence[int]) -> Float[Tensor, "b c hh ww"]:
    """Add rows and columns of zeros: those that no window held."""
    rows, columns = size[0] - x.shape[-2], size[1] - x.shape[-1]
    return functional.pad(x, (0, columns, 0, rows)) if rows or columns else x


__all__ = ["Stage", "average_pooling", "convolution", "flatten", "linear", "max_pooling", "relu", "relu_over"]
