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
from onward.topology import Topology
from onward.training import regrowing
from onward.training.regrowing import by_gradient, gradient_everywhere
from tests.kernels.test_reach import reaching_graph
from tests.nets.test_changing import made, seeded
from tests.oracle import LOSSES, targets, truth


@given(
    st.integers(0, 10**6), st.booleans(), st.sampled_from([0.15, 0.3, 0.6]), st.integers(1, 4), st.sampled_from(["tanh", "sigmoid"]),
    st.sampled_from(list(LOSSES)), st.booleans(),
)  # fmt: skip
def test_absent_edges_have_the_gradient_of_zeros_in_the_dense_mesh(
    seed: int, clamped: bool, density: float, ticks: int, hidden: str, loss: str, every_tick: bool
) -> None:
    topology = reaching_graph(seed, ticks, clamped=clamped, density=density)
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


def test_of_a_large_mesh_candidates_must_be_named_and_are_tried_then() -> None:
    """All pairs of 10^5 neurons would take more memory than there is."""
    output = 100_001
    source, target = np.array([0, 0, 90_000]), np.array([90_000, output, output])
    weight = torch.tensor([0.7, -0.4, 0.0], dtype=torch.float64)
    net = MeshNet(Topology(1, 100_000, 1, source[:2], target[:2]), 3, hidden="tanh", weight=weight[:2], dtype=torch.float64)
    learner = ForwardOnly(net, "mean squared error")
    x, y = (torch.randn(4, 1, generator=seeded(seed), dtype=torch.float64) for seed in (0, 1))
    words = "among 100002 neurons there can be 10000300002 edges, and 10000000 are tried at the most; pass as candidates"
    with pytest.raises(ValueError, match=words):
        by_gradient(learner, x, y, 1)
    with pytest.raises(ValueError, match=words):
        gradient_everywhere(learner, x, y)
    candidates = Topology(1, 100_000, 1, source, target)
    assert by_gradient(learner, x, y, 1, candidates).after == candidates
    small = Topology(1, 1, 1, np.array([0, 0, 1]), np.array([1, 2, 2]))
    (alike,) = ForwardOnly(
        MeshNet(small, 3, hidden="tanh", weight=weight, dtype=torch.float64), "mean squared error"
    ).credit(x, y)
    found = gradient_everywhere(learner, x, y, candidates)
    assert (found != 0).tolist() == [False, True, True], "what enters a neuron that feeds nobody changes nothing"
    torch.testing.assert_close(found, alike.gradients["net.weight"], rtol=1e-10, atol=1e-12)


def test_as_many_pairs_as_are_tried_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, x, y = sparse_mesh()
    pairs = every_edge(learner.net.topology).edges
    monkeypatch.setattr(regrowing, "MOST", pairs)
    assert gradient_everywhere(learner, x, y).shape == (pairs,)
    monkeypatch.setattr(regrowing, "MOST", pairs - 1)
    with pytest.raises(ValueError, match=f"among 14 neurons there can be {pairs} edges, and {pairs - 1} are tried"):
        gradient_everywhere(learner, x, y)


def test_what_does_not_suit_the_mesh_is_refused() -> None:
    learner, x, y = sparse_mesh()
    with pytest.raises(ValueError, match="candidates do not suit the mesh: .* of other neurons: hidden 8, not 9"):
        by_gradient(learner, x, y, 3, graphs.mesh(3, 9, 2))
    fewer = keep_edges(learner.net.topology, np.arange(learner.net.topology.edges) > 0).after
    with pytest.raises(
        ValueError, match="candidates do not suit the mesh: .* with the edge input 0 -> hidden ., which that has not"
    ):
        by_gradient(learner, x, y, 3, fewer)
    stacked = ForwardOnly(MeshNet.stack([learner.net] * 2))
    with pytest.raises(ValueError, match="2 nets side by side have one graph"):
        by_gradient(stacked, x, y, 3)
