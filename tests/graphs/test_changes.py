"""Graphs that change: every edge knows where it comes from, whatever the numbers of its neurons become."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from onward import graphs
from onward.graphs.changes import Change, add_edges, add_neurons, every_edge, keep_edges, places, remove_neurons
from onward.topology import Topology
from tests.kernels.test_reach import random_graph

GRAPHS = st.tuples(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.0, 0.15, 0.3, 0.6, 1.0]))


def made(of: tuple[int, bool, float]) -> Topology:
    return random_graph(of[0], clamped=of[1], density=of[2])


def named(topology: Topology) -> Topology:
    return replace(topology, labels=tuple("abcdefghij"[: topology.neurons]))


def ends(topology: Topology) -> list[tuple[str, str]]:
    return [(topology.name(int(s)), topology.name(int(t))) for s, t in zip(topology.source, topology.target, strict=True)]


def edges_go_on(change: Change) -> None:
    """Every edge that stays joins the same two neurons as before, by name."""
    before, after = ends(change.before), ends(change.after)
    for edge, origin in enumerate(change.origin):
        assert origin < 0 or after[edge] == before[origin]
    values = torch.arange(1, change.before.edges + 1)
    carried = change.carry(values)
    assert [int(v) for v in carried] == [origin + 1 for origin in change.origin]  # 0 for those that are new
    assert sorted([*change.lost, *change.origin[change.origin >= 0]]) == list(range(change.before.edges))


@given(GRAPHS, st.integers(0, 10**6))
def test_edges_that_stay_are_those_that_were(of: tuple[int, bool, float], seed: int) -> None:
    topology = made(of)
    drawn = np.random.default_rng(seed)
    kept = drawn.random(topology.edges) < 0.5
    change = keep_edges(named(topology), kept)
    edges_go_on(change)
    assert change.after.edges == kept.sum()
    assert change.new.size == 0


@given(GRAPHS, st.integers(0, 10**6))
def test_edges_that_are_added_stand_in_their_places(of: tuple[int, bool, float], seed: int) -> None:
    topology = named(made(of))
    absent = np.argwhere(~topology.mask[:, topology.fixed :])
    chosen = absent[np.random.default_rng(seed).random(len(absent)) < 0.4]
    change = add_edges(topology, chosen[:, 0], chosen[:, 1] + topology.fixed)
    edges_go_on(change)
    assert change.new.size == len(chosen)
    assert {tuple(pair) for pair in np.stack([change.after.source, change.after.target], 1)[change.new]} == {
        (s, t + topology.fixed) for s, t in chosen
    }


@given(GRAPHS, st.integers(1, 3), st.sets(st.integers(3, 6)))
def test_neurons_come_and_go_and_the_edges_of_the_others_go_on(
    of: tuple[int, bool, float], more: int, gone: set[int]
) -> None:
    topology = made(of)
    more_of_them = add_neurons(named(topology), more)
    edges_go_on(more_of_them)
    assert more_of_them.after.hidden == topology.hidden + more
    assert (more_of_them.origin == np.arange(topology.edges)).all()
    fewer = remove_neurons(named(topology), gone)
    edges_go_on(fewer)
    assert fewer.after.hidden == topology.hidden - len(gone)
    touched = np.isin(topology.source, list(gone)) | np.isin(topology.target, list(gone))
    assert list(fewer.lost) == list(np.flatnonzero(touched))
    new = range(topology.inputs + topology.hidden, topology.inputs + topology.hidden + more)
    back = more_of_them.then(remove_neurons(more_of_them.after, new))
    assert back.after == named(topology)
    assert (back.origin == np.arange(topology.edges)).all()


@given(GRAPHS, st.integers(0, 10**6))
def test_changes_one_after_another_are_one_change(of: tuple[int, bool, float], seed: int) -> None:
    topology = made(of)
    drawn = np.random.default_rng(seed)
    first = keep_edges(topology, drawn.random(topology.edges) < 0.7)
    second = remove_neurons(first.after, [4])
    absent = np.argwhere(~second.after.mask[:, second.after.fixed :])[:3]
    third = add_edges(second.after, absent[:, 0], absent[:, 1] + second.after.fixed)
    values = torch.randn(topology.edges, generator=torch.Generator().manual_seed(seed))
    step_by_step = third.carry(second.carry(first.carry(values)))
    assert torch.equal(first.then(second).then(third).carry(values), step_by_step)


def test_values_of_nets_side_by_side_are_carried_too() -> None:
    change = keep_edges(graphs.layered(1, [2], 1, bias=False), np.array([True, False, False, True]))
    assert change.carry(torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])).tolist() == [[1, 4], [5, 8]]


def test_every_edge_is_the_full_mesh() -> None:
    assert every_edge(graphs.layered(2, [3], 2)) == graphs.mesh(2, 3, 2)
    free = graphs.from_mask(np.ones((4, 4)), [0], [3], clamped=False)
    assert every_edge(keep_edges(free, np.zeros(16, dtype=bool)).after) == free


MESH = graphs.mesh(2, 3, 2)
LAST = keep_edges(MESH, np.arange(40) == 39).after


def test_a_part_has_its_places_in_the_whole() -> None:
    kept = np.random.default_rng(0).random(40) < 0.5
    kept[-1] = True
    assert places(keep_edges(MESH, kept).after, MESH).tolist() == np.flatnonzero(kept).tolist()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: remove_neurons(MESH, [2]), "only hidden neurons, 3 to 5, can be removed, got 2"),
        (lambda: remove_neurons(MESH, [7]), "got 7"),
        (lambda: remove_neurons(MESH, [-1]), "got -1"),
        (lambda: add_neurons(MESH, 0), "at least 1 neuron is added, got 0"),
        (lambda: add_edges(MESH, [0], [3]), "is given twice"),
        (lambda: add_edges(MESH, [3], [0]), "enters a clamped input"),
        (lambda: keep_edges(MESH, np.ones(3, dtype=bool)), "one weight for each of the 40 edges"),
        (lambda: keep_edges(MESH, np.ones(40)), "by a boolean for each, got float64"),
        (lambda: Change(MESH, MESH, np.arange(3)), r"one origin for each of 40 edges, got shape \(3,\)"),
        (lambda: Change(MESH, MESH, np.arange(1, 41)), "comes from edge 40, but there were 40"),
        (lambda: Change(MESH, MESH, np.zeros(40, int)), "two edges come from edge 0"),
        (lambda: add_neurons(MESH, 1).then(add_neurons(MESH, 1)), "cannot follow one that leads to"),
        (lambda: places(MESH, graphs.mesh(2, 4, 2)), "of other neurons: hidden 3, not 4"),
        (lambda: places(MESH, keep_edges(MESH, np.arange(40) != 7).after), "with the edge .* -> .*, which that has not"),
        (lambda: places(LAST, graphs.layered(2, [3], 2)), "with the edge output 1 -> output 1, which that has not"),
        (lambda: add_neurons(MESH, 1).carry(torch.zeros(3)), r"one value for each of 40 edges, got shape \(3,\)"),
    ],
)
def test_what_cannot_be_is_refused(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_a_change_says_what_it_is() -> None:
    assert str(remove_neurons(MESH, [3, 4])) == "Change: 40 edges to 18; 22 lost, 0 new, 2 hidden neurons fewer"
    assert str(add_neurons(MESH, 2)) == "Change: 40 edges to 40; 0 lost, 0 new, 2 hidden neurons more"
