"""Graphs come from and go to matrices, SciPy and networkx without losing an edge, a weight or a name."""

import networkx
import numpy as np
import pytest
import scipy.sparse
import torch

from onward import graphs


def test_inputs_and_outputs_may_stand_anywhere() -> None:
    mask = np.zeros((5, 5))
    mask[4, 1] = mask[1, 0] = mask[2, 0] = mask[3, 1] = 1  # 4 and 2 are inputs, 3 the bias, 0 the output, 1 hidden
    found = graphs.from_mask(mask, inputs=[4, 2], outputs=[0], bias=3, labels=list("abcde"))
    assert (found.inputs, found.hidden, found.outputs, found.bias) == (3, 1, 1, True)
    assert found.labels == ("e", "c", "d", "b", "a")
    assert set(zip(found.source, found.target, strict=True)) == {(0, 3), (3, 4), (1, 4), (2, 3)}


@pytest.mark.parametrize("kind", ["dense", "csr", "coo"])
def test_weights_come_along_in_edge_order(kind: str) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(7, 7)) * (rng.random((7, 7)) < 0.5)
    inputs, outputs = [5, 0], [2, 6]
    matrix[:, inputs] = 0
    given = {"dense": matrix, "csr": scipy.sparse.csr_array(matrix), "coo": scipy.sparse.coo_array(matrix)}[kind]
    topology, weight = graphs.from_adjacency(given, inputs, outputs)
    order = [5, 0, 1, 3, 4, 2, 6]
    np.testing.assert_array_equal(topology.adjacency(weight), matrix[np.ix_(order, order)])


def test_scipy_round_trip() -> None:
    topology = graphs.mesh(2, 3, 2)
    weight = torch.arange(1.0, topology.edges + 1)
    sparse = graphs.to_scipy(topology, weight)
    np.testing.assert_array_equal(sparse.toarray(), topology.adjacency(weight))
    assert graphs.to_scipy(topology).sum() == topology.edges
    again, values = graphs.from_adjacency(sparse, [0, 1], [6, 7], bias=2)
    assert again == topology
    np.testing.assert_array_equal(values, weight)


def test_networkx_round_trip_needs_no_arguments() -> None:
    topology = graphs.cascade(2, 3, 1)
    weight = torch.randn(topology.edges, dtype=torch.float64)
    graph = graphs.to_networkx(topology, weight)
    assert graph.nodes[2] == {"kind": "bias", "label": "bias"}
    again, values = graphs.from_networkx(graph)
    assert again == topology
    assert values is not None
    np.testing.assert_array_equal(values, weight)
    bare, nothing = graphs.from_networkx(graphs.to_networkx(topology))
    assert bare == topology
    assert nothing is None


def test_networkx_nodes_of_any_name_become_labels() -> None:
    graph = networkx.DiGraph([("in", "middle"), ("middle", "middle"), ("middle", "out")])
    found, _ = graphs.from_networkx(graph, inputs=["in"], outputs=["out"])
    assert found.labels == ("in", "middle", "out")
    assert found.edges == 3


def test_labels_survive_a_round_trip_through_networkx() -> None:
    named = graphs.from_mask(np.array([[0, 1, 1], [0, 1, 1], [0, 0, 0]]), [0], [2], labels=["dose", "liver", "blood"])
    assert graphs.from_networkx(graphs.to_networkx(named))[0] == named


def test_free_inputs_survive_a_round_trip_through_networkx() -> None:
    free = graphs.from_mask(np.ones((4, 4)), [0], [3], clamped=False)
    assert graphs.from_networkx(graphs.to_networkx(free))[0] == free


def test_masks_may_be_sparse() -> None:
    mask = np.triu(np.ones((4, 4)), 1)
    assert graphs.from_mask(scipy.sparse.csr_array(mask), [0], [3]) == graphs.from_mask(mask, [0], [3])


def test_equation_3_keeps_edges_into_inputs() -> None:
    found = graphs.from_mask(np.ones((4, 4)), [0], [3], clamped=False)
    assert found.edges == 16


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: graphs.from_mask(np.ones((3, 4)), [0], [2]), r"must be square, got shape \(3, 4\)"),
        (lambda: graphs.from_mask(np.ones(3), [0], [2]), r"must be square, got shape \(3,\)"),
        (lambda: graphs.from_mask(np.ones((3, 3)), [0], [2]), "the edge 0 -> 0 enters a clamped"),
        (lambda: graphs.from_mask(np.eye(6, k=2), [5], [0]), "the edge 3 -> 5 enters a clamped input"),
        (lambda: graphs.from_mask(np.eye(3, k=1), [2], [0], labels=list("abc")), "the edge b -> c enters a clamped"),
        (lambda: graphs.from_mask(np.eye(3), [0], [7]), "position 7 is outside the 3 neurons"),
        (lambda: graphs.from_mask(np.eye(3), [0, 1], [1]), "position 1 is named twice"),
        (lambda: graphs.from_mask(np.array([[0, np.nan], [0, 0]]), [0], [1]), "mask must be finite, got nan"),
        (lambda: graphs.from_mask(np.array([["a", "b"], ["", ""]]), [0], [1]), "must hold numbers, got <U1"),
        (
            lambda: graphs.from_networkx(networkx.DiGraph([("a", "b", {"weight": np.inf})]), ["a"], ["b"]),
            "the edge a -> b has the weight inf",
        ),
        (lambda: graphs.from_adjacency(np.diag([0, np.nan, 1]), [0], [2]), "holds nan at row 1, column 1"),
        (
            lambda: graphs.from_networkx(networkx.Graph([(0, 1)]), [0], [1]),  # pyright: ignore[reportArgumentType]
            "plain directed graph.*got Graph",
        ),
        (lambda: graphs.from_networkx(networkx.MultiDiGraph([(0, 1)]), [0], [1]), "got MultiDiGraph"),
        (
            lambda: graphs.from_networkx(networkx.DiGraph([("left", "right")]), ["lefd"], ["right"]),
            "inputs name the node 'lefd', which is not in the graph; did you mean 'left'",
        ),
    ],
)
def test_bad_graphs_are_refused_in_one_sentence(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
