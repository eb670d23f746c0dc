"""A trained mesh as a plain `nn.Module`: a dense matrix and a loop of matrix products, in torch alone.

What it computes is bitwise what the net computes, with scaling before and after if asked. It is also what is traced for
`torch.export`. Axes: b batch, i features, n neurons, f free neurons, o outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import overload

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.exports import checks
from onward.exports.layers import PlainLayers, of_layers
from onward.kernels import dynamics
from onward.nets.layered import LayeredNet
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise


class PlainMesh(nn.Module):
    """A mesh that holds a static input for a fixed number of ticks, with nothing of onward in it.

    Attributes:
        matrix: weights, `n f`; rows feed columns, the columns are the free neurons.
        features: number of values that an example brings.
        outputs: number of values that come of it, the last free neurons.
        bias: whether a 1 is put behind the features.
        clamped: whether the inputs are given at every tick; if not, they are the first state.
        ticks: number of updates.
        activation: elementwise function of all free neurons, `b f`.
        input_shift: taken off the inputs, before they are divided by `input_scale`; None for neither.
        output_shift: added to the outputs, after they are multiplied by `output_scale`; None for neither.
    """

    input_shift: Tensor | None
    input_scale: Tensor | None
    output_shift: Tensor | None
    output_scale: Tensor | None

    def __init__(
        self,
        matrix: Float[Tensor, "n f"],
        activation: Callable[[Tensor], Tensor],
        *,
        features: int,
        outputs: int,
        bias: bool,
        clamped: bool,
        ticks: int,
        input_scaling: tuple[Tensor, Tensor] | None = None,
        output_scaling: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """Hold a copy of the matrix; `to_module` fills in everything. A scaling is a pair of shift and scale."""
        super().__init__()
        self.matrix = nn.Parameter(matrix.detach().clone())
        self.activation = activation
        self.features, self.outputs, self.bias, self.clamped, self.ticks = features, outputs, bias, clamped, ticks
        for name, scaling in (("input", input_scaling), ("output", output_scaling)):
            shift, scale = (None, None) if scaling is None else scaling
            self.register_buffer(f"{name}_shift", shift)
            self.register_buffer(f"{name}_scale", scale)

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "b o"]:
        """Run the mesh on a static input, `b i`; another shape raises `ValueError`."""
        if x.ndim != 2 or x.shape[1] != self.features:
            raise ValueError(f"expected an input of shape batch x {self.features} features, got {tuple(x.shape)}")
        if self.input_shift is not None and self.input_scale is not None:
            x = (x - self.input_shift) / self.input_scale
        if self.bias:
            x = torch.cat([x, x.new_ones(x.shape[0], 1)], dim=-1)
        n, free = self.matrix.shape
        of_inputs, recurrent = self.matrix.split((n - free, free))
        if self.clamped:
            brought = x @ of_inputs
            state = self.activation(brought)
        else:
            brought = x.new_zeros(x.shape[0], free)
            state = self.activation(torch.cat([x, brought[:, x.shape[1] :]], dim=-1) @ recurrent)
        for _ in range(self.ticks - 1):
            state = self.activation(torch.addmm(brought, state, recurrent))
        y = state[..., -self.outputs :]
        if self.output_shift is not None and self.output_scale is not None:
            y = y * self.output_scale + self.output_shift
        return y

    def extra_repr(self) -> str:
        """Say what the mesh is, for `print`."""
        inputs = "clamped" if self.clamped else "free"
        bias = " + bias" if self.bias else ""
        return f"{self.features} features{bias} ({inputs}), {self.outputs} outputs, ticks {self.ticks}"


@overload
def to_module(net: MeshNet, *, inputs: Standardise | None = None, outputs: Standardise | None = None) -> PlainMesh: ...


@overload
def to_module(net: LayeredNet, *, inputs: Standardise | None = None, outputs: Standardise | None = None) -> PlainLayers: ...


def to_module(
    net: MeshNet | LayeredNet, *, inputs: Standardise | None = None, outputs: Standardise | None = None
) -> PlainMesh | PlainLayers:
    """Give a net as a plain module, which shares no memory with it.

    Args:
        net: a single mesh, whatever its activation, or a layered net with a head, whatever its blocks.
        inputs: scaling that is applied to the data before.
        outputs: scaling that is undone after, to give outputs in their own units.

    Raises:
        ValueError: no net, a stack of nets, a net without a head, weights that are not finite, or scaling that does not fit.
    """
    checks.no_other(net)
    if isinstance(net, LayeredNet):
        return of_layers(net, inputs=inputs, outputs=outputs)
    checks.one_net(net)
    before, after = checks.scalings(net.weight, net.topology.features, net.topology.outputs, inputs, outputs)
    topology = net.topology
    return PlainMesh(
        dynamics.matrix(net.weight.detach(), net.wiring),
        net.activation.function,
        features=topology.features,
        outputs=topology.outputs,
        bias=topology.bias,
        clamped=topology.clamped,
        ticks=net.ticks,
        input_scaling=before,
        output_scaling=after,
    ).train(net.training)
