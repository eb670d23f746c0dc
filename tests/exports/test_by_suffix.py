"""The name of a file says how a net is written."""

import json
import zipfile
from pathlib import Path

import networkx
import numpy as np
import onnxruntime
import pytest
import torch

from onward import graphs
from onward.exports import from_node_link, save, scaling_from_node_link, to_c
from tests.exports.meshes import assert_near, data, net, scaled, scalings

ONE = net(graphs.mesh(2, 3, 2), hidden="tanh")
BOTH = scalings(ONE)


def test_pt2_is_a_program(tmp_path: Path) -> None:
    path = save(ONE, str(tmp_path / "net.pt2"), **BOTH)
    with zipfile.ZipFile(path) as parts:
        assert any("input_shift" in parts.read(name).decode("latin-1") for name in parts.namelist())


def test_onnx_is_onnx(tmp_path: Path) -> None:
    x, path = data(ONE, 3), save(ONE, tmp_path / "net.onnx", **BOTH)
    found = onnxruntime.InferenceSession(str(path)).run(None, {"x": x.numpy()})[0]
    assert_near(np.asarray(found), scaled(ONE, x, **BOTH))


def test_json_is_node_link_data_with_scaling(tmp_path: Path) -> None:
    read = json.loads(save(ONE, tmp_path / "net.json", **BOTH).read_text())
    assert torch.equal(from_node_link(read).weight, ONE.weight)
    inputs, outputs = scaling_from_node_link(read)
    assert inputs is not None
    assert outputs is not None
    assert torch.equal(outputs.scale, BOTH["outputs"].scale.float())
    assert torch.equal(inputs.shift, BOTH["inputs"].shift.float())


def test_c_is_c_whatever_the_case_of_the_suffix(tmp_path: Path) -> None:
    assert save(ONE, tmp_path / "net.C", **BOTH).read_text() == to_c(ONE, **BOTH)


def test_graphml_is_graphml_with_scaling(tmp_path: Path) -> None:
    graph = networkx.read_graphml(save(ONE, tmp_path / "net.graphml", **BOTH))
    assert (graph.number_of_edges(), graph.graph["hidden"]) == (ONE.topology.edges, "tanh")
    assert graph.nodes["0"]["shift"] == BOTH["inputs"].shift[0].float().item()


@pytest.mark.parametrize("name", ["net", "net.onx", "net.svg", ".onnx"])
def test_another_suffix_is_refused_with_those_that_are_known(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot tell from '.*' how .* \.pt2, \.onnx, \.json, \.c, \.graphml"):
        save(ONE, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_near_suffix_is_suggested_and_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="did you mean '.onnx'"):
        save(ONE, tmp_path / "net.onx")
    (tmp_path / "net.c").mkdir()
    with pytest.raises(OSError, match="cannot be written: it is a folder"):
        save(ONE, tmp_path / "net.c")
