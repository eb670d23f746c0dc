"""A topology is a value: its edges are its parameters, and an edge that cannot act is refused by name."""

import dataclasses

import numpy as np
import pytest
import torch

from onward import graphs
from onward.topology import Topology


def test_printing_says_neurons_edges_and_density() -> None:
    assert str(graphs.mesh(2, 5, 2)) == (
        "Topology: 10 neurons (2 inputs + bias, 5 hidden, 2 outputs), 70 edges, density 1.00"
    )
    assert repr(graphs.mesh(2, 5, 2)).startswith("<Topology: 10 neurons")


def test_it_is_frozen() -> None:
    topology = graphs.mesh(2, 2, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        topology.hidden = 3  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(ValueError, match="read-only"):
        topology.source[0] = 1


def test_equal_topologies_are_equal_whatever_the_order_of_their_edges() -> None:
    one = Topology(2, 1, 1, np.array([0, 1, 2]), np.array([2, 2, 3]))
    other = Topology(2, 1, 1, np.array([2, 1, 0]), np.array([3, 2, 2]))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Topology(2, 1, 1, np.array([0, 1, 2]), np.array([2, 2, 2]))
    assert one != dataclasses.replace(one, bias=True)


def test_edge_into_a_clamped_input_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"the edge 3 -> 1 \(hidden 1 -> input 1\) enters a clamped input"):
        Topology(2, 2, 1, np.array([0, 3]), np.array([2, 1]))


def test_edge_into_a_free_input_is_allowed() -> None:
    topology = Topology(2, 2, 1, np.array([0, 3, 2]), np.array([2, 1, 4]), clamped=False)
    assert (topology.free, topology.fixed) == (5, 0)
    assert "equation 3" in str(topology)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 2, 1, [0], [1]), "at least 1 inputs, got 0"),
        ((1, -1, 1, [0], [1]), "at least 0 hidden, got -1"),
        ((1, 1, 0, [0], [1]), "at least 1 outputs, got 0"),
        ((1, 1, 1, [0, 0], [1, 1]), r"the edge 0 -> 1 \(input 0 -> hidden 0\) is given twice"),
        ((1, 1, 1, [0], [3]), "names neuron 3, but the neurons are 0 to 2"),
        ((1, 1, 1, [-1], [1]), "names neuron -1"),
        ((1, 1, 1, [0, 1], [1]), "one entry an edge, got 2 and 1"),
        ((1, 1, 1, [0.5], [1]), "list of neuron numbers, got shape .* of float64"),
    ],
)
def test_bad_input_is_refused_with_the_offending_value(arguments: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Topology(*arguments[:3], *(np.array(ends) for ends in arguments[3:]))


def test_bias_alone_is_no_input() -> None:
    with pytest.raises(ValueError, match="needs another beside it, got 1 input"):
        Topology(1, 1, 1, np.array([0]), np.array([1]), bias=True)


def test_labels_must_name_every_neuron() -> None:
    with pytest.raises(ValueError, match="labels must name all 3 neurons, got 2"):
        Topology(1, 1, 1, np.array([0]), np.array([1]), labels=("a", "b"))


def test_cycles_self_loops_and_edges_from_outputs_are_allowed() -> None:
    topology = Topology(1, 2, 1, np.array([0, 1, 2, 2, 3, 3]), np.array([1, 2, 1, 2, 1, 3]))
    assert topology.edges == 6


def test_blocks_part_the_edges_by_the_kinds_of_their_ends() -> None:
    topology = graphs.mesh(3, 4, 2)
    sizes = {name: len(edges) for name, edges in topology.blocks.items()}
    assert sizes == {
        "input-hidden": 12, "input-output": 6, "bias-hidden": 4, "bias-output": 2,
        "hidden-hidden": 16, "hidden-output": 8, "output-hidden": 8, "output-output": 4,
    }  # fmt: skip
    assert sorted(np.concatenate(list(topology.blocks.values()))) == list(range(topology.edges))


def test_adjacency_lays_weights_out_as_the_papers_matrix() -> None:
    topology = Topology(1, 1, 1, np.array([0, 1, 0]), np.array([2, 2, 1]))
    matrix = topology.adjacency(torch.tensor([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(matrix, [[0, 1, 2], [0, 0, 3], [0, 0, 0]])
    np.testing.assert_array_equal(topology.mask, matrix != 0)
    with pytest.raises(ValueError, match=r"one weight for each of the 3 edges, got shape \(2,\)"):
        topology.adjacency(np.ones(2))


def test_neurons_have_names() -> None:
    topology = graphs.mesh(2, 1, 1)
    assert [topology.name(k) for k in range(5)] == ["input 0", "input 1", "bias", "hidden 0", "output 0"]
    assert [topology.kind(k) for k in range(5)] == ["input", "input", "bias", "hidden", "output"]


def test_neurons_behind_the_last_that_feeds_somebody_do_not_speak() -> None:
    assert graphs.random(3, 5, 2, 0.9, generator=torch.Generator()).speaking == 5  # outputs feed nobody
    assert graphs.mesh(3, 5, 2).speaking == 7
    assert graphs.layered(3, [], 2).speaking == 0
    assert (
        dataclasses.replace(graphs.layered(3, [4], 2), clamped=False).speaking == 4 + 4
    )  # inputs and the bias are free neurons then
    assert Topology(1, 2, 1, np.array([0, 1]), np.array([2, 1])).speaking == 1
