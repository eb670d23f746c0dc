"""Nets of different graphs, laid on one topology, are the nets that they were."""

from dataclasses import replace

import pytest
import torch

from onward import graphs
from onward.nets.mesh import MeshNet
from onward.nets.side_by_side import part_of, within

WHOLE = graphs.random(4, 6, 3, 1.0, generator=torch.Generator())
X = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def pruned(seed: int, density: float = 0.6) -> MeshNet:
    generator = torch.Generator().manual_seed(seed)
    topology = graphs.random(4, 6, 3, density, generator=generator)
    return MeshNet(topology, 3, hidden="tanh", generator=generator, dtype=torch.float64)


def test_a_laid_net_says_what_it_said_alone() -> None:
    nets = [pruned(seed, density) for seed, density in ((1, 0.6), (2, 0.6), (3, 0.8))]
    stack, edges = within(WHOLE, nets)
    assert [int(row.sum()) for row in edges] == [net.topology.edges for net in nets]
    for net, laid, weight, row in zip(nets, stack(X.expand(3, 5, 4)), stack.weight, edges, strict=True):
        torch.testing.assert_close(laid, net(X), rtol=1e-12, atol=1e-14)
        assert torch.equal(weight[row], net.weight)
        assert not weight[~row].any()
        assert part_of(WHOLE, row) == net.topology


def test_an_edge_that_the_topology_does_not_have_is_named() -> None:
    full = MeshNet(graphs.mesh(4, 6, 3), 3)
    with pytest.raises(ValueError, match="a graph with the edge output 0 -> hidden 0, which that has not"):
        within(WHOLE, [full])


@pytest.mark.parametrize(("features", "hidden", "what"), [(5, 5, "inputs"), (4, 7, "hidden")])
def test_neurons_have_to_be_those_of_the_topology(features: int, hidden: int, what: str) -> None:
    other = MeshNet(graphs.random(features, hidden, 3, 1.0, generator=torch.Generator()), 3)
    with pytest.raises(ValueError, match=f"expected a part of .*, got a graph of other neurons: {what}"):
        within(WHOLE, [other])


def test_free_inputs_are_not_laid_on_clamped_ones() -> None:
    free = MeshNet(replace(WHOLE, clamped=False), 3)
    with pytest.raises(ValueError, match="clamped False, not True"):
        within(WHOLE, [free])


def test_a_stack_is_taken_apart_before_it_is_laid() -> None:
    with pytest.raises(ValueError, match="one by one, got a stack of 2"):
        within(WHOLE, [MeshNet.stack([pruned(1), pruned(1)])])


def test_no_nets_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one net, got none"):
        within(WHOLE, [])
