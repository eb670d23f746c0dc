"""The gradient of edges that are not there is that of the dense mesh with zeros in their places; the largest grow."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from onward import graphs
from onward.graphs.changes import every_edge, keep_edges
from onward.kernels import losses
from onward.learners.forward_only import ForwardOnly
from onward.nets.changing import changed
from onward.nets.mesh import MeshNet
from onward.training.regrowing import by_gradient, gradient_everywhere
from tests.kernels.test_reach import missed, random_graph
from tests.nets.test_changing import made, seeded
from tests.oracle import LOSSES, targets, truth


@given(
    st.integers(0, 10**6), st.booleans(), st.sampled_from([0.15, 0.3, 0.6]), st.integers(1, 4), st.sampled_from(["tanh", "sigmoid"]),
    st.sampled_from(list(LOSSES)), st.booleans(),
)  # fmt: skip
def test_absent_edges_have_the_gradient_of_zeros_in_the_dense_mesh(
    seed: int, clamped: bool, density: float, ticks: int, hidden: str, loss: str, every_tick: bool
) -> None:
    topology = random_graph(seed, clamped=clamped, density=density)
    if missed(topology, ticks) is not None:
        return
    net, full = made(topology, seed, ticks, hidden), every_edge(topology)
    x = torch.randn(4, topology.features, generator=seeded(seed), dtype=torch.float64)
    y = targets(loss, 4, 2, seeded(seed))
    read = losses.every_tick(losses.find(loss)) if every_tick else losses.find(loss)
    dense = torch.tensor(topology.adjacency(net.weight))[torch.tensor(full.source), torch.tensor(full.target)]
    true = truth(full, dense, x, y, ticks, hidden=hidden, output="identity", loss=loss, every_tick=every_tick)
    found = gradient_everywhere(ForwardOnly(net, read), x, y)
    torch.testing.assert_close(found, true.gradient, rtol=1e-10, atol=1e-12)
    there = torch.tensor(topology.mask[full.source, full.target])
    (own,) = ForwardOnly(net, read).credit(x, y)
    torch.testing.assert_close(found[there], own.gradients["net.weight"], rtol=1e-10, atol=1e-12)


def sparse_mesh(seed: int = 0) -> tuple[ForwardOnly, torch.Tensor, torch.Tensor]:
    net = made(graphs.random(3, 8, 2, 0.4, generator=seeded(seed)), seed)
    x = torch.randn(20, 3, generator=seeded(seed), dtype=torch.float64)
    return ForwardOnly(net), x, torch.randint(2, (20,), generator=seeded(seed))


def test_the_largest_gradients_grow() -> None:
    learner, x, y = sparse_mesh()
    topology = learner.net.topology
    change = by_gradient(learner, x, y, 7)
    assert change.new.size == 7
    assert change.lost.size == 0
    full = every_edge(topology)
    size = gradient_everywhere(learner, x, y).abs()
    new = set(zip(change.after.source[change.new], change.after.target[change.new], strict=True))
    chosen = torch.tensor([ends in new for ends in zip(full.source, full.target, strict=True)])
    absent = torch.tensor(~topology.mask[full.source, full.target])
    assert size[chosen].min() >= size[absent & ~chosen].max()


def test_a_step_along_grown_edges_lowers_the_loss_by_what_the_gradient_says() -> None:
    learner, x, y = sparse_mesh()
    change = by_gradient(learner, x, y, 5)
    larger = ForwardOnly(changed(learner.net, change))
    (before,) = larger.credit(x, y)
    new = torch.tensor(change.new)
    gradient, step = before.gradients["net.weight"][new], 1e-5
    with torch.no_grad():
        larger.net.weight[new] -= step * gradient
    (later,) = larger.credit(x, y)
    torch.testing.assert_close((before.loss - later.loss) / step, gradient.square().sum(), rtol=1e-3, atol=0)


def test_only_candidates_grow_and_no_more_than_there_are() -> None:
    learner, x, y = sparse_mesh()
    topology = learner.net.topology
    candidates = keep_edges(
        every_edge(topology), topology.mask[:, topology.fixed :].ravel() | (every_edge(topology).source < 2)
    )
    change = by_gradient(learner, x, y, 1000, candidates.after)
    assert change.after == candidates.after
    assert by_gradient(learner, x, y, 0).after == topology


def test_absent_edges_of_the_bias_are_left_alone() -> None:
    learner, x, y = sparse_mesh()
    net = learner.net
    without = changed(net, keep_edges(net.topology, net.topology.source != 3))
    grown = by_gradient(ForwardOnly(without), x, y, 1000).after
    assert 3 not in grown.source
    assert grown.edges == graphs.mesh(3, 8, 2).edges - 10


def test_what_does_not_suit_the_mesh_is_refused() -> None:
    learner, x, y = sparse_mesh()
    with pytest.raises(ValueError, match="of the same neurons, but their hidden is 9, not 8"):
        by_gradient(learner, x, y, 3, graphs.mesh(3, 9, 2))
    fewer = keep_edges(learner.net.topology, np.arange(learner.net.topology.edges) > 0).after
    with pytest.raises(ValueError, match="must have all edges of the mesh, but input 0 -> hidden . is not among them"):
        by_gradient(learner, x, y, 3, fewer)
    stacked = ForwardOnly(MeshNet.stack([learner.net] * 2))
    with pytest.raises(ValueError, match="2 nets side by side have one graph"):
        by_gradient(stacked, x, y, 3)
