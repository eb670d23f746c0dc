"""A trained mesh or layered net as a `torch.export` program: a graph of tensor operations that any torch can load, without onward.

The batch may have any size. Axes: b batch, i features, o outputs.
"""

from __future__ import annotations

import io
from pathlib import Path

import torch
from torch._dynamo.exc import UserError
from torch.export import Dim, ExportedProgram

from onward.exports.layers import traceable
from onward.exports.module import to_module
from onward.files import atomic
from onward.nets.layered import LayeredNet
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise


def to_program(
    net: MeshNet | LayeredNet, *, inputs: Standardise | None = None, outputs: Standardise | None = None
) -> ExportedProgram:
    """Give a net as an exported program from `b i`, or batches of examples of any shape, to `b o`; arguments and errors as
    in `to_module`.

    An activation or block of one's own must be made of torch operations that `torch.export` can trace for any batch, or
    `ValueError` says what it cannot.
    """
    if isinstance(net, LayeredNet):
        module, shape = traceable(to_module(net, inputs=inputs, outputs=outputs)), net.shapes[0]
        like = next(net.parameters())
    else:
        module, shape = to_module(net, inputs=inputs, outputs=outputs).eval(), (net.topology.features,)
        like = net.weight
    # torch.export takes sizes 0 and 1 for constants, so the batch that it looks at has two examples
    example = like.new_zeros(2, *shape)
    try:
        program = torch.export.export(module, (example,), dynamic_shapes={"x": {0: Dim("batch")}})
    except (UserError, RuntimeError) as error:
        why = str(error).split("\n")[0][:200]
        raise ValueError(
            f"torch.export cannot trace this net for batches of any size; to_module takes it ({why})"
        ) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names files of the machine that exports
    return program


def save_program(
    net: MeshNet | LayeredNet, path: str | Path, *, inputs: Standardise | None = None, outputs: Standardise | None = None
) -> Path:
    """Write the exported program, to be read with `torch.export.load`; give the path. Errors as in `to_program`."""
    content = io.BytesIO()
    torch.export.save(to_program(net, inputs=inputs, outputs=outputs), content)
    atomic.write(path, content.getvalue())
    return Path(path)
