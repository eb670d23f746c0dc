"""A layered net as an ONNX graph: the operations that `torch.export` finds in it, each written as its like in ONNX.

So blocks of any modules leave, as long as every operation in them has a like here. Axes: b batch, o outputs.
"""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.fx import Node

from onward.exports import checks
from onward.exports.onnx_likes import LIKES
from onward.exports.onnx_writer import Writer
from onward.exports.program import to_program
from onward.nets.layered import LayeredNet
from onward.nets.standardise import Standardise


def onnx_model(net: LayeredNet, *, inputs: Standardise | None = None, outputs: Standardise | None = None) -> Any:
    """Give a layered net as an `onnx.ModelProto` from `x` to `y`. Arguments as for `to_module`.

    Raises:
        ValueError: what `to_program` refuses, another dtype than float32 and float64, an operation that has no like here.
    """
    checks.real_dtype(next(net.parameters(), torch.empty(0)), "ONNX")
    program = to_program(net, inputs=inputs, outputs=outputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of torch about itself
        program = program.run_decompositions({})
    writer = Writer(np.dtype(str(next(net.parameters()).dtype).removeprefix("torch.")))
    signature = program.graph_signature
    held = {**program.state_dict, **program.constants}
    names = {**signature.inputs_to_parameters, **signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
    last = None
    for node in program.graph.nodes:
        if node.op == "placeholder":
            writer.take(node, held[names[node.name]] if node.name in names else None)
        elif node.op == "call_function":
            _write(writer, node)
        elif node.op == "output":
            (last,) = node.args[0]
    writer.build.add("Identity", writer.name(last), gives="y")
    return writer.build.model("layers", net.shapes[0], net.outputs, f"a layered net of {len(net.blocks)} blocks")


def _write(writer: Writer, node: Node) -> None:
    """Write one node."""
    if node.target is operator.getitem:
        source, index = node.args
        assert isinstance(source, Node)  # noqa: S101
        if index != 0:
            raise ValueError(f"ONNX has no like of output {index} of {source.target}")
        writer.values[node.name] = writer.values[source.name]
        return
    kind = str(node.target)
    if kind.startswith(("aten.sym_size", "aten._assert", "aten.sym_constrain")) or not _tensor(node):
        return  # sizes of the batch, which ONNX finds by itself
    if kind not in LIKES:
        raise ValueError(f"ONNX is written without a like of the operation {kind}; to_module and to_program take this net")
    schema = node.target._schema  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
    given = [
        node.args[k]
        if k < len(node.args)
        else node.kwargs.get(one.name, one.default_value if one.has_default_value() else None)
        for k, one in enumerate(schema.arguments)
    ]
    writer.values[node.name] = LIKES[kind](writer, node, given)


def _tensor(node: Node) -> bool:
    found = node.meta.get("val")
    return isinstance(found, Tensor) or (isinstance(found, tuple | list) and isinstance(found[0], Tensor))
