"""The nodes and constants of an ONNX graph, collected one by one, and the file that they make."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

OPSET, IR_VERSION = 17, 8  # of 2022: every runtime of the last years reads them
SINES = 24


class Builder:
    """Collects the nodes and the constants of a graph; every method gives the name of what it made."""

    def __init__(self, dtype: np.dtype) -> None:
        """Begin an empty graph whose numbers are of a dtype."""
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._made: set[str] = set()

    def add(self, kind: str, *reads: str, gives: str | None = None, **settings: Any) -> str:
        """Add a node; it reads and gives values by name."""
        from onnx import helper

        name = f"{kind.lower()}_{len(self.nodes)}" if gives is None else gives
        self.nodes.append(helper.make_node(kind, list(reads), [name], name=name, **settings))
        return name

    def constant(self, name: str, values: Any, dtype: Any = None) -> str:
        """Hold numbers under a name; the same name is held once."""
        from onnx import numpy_helper

        if name not in self._made:
            self._made.add(name)
            array = np.ascontiguousarray(np.asarray(values, self.dtype if dtype is None else dtype))
            self.constants.append(numpy_helper.from_array(array, name))
        return name

    def columns(self, values: str, first: int, last: int) -> str:
        """Take columns `first` up to, without it, `last`."""
        ends = (self.constant(f"at_{k}", [k], np.int64) for k in (first, last))
        return self.add("Slice", values, *ends, self.constant("axis", [1], np.int64))

    def activate(self, drive: str, hidden: str, output: str, free: int, outputs: int) -> str:
        """Apply the hidden activation to all neurons but the outputs, and theirs to those."""
        inner = free - outputs
        if hidden == output or not inner:
            return self.apply(output, drive)
        parts = [
            self.apply(hidden, self.columns(drive, 0, inner)),
            self.apply(output, self.columns(drive, inner, free)),
        ]
        return self.add("Concat", *parts, axis=1)

    def apply(self, name: str, z: str) -> str:
        """Apply an activation by its name in onward."""
        if name == "identity":
            return z
        return self.gelu(z) if name == "gelu" else self.add(name.capitalize(), z)

    def gelu(self, z: str) -> str:
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

    def model(self, name: str, given: Sequence[int], taken: int, told: str) -> Any:
        """Give the `onnx.ModelProto` of a graph from `x`, a batch of examples of a shape, to `y`, a batch of so many outputs."""
        import onnx

        element = onnx.TensorProto.DOUBLE if self.dtype.itemsize == 8 else onnx.TensorProto.FLOAT
        ends = (("x", ["batch", *given]), ("y", ["batch", taken]))
        first, last = (onnx.helper.make_tensor_value_info(end, element, shape) for end, shape in ends)
        graph = onnx.helper.make_graph(self.nodes, name, [first], [last], self.constants)
        opset = onnx.helper.make_opsetid("", OPSET)
        model = onnx.helper.make_model(graph, producer_name="onward", opset_imports=[opset], ir_version=IR_VERSION)
        model.doc_string = told
        onnx.checker.check_model(model, full_check=True)
        return model


def needed() -> None:
    """Refuse, with a `ValueError`, to go on without the package `onnx`."""
    try:
        import onnx  # noqa: F401
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"ONNX files need {missing.name}, which is not installed; pip install 'onward[export]' brings it"
        ) from missing
