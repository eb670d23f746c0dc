"""A net as a networkx graph says what a net has beyond its graph, in memory and in GraphML."""

import sys
from pathlib import Path

import networkx
import pytest
import torch

from onward import graphs
from onward.exports import save_graphml, to_networkx
from onward.nets.mesh import MeshNet
from tests.exports.meshes import SWISH, net, scalings, topologies


def test_it_is_the_graph_of_the_topology_and_more() -> None:
    one = net(graphs.mesh(2, 3, 2), hidden="tanh", dtype=torch.float64)
    graph, bare = to_networkx(one), graphs.to_networkx(one.topology, one.weight)
    assert list(graph.edges(data="weight")) == list(bare.edges(data="weight"))
    expected = {"clamped": True, "ticks": 4, "hidden": "tanh", "output": "identity", "bias": True, "dtype": "float64"}
    assert graph.graph == expected
    assert graph.nodes[0] == {"kind": "input", "label": "input 0"}
    assert graph.nodes[5] == {"kind": "hidden", "label": "hidden 2", "activation": "tanh"}
    assert graph.nodes[6] == {"kind": "output", "label": "output 0", "activation": "identity"}
    assert graphs.from_networkx(graph)[0] == one.topology


def test_free_inputs_have_the_activation_of_hidden_neurons() -> None:
    graph = to_networkx(net(topologies()["free"], hidden=SWISH))
    assert graph.nodes[0]["activation"] == "swish"


def test_scaling_stands_at_inputs_and_outputs() -> None:
    one = net(graphs.mesh(2, 3, 2), dtype=torch.float64)
    both = scalings(one)
    graph = to_networkx(one, **both)
    assert graph.nodes[1]["shift"] == both["inputs"].shift[1].item()
    assert graph.nodes[7]["scale"] == both["outputs"].scale[1].item()
    assert [node for node in graph if "shift" in graph.nodes[node]] == [0, 1, 6, 7]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_graphml_reads_back_without_loss(tmp_path: Path, dtype: torch.dtype) -> None:
    one = net(graphs.cascade(2, 3, 2), dtype=dtype)
    path = save_graphml(one, tmp_path / "net.graphml", **scalings(one))
    assert [found.name for found in tmp_path.iterdir()] == ["net.graphml"]
    graph = networkx.read_graphml(path, node_type=int)
    written = to_networkx(one, **scalings(one))
    assert (dict(graph.nodes(data=True)), graph.graph["ticks"]) == (dict(written.nodes(data=True)), 4)
    topology, weight = graphs.from_networkx(graph)
    assert topology == one.topology
    assert torch.equal(torch.as_tensor(weight).to(dtype), one.weight)


def test_stacks_and_a_missing_package_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    one = net(graphs.mesh(2, 3, 2))
    with pytest.raises(ValueError, match="only a single net"):
        to_networkx(MeshNet.stack([one, one]))
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(ValueError, match=r"need networkx, which is not installed; pip install 'onward\[app\]'"):
        to_networkx(one)
