"""One function that writes a net in the form that the name of the file asks for."""

from __future__ import annotations

import json
from pathlib import Path

from onward.exports import checks
from onward.exports.c_source import to_c
from onward.exports.graph import save_graphml
from onward.exports.node_link import to_node_link
from onward.exports.onnx_file import save_onnx
from onward.exports.program import save_program
from onward.files import atomic
from onward.naming import suggest
from onward.nets.layered import LayeredNet
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise


def save(
    net: MeshNet | LayeredNet,
    path: str | Path,
    *,
    inputs: Standardise | None = None,
    outputs: Standardise | None = None,
) -> Path:
    """Write a net as `.pt2` (torch.export), `.onnx`, and a mesh also as `.json` (node-link), `.c` or `.graphml`; give the path.

    Args:
        net: a single net.
        path: of the file, whose suffix says how it is written.
        inputs: scaling that is applied to the data before.
        outputs: scaling that is undone after.

    Raises:
        ValueError: no net, an unknown suffix, or what the form in question refuses.
    """
    checks.no_other(net)
    suffix = Path(path).suffix.lower()
    if suffix not in FORMS:
        raise ValueError(
            f"cannot tell from {Path(path).name!r} how to write a net, expected a name that ends in one of "
            f"{', '.join(FORMS)}{suggest(suffix, FORMS)}"
        )
    if isinstance(net, LayeredNet) and suffix not in LAYERED:
        raise ValueError(
            f"{suffix} is a form of meshes, and this is a layered net; expected a name that ends in {' or '.join(LAYERED)}"
        )
    return FORMS[suffix](net, path, inputs=inputs, outputs=outputs)


def _save_json(net: MeshNet, path: str | Path, *, inputs: Standardise | None, outputs: Standardise | None) -> Path:
    data = to_node_link(net, inputs=inputs, outputs=outputs)
    atomic.write(path, (json.dumps(data, allow_nan=False) + "\n").encode())
    return Path(path)


def _save_c(net: MeshNet, path: str | Path, *, inputs: Standardise | None, outputs: Standardise | None) -> Path:
    atomic.write(path, to_c(net, inputs=inputs, outputs=outputs).encode())
    return Path(path)


FORMS = {".pt2": save_program, ".onnx": save_onnx, ".json": _save_json, ".c": _save_c, ".graphml": save_graphml}
LAYERED = (".pt2", ".onnx")  # forms that layered nets have too
