"""The sparse engine on meshes that a dense matrix would be mostly zeros of: exact, chunk by chunk, and counted."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from onward import graphs
from onward.kernels import forward_only, pattern, sparse
from onward.kernels.dynamics import matrix, wiring_of
from onward.kernels.losses import cross_entropy, every_tick, mean_squared_error
from onward.kernels.sparse_weights import SparseWeights, ends
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.topology import Topology
from tests.oracle import relative


def _lattice(rewired: float = 0.1) -> Topology:
    return graphs.lattice(6, (7, 8), 3, generator=torch.Generator().manual_seed(1), rewired=rewired)


def _net(topology: Topology, ticks: int, hidden: str = "tanh") -> MeshNet:
    return MeshNet(topology, ticks, hidden=hidden, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def _batch(topology: Topology) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = torch.Generator().manual_seed(3)
    x = torch.randn(4, topology.features, generator=drawn, dtype=torch.float64)
    return x, torch.randint(topology.outputs, (4,), generator=drawn)


@pytest.mark.parametrize("hidden", ["tanh", "sigmoid"])
@pytest.mark.parametrize("read", [cross_entropy, every_tick(cross_entropy)])
@pytest.mark.parametrize("products", [1, 10_000, pattern.PRODUCTS])
def test_gradient_is_the_same_in_any_number_of_chunks(products: int, hidden: str, read: forward_only.Loss) -> None:
    net = _net(_lattice(), 5, hidden)
    x, y = _batch(net.topology)
    clamped, initial = net.drive(x)
    layout = sparse.Layout()
    silent = hidden == "tanh"
    layout._patterns[5, silent] = pattern.pattern(net.wiring, 5, silent=silent, products=products)
    engine = forward_only.SPARSE._replace(
        prepare=lambda *given: sparse.prepare(*given, layout=layout),
    )
    value, found = forward_only.loss_and_gradient(net.weight, net.wiring, clamped, initial, net.activation, read, y, engine)
    chunks = len(layout._patterns[5, silent].chunks)
    assert chunks == 56 if products == 1 else 1 < chunks < 56 if products == 10_000 else chunks == 1
    (true,) = Backprop(net, read).credit(x, y)
    assert_close(value, true.loss, rtol=1e-12, atol=0)
    assert relative(found, true.gradients["net.weight"]) < 1e-12
    assert true.gradients["net.weight"].norm() > 1e-3


@pytest.mark.parametrize("rewired", [0.0, 0.3])
def test_entries_are_the_pairs_that_a_push_reaches_and_an_output_hears(rewired: float) -> None:
    """Counted by powers of the boolean adjacency matrix."""
    topology, ticks = _lattice(rewired), 4
    wiring = wiring_of(topology)
    (chunk,) = pattern.pattern(wiring, ticks).chunks
    dense = matrix(torch.ones(topology.edges, dtype=torch.float64), wiring)[wiring.fixed :] > 0
    reached = torch.eye(wiring.free, dtype=torch.bool)
    hears = torch.zeros(wiring.free, dtype=torch.bool)
    hears[-wiring.outputs :] = True
    heard = [hears]
    for _ in range(ticks):
        heard.append((dense & heard[-1]).any(1))
    for hop in range(ticks):
        if hop < ticks - 1:
            kept = reached & torch.stack(heard[1 : ticks - hop]).any(0)
            pushed = chunk.pushed.repeat_interleave(chunk.hops[hop].starts.diff())
            assert int(kept.sum()) == pushed.numel()
            assert bool(kept[pushed, chunk.hops[hop].reached].all())
        reached = (reached.double() @ dense.double()) > 0


def test_edges_from_neurons_that_stay_silent_are_left_out_and_from_others_not() -> None:
    """Input 0 feeds 1 and 1 feeds 2 and the output; 3 is fed by nobody and feeds the output."""
    topology = Topology(1, 3, 1, np.array([0, 1, 2, 1, 3]), np.array([1, 2, 4, 4, 4]))
    for silent, edges in ((True, [0, 1, 2, 3]), (False, [0, 1, 2, 3, 4])):
        (chunk,) = pattern.pattern(wiring_of(topology), 3, silent=silent).chunks
        assert sorted(chunk.entering.edges.tolist()) == edges
    net = MeshNet(topology, 3, hidden="relu", dtype=torch.float64, weight=np.ones(5))
    x, y = torch.ones(2, 1, dtype=torch.float64), torch.ones(2, 1, dtype=torch.float64)
    loss = every_tick(mean_squared_error)  # the activity of 3 lasts for one tick
    for initial in (None, torch.ones(2, 4, dtype=torch.float64)):
        (true,) = Backprop(net, loss).credit(x, y, initial)
        (found,) = ForwardOnly(net, loss, engine="sparse").credit(x, y, initial)
        assert_close(found.gradients, true.gradients)
        assert bool(true.gradients["net.weight"][4] != 0) == (initial is not None)


@pytest.mark.parametrize("ticks", [1, 2, 5])
def test_a_count_is_that_of_the_pattern(ticks: int) -> None:
    wiring = wiring_of(_lattice())
    (chunk,) = pattern.pattern(wiring, ticks).chunks
    counted = pattern.count(wiring, ticks)
    assert counted.exact
    made = [(0 if hop.made is None else hop.made.edges.numel(), hop.reached.numel()) for hop in chunk.hops]
    assert counted.hops == made
    assert len(made) == ticks - 1
    assert counted.outward == 56


def test_a_count_from_some_neurons_is_near_that_of_all() -> None:
    wiring = wiring_of(graphs.lattice(6, (30, 30), 3, generator=torch.Generator().manual_seed(1), rewired=0.1))
    few, every = pattern.count(wiring, 4, rows=100), pattern.count(wiring, 4, rows=10_000)
    assert every.exact
    assert not few.exact
    for one, other in zip(few.hops, every.hops, strict=True):
        assert one == pytest.approx(other, rel=0.15)


def test_sparse_weights_are_the_dense_matrix_for_the_state_and_for_autograd() -> None:
    topology = _lattice()
    wiring = wiring_of(topology)
    drawn = torch.Generator().manual_seed(4)
    found = []
    for make in (lambda w: SparseWeights(w, ends(wiring)), lambda w: matrix(w, wiring)):
        drawn.manual_seed(4)
        weight = torch.randn(topology.edges, generator=drawn, dtype=torch.float64).requires_grad_()
        reads = torch.randn(3, topology.neurons, generator=drawn, dtype=torch.float64).requires_grad_()
        drive = reads @ make(weight)
        blame = torch.randn(3, topology.free, generator=drawn, dtype=torch.float64)
        found.append((drive.detach(), *torch.autograd.grad(drive, (reads, weight), blame)))
    assert_close(found[0], found[1], rtol=1e-12, atol=1e-13)


def test_a_large_mesh_needs_no_dense_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    topology = graphs.lattice(6, (60, 60), 3, generator=torch.Generator().manual_seed(1))
    net = _net(topology, 3)
    monkeypatch.setattr("onward.kernels.dynamics.matrix", lambda *_: pytest.fail("a dense matrix was made"))
    x, y = _batch(topology)
    (found,) = ForwardOnly(net).credit(x, y)
    (true,) = Backprop(net).credit(x, y)
    assert relative(found.gradients["net.weight"], true.gradients["net.weight"]) < 1e-12
    assert net(x).shape == (4, 3)


def test_jacobian_of_a_lattice() -> None:
    topology = _lattice()
    net = _net(topology, 4)
    x, _ = _batch(topology)
    assert_close(
        ForwardOnly(net, engine="sparse").jacobian(x),
        ForwardOnly(net, engine="influence").jacobian(x),
        rtol=1e-11,
        atol=1e-13,
    )


def test_the_layout_is_kept_from_step_to_step(monkeypatch: pytest.MonkeyPatch) -> None:
    net = _net(_lattice(), 3)
    x, y = _batch(net.topology)
    learner = ForwardOnly(net, engine="sparse")
    next(learner.credit(x, y))
    monkeypatch.setattr(sparse, "pattern", lambda *_, **__: pytest.fail("made again"))
    monkeypatch.setattr(sparse, "ends", lambda *_: pytest.fail("made again"))
    next(learner.credit(x, y))


@pytest.mark.parametrize("engine", ["influence", "factored", "sparse"])
def test_neurons_that_speak_unasked_beside_linear_outputs_are_not_taken_for_silent(engine: str) -> None:
    """Sigmoid neurons that no input reaches are at 1/2, and what they feed has a gradient."""
    topology = graphs.random(4, 9, 3, 0.3, generator=torch.Generator().manual_seed(1), bias=False)
    net, (x, y) = _net(topology, 3, "sigmoid"), _batch(topology)
    (true,), (found,) = (rule.credit(x, y) for rule in (Backprop(net), ForwardOnly(net, engine=engine)))
    assert relative(found.gradients["net.weight"], true.gradients["net.weight"]) < 1e-12
