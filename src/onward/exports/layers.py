"""A layered net as a plain `nn.Module`: copies of its blocks and its head in a row, with scaling before and after if asked.

What it computes is bitwise what the net computes in evaluation mode. It is also what is traced for `torch.export` and for
ONNX. Axes: b batch, o outputs.
"""

from __future__ import annotations

import copy
import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.exports import checks
from onward.nets.layered import LayeredNet
from onward.nets.standardise import Standardise


class PlainLayers(nn.Module):
    """Modules in a row, the last of which gives the scores.

    Attributes:
        shape: of one example.
        layers: blocks and head.
        input_shift: taken off the inputs, before they are divided by `input_scale`; None for neither.
        output_shift: added to the outputs, after they are multiplied by `output_scale`; None for neither.
    """

    input_shift: Tensor | None
    input_scale: Tensor | None
    output_shift: Tensor | None
    output_scale: Tensor | None

    def __init__(
        self,
        shape: tuple[int, ...],
        layers: nn.Sequential,
        *,
        input_scaling: tuple[Tensor, Tensor] | None = None,
        output_scaling: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """Hold modules; `of_layers` fills in everything. A scaling is a pair of shift and scale."""
        super().__init__()
        self.shape, self.layers = shape, layers
        for name, scaling in (("input", input_scaling), ("output", output_scaling)):
            shift, scale = (None, None) if scaling is None else scaling
            self.register_buffer(f"{name}_shift", shift)
            self.register_buffer(f"{name}_scale", scale)

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "b o"]:
        """Give the scores of a batch; another shape raises `ValueError`."""
        if tuple(x.shape[1:]) != self.shape:
            expected = " x ".join(map(str, self.shape))
            raise ValueError(f"expected an input of shape batch x {expected}, got {tuple(x.shape)}")
        if self.input_shift is not None and self.input_scale is not None:
            x = (x - self.input_shift) / self.input_scale
        y = self.layers(x)
        if self.output_shift is not None and self.output_scale is not None:
            y = y * self.output_scale + self.output_shift
        return y


def of_layers(net: LayeredNet, *, inputs: Standardise | None = None, outputs: Standardise | None = None) -> PlainLayers:
    """Give a layered net as a plain module in evaluation mode, which shares no memory with it.

    Args:
        net: with a head; blocks of any modules.
        inputs: scaling that is applied to the data before, for nets whose examples are vectors.
        outputs: scaling that is undone after, to give outputs in their own units.

    Raises:
        ValueError: a net without a head, weights that are not finite, or scaling that does not fit.
    """
    if net.head is None:
        raise ValueError("only a net with a head can be exported; this one has none to give scores with")
    for name, weight in net.named_parameters():
        if not weight.isfinite().all():
            raise ValueError(f"only finite weights can be exported, got {weight[~weight.isfinite()][0].item()} in {name}")
    shape = net.shapes[0]
    if inputs is not None and len(shape) > 1:
        raise ValueError(f"scaling is that of vectors, but an example of this net has shape {list(shape)}")
    like = next(net.parameters(), torch.empty(0))
    before, after = checks.scalings(like, math.prod(shape), net.outputs, inputs, outputs)
    row = nn.Sequential(*(copy.deepcopy(part) for part in (*net.blocks, net.head)))
    return PlainLayers(shape, row, input_scaling=before, output_scaling=after).eval()


def traceable(module: PlainLayers) -> PlainLayers:
    """Put in the place of each `nn.Unfold` into patches side by side what computes the same for a batch of any size."""
    for part in list(module.modules()):
        for name, child in part.named_children():
            if isinstance(child, nn.Unfold) and (size := _side_by_side(child)):
                setattr(part, name, _Patches(*size))
    return module


def _side_by_side(unfold: nn.Unfold) -> tuple[int, int] | None:
    kernel, stride, padding, dilation = (
        (one, one) if isinstance(one, int) else tuple(one)
        for one in (unfold.kernel_size, unfold.stride, unfold.padding, unfold.dilation)
    )
    fits = kernel == stride and padding == (0, 0) and dilation == (1, 1)
    return (kernel[0], kernel[1]) if fits else None


class _Patches(nn.Module):
    """Parts a map into patches, the numbers of each in a column."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n p"]:
        b, c, h, w = x.shape
        rows, columns = h // self.height, w // self.width
        x = x[:, :, : rows * self.height, : columns * self.width]
        x = x.reshape(b, c, rows, self.height, columns, self.width).permute(0, 1, 3, 5, 2, 4)
        return x.reshape(b, c * self.height * self.width, rows * columns)
