"""A trained mesh or layered net as an ONNX file, for onnxruntime and whatever else reads ONNX.

The graph is written here node by node, in operations that runtimes have had for years. torch's own exporter unrolls the
same ticks, but in seconds to minutes, with paths of the exporting machine in the file, and with the constants of
float64 nets rounded to float32. Axes: b batch, f free neurons, o outputs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from onward.exports import checks, onnx_graph, onnx_layers
from onward.exports.onnx_graph import Builder
from onward.files import atomic
from onward.kernels import dynamics
from onward.nets.layered import LayeredNet
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise


def save_onnx(
    net: MeshNet | LayeredNet, path: str | Path, *, inputs: Standardise | None = None, outputs: Standardise | None = None
) -> Path:
    """Write a net as one ONNX file with input `x`, `batch x features`, and output `y`, `batch x outputs`; give the path.

    Args:
        net: a single mesh in float32 or float64 with activations of onward's own, or a layered net (`onnx_layers`).
        path: of the file; all weights are inside it.
        inputs: scaling that is applied to the data before.
        outputs: scaling that is undone after.

    Raises:
        ValueError: the package `onnx` is missing, or what `to_module` refuses, an activation of one's own, another dtype.
    """
    atomic.write(path, onnx_model(net, inputs=inputs, outputs=outputs).SerializeToString())
    return Path(path)


def onnx_model(net: MeshNet | LayeredNet, *, inputs: Standardise | None = None, outputs: Standardise | None = None) -> Any:
    """Give a net as an `onnx.ModelProto`. Arguments and errors as in `save_onnx`."""
    onnx_graph.needed()
    if isinstance(net, LayeredNet):
        return onnx_layers.onnx_model(net, inputs=inputs, outputs=outputs)
    checks.one_net(net)
    hidden, output = checks.named_activations(net, "ONNX")
    checks.real_dtype(net.weight, "ONNX")
    before, after = checks.scalings(net.weight, net.topology.features, net.topology.outputs, inputs, outputs)
    topology = net.topology
    matrix = dynamics.matrix(net.weight.detach(), net.wiring).cpu().numpy()
    build = Builder(matrix.dtype)

    x = "x"
    if before is not None:
        x = build.add("Sub", x, build.constant("input_shift", before.shift.cpu().numpy()))
        x = build.add("Div", x, build.constant("input_scale", before.scale.cpu().numpy()))
    # all free neurons that are no inputs start at zero, so the first drive is what the inputs alone bring
    drive = build.add("MatMul", x, build.constant("from_inputs", matrix[: topology.features]))
    if topology.bias:
        drive = build.add("Add", drive, build.constant("from_bias", matrix[topology.features]))
    held = drive
    recurrent = build.constant("recurrent", matrix[topology.fixed :]) if net.ticks > 1 else ""
    activity = build.activate(drive, hidden, output, topology.free, topology.outputs)
    for _ in range(net.ticks - 1):
        drive = build.add("MatMul", activity, recurrent)
        drive = build.add("Add", drive, held) if topology.clamped else drive
        activity = build.activate(drive, hidden, output, topology.free, topology.outputs)
    y = build.columns(activity, topology.free - topology.outputs, topology.free)
    if after is not None:
        y = build.add("Mul", y, build.constant("output_scale", after.scale.cpu().numpy()))
        y = build.add("Add", y, build.constant("output_shift", after.shift.cpu().numpy()))
    build.add("Identity", y, gives="y")

    told = f"{topology}; ticks {net.ticks}, {net.activation.name}"
    return build.model("mesh", [topology.features], topology.outputs, told)
