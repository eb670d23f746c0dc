"""Pruning leaves out what it says, and never what an output needs to be reached."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from onward import graphs
from onward.graphs.changes import keep_edges
from onward.kernels import reach
from onward.nets.changing import changed
from onward.nets.mesh import MeshNet
from onward.nets.pruning import at_random, by_magnitude, dead, prunable, vanished, weakest
from onward.topology import Topology
from tests.kernels.test_reach import missed, reaching_graph
from tests.nets.test_changing import made, seeded

MESH = graphs.mesh(2, 6, 3)


def test_edges_of_the_bias_are_not_prunable() -> None:
    assert [MESH.name(int(n)) for n in np.unique(MESH.source[~prunable(MESH)])] == ["bias"]
    assert prunable(graphs.mesh(2, 6, 3, bias=False)).all()


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_every_block_keeps_its_part_at_random(seed: int, part: float) -> None:
    after = at_random(MESH, part, generator=seeded(seed)).after
    for name, edges in MESH.blocks.items():
        left = len(after.blocks.get(name, ()))
        assert left == (len(edges) if name.startswith("bias-") else round(part * len(edges)))


def test_only_the_blocks_that_are_named_are_pruned() -> None:
    after = at_random(MESH, {"hidden-hidden": 0.25, "bias-output": 0}, generator=seeded()).after
    sizes = {name: len(edges) for name, edges in MESH.blocks.items()} | {"hidden-hidden": 9}
    del sizes["bias-output"]
    assert {name: len(edges) for name, edges in after.blocks.items()} == sizes


def test_another_generator_prunes_other_edges() -> None:
    one, again, other = (at_random(MESH, 0.5, generator=seeded(seed)).after for seed in (0, 0, 1))
    assert one == again
    assert one != other


@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.4, 0.8]), st.integers(1, 4), st.floats(0, 1))
@example(4334, False, 0.8, 2, 0.0)  # a path over a weak edge of the bias, which is kept anyway
def test_the_largest_weights_stay_and_every_output_is_reached(
    seed: int, clamped: bool, density: float, ticks: int, part: float
) -> None:
    topology = reaching_graph(seed, ticks, clamped=clamped, density=density)
    net = made(topology, seed, ticks)
    size, may = net.weight.detach().abs().numpy(), prunable(topology)
    needed = reach.widest(topology, ticks, np.where(may, size, np.inf)) & may
    edges = max(round(part * may.sum()), int(needed.sum()))
    change = by_magnitude(net, edges)
    less = changed(net, change)  # would be refused if an output were out of reach
    assert prunable(less.topology).sum() == edges
    assert set(np.flatnonzero(~may)) <= set(change.origin)
    lost = change.lost
    if edges > needed.sum() and lost.size:
        assert size[lost].max() <= size[np.setdiff1d(change.origin, np.flatnonzero(needed | ~may))].min()
    strongest = np.zeros(topology.edges, dtype=bool)
    strongest[np.argsort(np.where(may, -size, np.inf))[:edges]] = True
    plain = keep_edges(topology, strongest | ~may)
    if missed(plain.after, ticks) is None:
        assert change.after == plain.after, "an output that is reached needs no exception"


def test_a_path_is_kept_for_an_output_that_would_be_cut_off() -> None:
    topology = graphs.layered(1, [2], 1, bias=False)  # 0 -> 1, 0 -> 2, 1 -> 3, 2 -> 3
    net = MeshNet(topology, 2, weight=torch.tensor([9.0, 0.2, 0.1, 8.0]))  # the largest two are on different paths
    after = by_magnitude(net, 2).after
    assert (after.source.tolist(), after.target.tolist()) == ([0, 2], [2, 3])


def test_the_weakest_neurons_go() -> None:
    net = made(MESH, 0)
    topology = net.topology
    with torch.no_grad():
        for neuron in (4, 7):
            ends = (topology.source == neuron) | (topology.target == neuron)
            net.weight[torch.tensor(ends)] *= 0.01
    after = weakest(net, 2).after
    assert after == graphs.mesh(2, 4, 3)
    gone = ~np.isin(np.arange(topology.edges), weakest(net, 2).origin)
    assert set(topology.source[gone & (topology.target == 9)]) == {4, 7}


def test_weakness_does_not_count_edges() -> None:
    """A neuron of few strong edges outlives one of many weak ones, though its norm is smaller."""
    ends = np.array([(0, 1), (0, 2), (1, 1), (1, 3), (2, 3), (3, 1)])
    topology = Topology(1, 2, 1, ends[:, 0], ends[:, 1])
    net = MeshNet(topology, 2, weight=np.where((ends == 2).any(1), 0.9, 0.7))
    assert weakest(net, 1).lost.tolist() == [0, 2, 3, 5]  # those of neuron 1


def test_neurons_without_weight_are_removed_and_the_function_stays() -> None:
    net = made(MESH, 0, hidden="sigmoid")
    with torch.no_grad():
        for neuron in (3, 8):
            ends = (MESH.source == neuron) | (MESH.target == neuron)
            net.weight[torch.tensor(ends)] = 0
    less = changed(net, vanished(net))
    assert less.topology.hidden == 4
    x = torch.randn(9, 2, dtype=torch.float64, generator=seeded())
    torch.testing.assert_close(less(x), net(x), rtol=1e-12, atol=1e-13)
    assert vanished(less).after == less.topology


@given(
    st.integers(0, 10**6),
    st.booleans(),
    st.sampled_from([0.15, 0.3]),
    st.integers(1, 4),
    st.sampled_from(["tanh", "sigmoid"]),
)
def test_what_cannot_matter_goes_and_the_function_stays(
    seed: int, clamped: bool, density: float, ticks: int, hidden: str
) -> None:
    topology = reaching_graph(seed, ticks, clamped=clamped, density=density)
    net = made(topology, seed, ticks, hidden)
    less = changed(net, dead(net))
    x = torch.randn(5, topology.features, dtype=torch.float64, generator=seeded(seed))
    torch.testing.assert_close(less(x), net(x), rtol=1e-11, atol=1e-12)
    assert less.topology.edges == reach.live(topology, ticks, silent_at_zero=hidden == "tanh").sum()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: at_random(MESH, 1.5, generator=seeded()),
            "the density of input-hidden must be between 0 and 1, got 1.5",
        ),
        (
            lambda: at_random(MESH, {"hiden-hidden": 0.5}, generator=seeded()),
            "no block 'hiden-hidden'.*did you mean 'hidden-hidden'",
        ),
        (lambda: by_magnitude(made(MESH, 0), 100), "100 edges cannot be kept of 99"),
        (lambda: by_magnitude(made(MESH, 0), 2), "the outputs need . edges to be reached within 3 ticks, got 2"),
        (lambda: by_magnitude(made(MESH, 0), 0), "edges must be a whole number of at least 1, got 0"),
        (lambda: weakest(made(MESH, 0), 7), "7 neurons cannot be removed of 6 hidden ones"),
        (lambda: by_magnitude(MeshNet.stack([made(MESH, 0)] * 2), 50), "2 nets side by side have one graph"),
        (lambda: weakest(MeshNet.stack([made(MESH, 0)] * 2), 1), "2 nets side by side"),
        (lambda: vanished(MeshNet.stack([made(MESH, 0)] * 2)), "2 nets side by side"),
    ],
)
def test_what_cannot_be_pruned_is_refused(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
