"""Group lasso over neurons: the proximal step where groups are disjoint, its first order where they are not; zeros are exact."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from onward import graphs
from onward.kernels import groups
from onward.topology import Topology
from tests.kernels.test_reach import random_graph

DISJOINT = graphs.layered(3, [5], 2)


def drawn(topology: Topology, seed: int) -> torch.Tensor:
    return torch.randn(topology.edges, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def members(topology: Topology) -> list[torch.Tensor]:
    """The edges of every hidden neuron, found one by one."""
    hidden = range(topology.inputs, topology.inputs + topology.hidden)
    return [torch.from_numpy((topology.source == n) | (topology.target == n)) for n in hidden]


@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.0, 0.3, 1.0]))
def test_norms_are_those_of_all_edges_of_a_neuron(seed: int, clamped: bool, density: float) -> None:
    topology = random_graph(seed, clamped=clamped, density=density)
    weight, of = drawn(topology, seed), groups.groups_of(topology)
    inside = members(topology)
    assert of.size.tolist() == [int(one.sum()) for one in inside]
    expected = torch.stack([weight[one].norm() for one in inside])
    torch.testing.assert_close(groups.norms(weight, of), expected)


@given(st.integers(0, 10**6), st.floats(0.01, 1.5))
def test_disjoint_groups_take_the_proximal_step(seed: int, strength: float) -> None:
    """Optimality: what was taken off is `c sqrt(n) v / |v|` where something is left, and of a norm of `c sqrt(n)` at most where nothing is."""
    weight, of = drawn(DISJOINT, seed), groups.groups_of(DISJOINT)
    found = groups.shrink(weight, of, strength)
    for one in members(DISJOINT):
        bound = strength * int(one.sum()) ** 0.5
        taken, left = (weight - found)[one], found[one]
        if left.any():
            torch.testing.assert_close(taken, bound * left / left.norm())
        else:
            assert taken.norm() <= bound * (1 + 1e-12)
    outside = ~torch.stack(members(DISJOINT)).any(0)
    assert outside.any()
    assert torch.equal(found[outside], weight[outside])


@given(st.integers(0, 10**6), st.booleans())
def test_overlapping_groups_follow_the_penalty_to_first_order(seed: int, clamped: bool) -> None:
    topology = random_graph(seed, clamped=clamped, density=0.8)
    weight, of = drawn(topology, seed).requires_grad_(), groups.groups_of(topology)
    penalty = torch.stack([int(one.sum()) ** 0.5 * weight[one].norm() for one in members(topology)]).sum()
    (slope,) = torch.autograd.grad(penalty, weight)
    moved = (weight - groups.shrink(weight, of, 1e-7)) / 1e-7
    torch.testing.assert_close(moved, slope, rtol=1e-4, atol=1e-5)


def test_a_weak_neuron_is_zero_to_the_bit_and_takes_no_other_along() -> None:
    topology = graphs.mesh(2, 4, 2)
    weight, of = drawn(topology, 0), groups.groups_of(topology)
    inside = members(topology)
    weight[inside[1]] *= 1e-3
    found = groups.shrink(weight, of, 0.05)
    assert not found[inside[1]].any()
    for other in (0, 2, 3):
        assert found[inside[other] & ~inside[1]].all()


def test_nets_side_by_side_shrink_each_alone() -> None:
    topology = graphs.mesh(2, 4, 2)
    of = groups.groups_of(topology)
    nets = [drawn(topology, seed) for seed in range(3)]
    together = groups.shrink(torch.stack(nets), of, 0.1)
    for alone, found in zip(nets, together, strict=True):
        torch.testing.assert_close(found, groups.shrink(alone, of, 0.1), rtol=0, atol=0)


@pytest.mark.parametrize("hidden", [0, 3])
def test_nothing_to_shrink_stays_as_it_is(hidden: int) -> None:
    topology = graphs.mesh(2, hidden, 2)
    weight, of = drawn(topology, 0), groups.groups_of(topology)
    assert torch.equal(groups.shrink(weight, of, 0.0), weight)
    assert not groups.shrink(torch.zeros_like(weight), of, 0.0).any()
