"""Forward with one map, differentiate with another: what feedback alignment does to linear maps and convolutions.

The blame of a map's own weights and bias is the true one; blame on its input is carried by a feedback of the shape of the
weights in their place. Lillicrap et al. (2016), *Random synaptic feedback weights support error backpropagation for deep
learning*. Axes: b batch, i inputs, o outputs, c d channels, h w the map, p q the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def linear(
    x: Float[Tensor, "... i"],
    weight: Float[Tensor, "o i"],
    bias: Float[Tensor, "o"] | None,
    feedback: Float[Tensor, "o i"],
) -> Float[Tensor, "... o"]:
    """`z = x W^T + c`, differentiated as `dW = dz^T x`, `dc = sum dz`, `dx = dz B`."""
    return _Linear.apply(*_in_products(x, weight, bias, feedback))  # pyright: ignore[reportReturnType]


def conv2d(
    x: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "d cc p q"],
    bias: Float[Tensor, "d"] | None,
    feedback: Float[Tensor, "d cc p q"],
    *,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Float[Tensor, "b d hh ww"]:
    """A convolution whose kernels and bias are given their true blame, its input that of a convolution by the feedback."""
    settings = (list(stride), list(padding), list(dilation), groups)
    return _Conv2d.apply(*_in_products(x, weight, bias, feedback), settings)  # pyright: ignore[reportReturnType]


def _in_products(*tensors: Tensor | None) -> list[Tensor | None]:
    """Cast to the dtype of products, as autocast does for the functions of torch; blame is cast back on its way."""
    device = next(tensor.device.type for tensor in tensors if tensor is not None)
    if not torch.is_autocast_enabled(device):
        return list(tensors)
    dtype = torch.get_autocast_dtype(device)
    return [tensor if tensor is None or tensor.dtype == torch.float64 else tensor.to(dtype) for tensor in tensors]


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, feedback: Tensor) -> Tensor:
        ctx.save_for_backward(x, feedback)
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *blame: Tensor) -> tuple[Tensor | None, ...]:
        (dz,) = blame
        x, feedback = ctx.saved_tensors
        wants_x, wants_weight, wants_bias, _ = ctx.needs_input_grad
        rows = dz.flatten(0, -2)
        return (
            dz @ feedback if wants_x else None,
            rows.T @ x.flatten(0, -2) if wants_weight else None,
            rows.sum(0) if wants_bias else None,
            None,
        )


class _Conv2d(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, feedback: Tensor, settings: tuple[Any, ...]
    ) -> Tensor:
        ctx.save_for_backward(x, feedback)
        ctx.settings = settings
        stride, padding, dilation, groups = settings
        return functional.conv2d(x, weight, bias, stride, padding, dilation, groups)

    @staticmethod
    def backward(ctx: Any, *blame: Tensor) -> tuple[Tensor | None, ...]:
        (dz,) = blame
        x, feedback = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.settings
        asked = [bool(wanted) for wanted in ctx.needs_input_grad[:3]]
        # The blame of the kernels does not depend on the kernels, so one call with the feedback in their place gives all.
        dx, dw, dc = torch.ops.aten.convolution_backward(
            dz, x, feedback, [feedback.shape[0]], stride, padding, dilation, False, [0, 0], groups, asked
        )
        found = (dx, dw, dc)
        return (*(blame if wanted else None for blame, wanted in zip(found, asked, strict=True)), None, None)


__all__ = ["conv2d", "linear"]
