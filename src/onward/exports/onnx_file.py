"""A trained mesh as an ONNX file, for onnxruntime and whatever else reads ONNX.

The graph is written here node by node, in operations that runtimes have had for years. torch's own exporter unrolls the
same ticks, but in seconds to minutes, with paths of the exporting machine in the file, and with the constants of
float64 nets rounded to float32. Axes: b batch, f free neurons, o outputs.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from onward.exports import checks
from onward.files import atomic
from onward.kernels import dynamics
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise

OPSET, IR_VERSION = 17, 8  # of 2022: every runtime of the last years reads them
SINES = 24


def save_onnx(
    net: MeshNet, path: str | Path, *, inputs: Standardise | None = None, outputs: Standardise | None = None
) -> Path:
    """Write a net as one ONNX file with input `x`, `batch x features`, and output `y`, `batch x outputs`; give the path.

    Args:
        net: a single net in float32 or float64, with activations of onward's own.
        path: of the file; all weights are inside it.
        inputs: scaling that is applied to the data before.
        outputs: scaling that is undone after.

    Raises:
        ValueError: the package `onnx` is missing, or what `to_module` refuses, an activation of one's own, another dtype.
    """
    atomic.write(path, onnx_model(net, inputs=inputs, outputs=outputs).SerializeToString())
    return Path(path)


def onnx_model(net: MeshNet, *, inputs: Standardise | None = None, outputs: Standardise | None = None) -> Any:
    """Give a net as an `onnx.ModelProto`. Arguments and errors as in `save_onnx`."""
    try:
        import onnx
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"ONNX files need {missing.name}, which is not installed; pip install 'onward[export]' brings it"
        ) from missing
    checks.one_net(net)
    hidden, output = checks.named_activations(net, "ONNX")
    dtype = checks.real_dtype(net, "ONNX")
    before, after = checks.scalings(net, inputs, outputs)
    topology = net.topology
    matrix = dynamics.matrix(net.weight.detach(), net.wiring).cpu().numpy()
    build = _Builder(matrix.dtype)

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

    element = onnx.TensorProto.DOUBLE if dtype.itemsize == 8 else onnx.TensorProto.FLOAT
    ends = [("x", topology.features), ("y", topology.outputs)]
    given, taken = (onnx.helper.make_tensor_value_info(name, element, ["batch", size]) for name, size in ends)
    graph = onnx.helper.make_graph(build.nodes, "mesh", [given], [taken], build.constants)
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(graph, producer_name="onward", opset_imports=[opset], ir_version=IR_VERSION)
    model.doc_string = f"{topology}; ticks {net.ticks}, {net.activation.name}"
    onnx.checker.check_model(model, full_check=True)
    return model


class _Builder:
    """Collects the nodes and the constants of a graph; every method gives the name of what it made."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._made: set[str] = set()

    def add(self, kind: str, *reads: str, gives: str | None = None, **settings: Any) -> str:
        from onnx import helper

        name = f"{kind.lower()}_{len(self.nodes)}" if gives is None else gives
        self.nodes.append(helper.make_node(kind, list(reads), [name], name=name, **settings))
        return name

    def constant(self, name: str, values: Any, dtype: Any = None) -> str:
        from onnx import numpy_helper

        if name not in self._made:
            self._made.add(name)
            array = np.ascontiguousarray(np.asarray(values, self.dtype if dtype is None else dtype))
            self.constants.append(numpy_helper.from_array(array, name))
        return name

    def columns(self, values: str, first: int, last: int) -> str:
        ends = (self.constant(f"at_{k}", [k], np.int64) for k in (first, last))
        return self.add("Slice", values, *ends, self.constant("axis", [1], np.int64))

    def activate(self, drive: str, hidden: str, output: str, free: int, outputs: int) -> str:
        inner = free - outputs
        if hidden == output or not inner:
            return self._apply(output, drive)
        parts = [
            self._apply(hidden, self.columns(drive, 0, inner)),
            self._apply(output, self.columns(drive, inner, free)),
        ]
        return self.add("Concat", *parts, axis=1)

    def _apply(self, name: str, z: str) -> str:
        if name == "identity":
            return z
        return self._gelu(z) if name == "gelu" else self.add(name.capitalize(), z)

    def _gelu(self, z: str) -> str:
        """Z (1 + erf(z / sqrt 2)) / 2, as ONNX knows GELU itself only since opset 20."""
        within = self.add("Mul", z, self.constant("sqrt_half", math.sqrt(0.5)))
        erf = self.add("Erf", within) if self.dtype.itemsize == 4 else self._erf(within)
        raised = self.add("Add", erf, self.constant("one", 1.0))
        return self.add("Mul", self.add("Mul", z, self.constant("half", 0.5)), raised)

    def _erf(self, x: str) -> str:
        """The error function in float64, which onnxruntime has in float32 only.

        erf x = 2/pi times the integral of exp(-t^2) sin(2 x t) / t over t > 0. The trapezium rule with a step of pi / 12
        is exact to 1e-16 for |x| <= 6, beyond which erf x is +-1 in float64; so is cutting the sum after 24 sines.
        """
        t = np.arange(1, SINES + 1) * (math.pi / 12)
        x = self.add("Clip", x, self.constant("least", -6.0), self.constant("most", 6.0))
        column = self.add("Unsqueeze", x, self.constant("last_axis", [-1], np.int64))
        waves = self.add("Sin", self.add("Mul", column, self.constant("frequencies", 2 * t)))
        summed = self.add("MatMul", waves, self.constant("amplitudes", np.exp(-t * t) / (6 * t)))
        return self.add("Add", summed, self.add("Div", x, self.constant("six", 6.0)))
