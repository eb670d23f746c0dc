"""Node-link data hold a net without loss, and networkx reads them."""

import copy
import json
from typing import Any

import networkx
import numpy as np
import pytest
import torch

from onward import graphs
from onward.exports import from_node_link, scaling_from_node_link, to_node_link
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise
from tests.exports.meshes import SWISH, kinds, net, scalings

KINDS = list(kinds())


def through_text(data: dict) -> dict:
    return json.loads(json.dumps(data, allow_nan=False))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("topology", "hidden", "output"), [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS])
def test_a_net_comes_back_bitwise(topology, hidden: str, output: str, dtype: torch.dtype) -> None:
    one = net(topology, hidden=hidden, output=output, dtype=dtype)
    extremes = torch.tensor([-0.0, torch.finfo(dtype).max, torch.finfo(dtype).smallest_normal / 8, 1 / 3], dtype=dtype)
    with torch.no_grad():
        one.weight[:4] = extremes[: topology.edges]
    data = to_node_link(one)
    for read in (data, through_text(data)):
        again = from_node_link(read)
        assert again.topology == one.topology
        assert (again.ticks, again.hidden, again.output) == (one.ticks, one.hidden, one.output)
        assert again.weight.dtype == dtype
        assert again.weight.detach().numpy().tobytes() == one.weight.detach().numpy().tobytes()


def test_labels_come_back_and_are_left_out_where_there_are_none() -> None:
    named = graphs.from_mask(np.array([[0, 1, 1], [0, 1, 1], [0, 0, 0]]), [0], [2], labels=["dose", "Leber ü", "blood"])
    data = to_node_link(net(named))
    assert [node["label"] for node in data["nodes"]] == ["dose", "Leber ü", "blood"]
    assert from_node_link(through_text(data)).topology == named
    assert all("label" not in node for node in to_node_link(net(graphs.mesh(2, 3, 2)))["nodes"])


def test_nodes_and_the_graph_say_what_they_are() -> None:
    data = to_node_link(net(graphs.layered(1, [1], 1), hidden="tanh", ticks=2))
    assert data["graph"] == {
        "ticks": 2, "clamped": True, "bias": True, "dtype": "float32", "hidden": "tanh", "output": "identity",
    }  # fmt: skip
    assert data["nodes"] == [
        {"id": 0, "kind": "input"},
        {"id": 1, "kind": "bias"},
        {"id": 2, "kind": "hidden", "activation": "tanh"},
        {"id": 3, "kind": "output", "activation": "identity"},
    ]
    assert [(link["source"], link["target"]) for link in data["links"]] == [(0, 2), (1, 2), (1, 3), (2, 3)]


def test_networkx_loads_it_and_gives_it_back() -> None:
    one = net(graphs.mesh(2, 3, 2), hidden="tanh")
    graph = networkx.node_link_graph(to_node_link(one), edges="links")
    assert isinstance(graph, networkx.DiGraph)
    assert graph.nodes[5] == {"kind": "hidden", "activation": "tanh"}
    topology, weight = graphs.from_networkx(graph)
    assert topology == one.topology
    assert weight is not None
    np.testing.assert_array_equal(weight, one.weight.detach().double().numpy())
    again = from_node_link(networkx.node_link_data(graph, edges="links"))
    assert torch.equal(again.weight, one.weight)


def test_links_may_come_in_any_order() -> None:
    one = net(graphs.mesh(2, 3, 2))
    data = to_node_link(one)
    data["links"].reverse()
    assert torch.equal(from_node_link(data).weight, one.weight)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scaling_comes_back_in_the_dtype_of_the_net(dtype: torch.dtype) -> None:
    one = net(graphs.mesh(3, 2, 2), dtype=dtype)
    both = scalings(one)
    inputs, outputs = scaling_from_node_link(through_text(to_node_link(one, **both)))
    assert inputs is not None
    assert outputs is not None
    for found, expected in ((inputs, both["inputs"]), (outputs, both["outputs"])):
        assert torch.equal(found.shift, expected.shift.to(dtype))
        assert torch.equal(found.scale, expected.scale.to(dtype))
    assert scaling_from_node_link(to_node_link(one)) == (None, None)
    only = scaling_from_node_link(to_node_link(one, outputs=both["outputs"]))
    assert only[0] is None
    assert only[1] is not None


MESH = graphs.mesh(2, 3, 2)
GOOD = to_node_link(net(MESH), inputs=Standardise.nothing(2))
GONE = object()


def broken(*path: str | int, to: object = GONE) -> dict:
    """Good data with one entry changed, or gone."""
    data = copy.deepcopy(GOOD)
    *way, last = path
    place: Any = data
    for step in way:
        place = place[step]
    if to is GONE:
        del place[last]
    else:
        place[last] = to
    return data


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "must be an object with directed true"),
        (broken("directed", to=False), "must be an object with directed true and multigraph false"),
        (broken("multigraph", to=True), "must be an object with directed true and multigraph false"),
        (broken("graph"), "the data must hold 'graph', an object"),
        (broken("nodes", to={}), "'nodes' in the data must be a list, got {}"),
        (broken("links"), "the data must hold 'links', a list"),
        (broken("graph", "ticks"), "the graph must hold 'ticks', a whole number, got only 'clamped', 'bias'"),
        (broken("graph", "ticks", to=2.5), "'ticks' in the graph must be a whole number, got 2.5"),
        (broken("graph", "ticks", to=True), "'ticks' in the graph must be a whole number, got True"),
        (broken("graph", "ticks", to=10**13 + 1), "ticks must be a whole number from 1 to 1000000, got 10000000000001"),
        (broken("graph", "ticks", to=0), "ticks must be a whole number from 1 to 1000000, got 0"),
        (broken("graph", "bias", to=0), "'bias' in the graph must be true or false, got 0"),
        (broken("graph", "bias", to=False), "the graph says bias False, but 1 nodes are of the kind bias"),
        (broken("graph", "dtype", to="float23"), "unknown dtype 'float23', expected one of float32, float64; did you"),
        (broken("graph", "hidden", to="rleu"), "unknown activation 'rleu'.*did you mean 'relu'"),
        (broken("graph", "hidden", to="tanh"), "node 3 has the activation 'relu', expected 'tanh'"),
        (broken("graph", "clamped", to=False), "node 0 has the activation None, expected 'relu'"),
        (broken("nodes", 4, "id", to=9), "numbered from 0 in their order, got 9 at place 4"),
        (broken("nodes", 4, "id"), "node 4 must hold 'id', a whole number, got only 'kind', 'activation'"),
        (broken("nodes", 4, "kind", to="hiden"), "unknown kind 'hiden' of a node.*did you mean 'hidden'"),
        (broken("nodes", 4, "kind", to="output"), "inputs, bias, hidden, outputs in this order, got 'output' at place 4"),
        (broken("nodes", 4, to="hidden"), "node 4 must hold 'id', a whole number, got 'hidden'"),
        (broken("nodes", 4, "label", to="x"), "either all nodes have a label or none, got 1 of 8"),
        (broken("links", 7, "source", to=8), "a link names node 8, but the nodes are 0 to 7"),
        (broken("links", 7, "target", to=2**70), "a link names node 11805"),
        (broken("links", 7, "target", to=1), "the edge 1 -> 1 .* enters a clamped input"),
        (broken("links", 7, "source"), "link 7 must hold 'source', a whole number"),
        (broken("links", 7, "weight"), r"link 7 \(1 -> 5\) must hold a weight, got none"),
        (broken("links", 7, "weight", to="1"), r"weight of link 7 \(1 -> 5\) must be a finite number, got '1'"),
        (broken("links", 7, "weight", to=float("nan")), "must be a finite number, got nan"),
        (broken("links", 7, "weight", to=1e300), "weights must be finite, got inf"),
        (broken("links", 8, to=GOOD["links"][7]), "is given twice"),
    ],
)
def test_malformed_data_are_refused(data, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        from_node_link(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (broken("graph", "inputs", to=3), "inputs of the graph must be an object with shift and scale, got 3"),
        (broken("graph", "inputs", "scale"), "inputs of the graph must hold 'scale', a list"),
        (broken("graph", "inputs", "scale", to=[1.0]), "the scale of the inputs must hold 2 numbers"),
        (broken("graph", "inputs", "scale", to=[1.0, 0.0]), "the scale of the inputs must be finite and not 0"),
        (
            broken("graph", "inputs", "shift", to=[1.0, None]),
            "shift of inputs of the graph must be a finite number, got None",
        ),
    ],
)
def test_malformed_scaling_is_refused(data, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        scaling_from_node_link(data)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (net(MESH, hidden=SWISH), "node-link JSON knows the activations .* got a function of one's own, 'swish'"),
        (net(MESH, dtype=torch.bfloat16), "node-link JSON holds torch.float32 or torch.float64"),
        (MeshNet.stack([net(MESH)] * 2), "only a single net can be exported, got 2 nets"),
    ],
    ids=["own activation", "dtype", "stack"],
)
def test_what_json_cannot_hold_is_refused(one: MeshNet, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        to_node_link(one)
