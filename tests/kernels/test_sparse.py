"""The sparse engine on meshes that a dense matrix would be mostly zeros of: exact, chunk by chunk, and counted."""

import copy
import pickle
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from onward import graphs
from onward.kernels import forward_only, pattern, sparse
from onward.kernels.dynamics import matrix, wiring_of
from onward.kernels.losses import cross_entropy, every_tick, mean_squared_error
from onward.kernels.plan import plan
from onward.kernels.sparse_weights import Ends, SparseWeights
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.nets.cost import counted
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
    layout._patterns[5, silent, net.weight.device] = pattern.pattern(net.wiring, 5, silent=silent, products=products)
    engine = forward_only.SPARSE._replace(
        prepare=lambda *given: sparse.prepare(*given, layout=layout),
    )
    value, found = forward_only.loss_and_gradient(net.weight, net.wiring, clamped, initial, net.activation, read, y, engine)
    chunks = len(layout._patterns[5, silent, net.weight.device].chunks)
    assert chunks == 57 if products == 1 else 1 < chunks < 57 if products == 10_000 else chunks == 1
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
    for make in (lambda w: SparseWeights(w, Ends(wiring)), lambda w: matrix(w, wiring)):
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


CHAIN = Topology(1, 3, 2, np.array([0, 1, 2, 3, 3]), np.array([1, 2, 3, 4, 5]))  # whose pushes end before six ticks do


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern, "PRODUCTS", 2_000)
    monkeypatch.setattr(sparse, "pattern", partial(pattern.pattern, products=2_000))


def _rooms(learner: ForwardOnly) -> list[torch.Tensor]:
    """All memory that stays."""
    rooms = learner._layout._rooms.values()
    return [held for room in rooms for held in (*room._held.values(), room._ones, room._counting)]


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("topology", [_lattice(), CHAIN], ids=["lattice", "chain"])
def test_memory_that_stays_may_hold_anything_and_be_of_another_size(topology: Topology) -> None:
    learner = ForwardOnly(_net(topology, 6), every_tick(cross_entropy), engine="sparse")
    x, y = _batch(topology)
    state = torch.randn(4, topology.free, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    for batch, ticks, initial in ((4, 6, None), (1, 6, state), (4, 4, state), (1, 4, None), (4, 6, state)):
        given = (
            x[:batch, None].expand(-1, ticks, -1),
            y[:batch, None].expand(-1, ticks),
            None if initial is None else state[:batch],
        )
        for room in learner._layout._rooms.values():
            for held in room._held.values():
                held.fill_(torch.nan)
        (true,), (found,) = (rule.credit(*given) for rule in (Backprop(learner.net, learner.loss), learner))
        assert_close(found.gradients["net.weight"], true.gradients["net.weight"], rtol=1e-10, atol=1e-13)
        assert true.gradients["net.weight"].norm() > 1e-4
        jacobians = [rule.jacobian(given[0], given[2]) for rule in (learner, ForwardOnly(learner.net, engine="influence"))]
        assert_close(*jacobians, rtol=1e-10, atol=1e-12)


@pytest.mark.usefixtures("small_chunks")
def test_chunks_on_several_threads_have_the_gradient_and_jacobian_of_one() -> None:
    net = _net(_lattice(), 5)
    x, y = _batch(net.topology)
    found, before = {}, torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            learner = ForwardOnly(net, engine="sparse")
            (credit,) = learner.credit(x, y)
            found[threads] = credit.gradients["net.weight"], learner.jacobian(x)
            assert len(learner._layout.pattern(net.wiring, 5, silent=True).chunks) > 10
            assert cast("Any", learner._layout.in_order).__self__._workers.threads == threads
            with torch.inference_mode():
                (credit,) = ForwardOnly(net, engine="sparse").credit(x, y)
            assert torch.equal(credit.gradients["net.weight"], found[threads][0])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(found[1], found[3], strict=True))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("threads", [1, 3])
def test_memory_that_stays_is_counted_before(threads: int) -> None:
    topology, before = _lattice(), torch.get_num_threads()
    learner = ForwardOnly(_net(topology, 5), engine="sparse")
    x, y = _batch(topology)
    try:
        torch.set_num_threads(threads)
        (_,) = learner.credit(x, y)
        planned = plan(topology, 5, 4, itemsize=8, engine="sparse").costs["sparse"].bytes
    finally:
        torch.set_num_threads(before)
    layout = learner._layout
    laid_out = layout.pattern(learner.net.wiring, 5, silent=True)
    held = [*_rooms(learner), *_tensors(laid_out), *_tensors(layout.ends(learner.net.wiring).entering)]
    states = 8 * 5 * 4 * (topology.neurons + topology.free)
    found = states + sum(each.nbytes for each in held)
    assert 0.6 * planned < found < 1.1 * planned


def _tensors(part: Any) -> list[torch.Tensor]:
    if isinstance(part, torch.Tensor):
        return [part]
    parts = [getattr(part, each.name) for each in fields(part)] if is_dataclass(part) else part
    return [tensor for each in parts for tensor in _tensors(each)] if isinstance(parts, list | tuple) else []


@pytest.mark.usefixtures("small_chunks")
def test_within_a_budget_one_chunk_is_worked_on_at_a_time() -> None:
    learner, before = ForwardOnly(_net(_lattice(), 5), engine="sparse").within(10_000_000), torch.get_num_threads()
    x, y = _batch(learner.net.topology)
    try:
        torch.set_num_threads(3)
        (_,) = learner.credit(x, y)
    finally:
        torch.set_num_threads(before)
    assert len(learner._layout._rooms) == 1


@pytest.mark.usefixtures("small_chunks")
def test_chunks_have_about_as_many_products_each() -> None:
    chunks = pattern.pattern(wiring_of(_lattice()), 5, products=2_000).chunks
    products = [sum(hop.made.edges.numel() for hop in chunk.hops if hop.made is not None) for chunk in chunks]
    assert len(products) > 5
    assert max(products) < 1.4 * sum(products) / len(products)


@pytest.mark.usefixtures("small_chunks")
def test_a_copy_of_a_learner_lays_out_anew() -> None:
    learner = ForwardOnly(_net(_lattice(), 5), engine="sparse")
    x, y = _batch(learner.net.topology)
    (first,) = learner.credit(x, y)
    for copied in (copy.deepcopy(learner), pickle.loads(pickle.dumps(learner))):  # noqa: S301
        assert not copied._layout._patterns
        assert not copied._layout._rooms
        (again,) = copied.credit(x, y)
        assert torch.equal(first.gradients["net.weight"], again.gradients["net.weight"])


@pytest.mark.parametrize("every", [False, True])
@pytest.mark.parametrize("ticks", [1, 2, 3, 6])
def test_counted_flops_are_the_products_that_are_run_and_what_is_scaled(ticks: int, every: bool) -> None:
    net = MeshNet(_lattice(), ticks) if ticks > 1 else MeshNet(graphs.layered(6, [], 3), 1)
    topology = net.topology
    x, y = torch.randn(4, topology.features), torch.zeros(4, dtype=torch.int64)
    found = pattern.count(net.wiring, ticks)
    scaled = 0
    for read in range(1, ticks + 1) if every else [ticks]:
        scaled += topology.outputs + (topology.free if read > 1 else 0)
        scaled += sum((read - 1 - hop) * entries for hop, (_, entries) in enumerate(found.hops[: read - 1]) if hop)
    loss = every_tick(cross_entropy) if every else cross_entropy
    run = counted(lambda: next(ForwardOnly(net, loss, engine="sparse").credit(x, y)))
    assert plan(topology, ticks, 4, every_tick=every).costs["sparse"].flops == 2 * run + 4 * scaled


def test_nets_side_by_side_need_no_dense_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    nets = [
        MeshNet(_lattice(), 4, hidden="tanh", generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        for seed in (1, 2)
    ]
    x, y = _batch(nets[0].topology)
    apart = [next(ForwardOnly(net, engine="sparse").credit(x, y)).gradients["net.weight"] for net in nets]
    monkeypatch.setattr("onward.kernels.dynamics.matrix", lambda *_: pytest.fail("a dense matrix was made"))
    for learner in (
        ForwardOnly(MeshNet.stack(nets), engine="sparse"),
        ForwardOnly(MeshNet.stack(nets), engine="sparse").within(2_000_000),
    ):
        (found,) = learner.credit(x.expand(2, -1, -1), y.expand(2, -1))
        assert_close(found.gradients["net.weight"], torch.stack(apart), rtol=1e-11, atol=1e-13)


def test_the_layout_is_kept_from_step_to_step(monkeypatch: pytest.MonkeyPatch) -> None:
    net = _net(_lattice(), 3)
    x, y = _batch(net.topology)
    learner = ForwardOnly(net, engine="sparse")
    next(learner.credit(x, y))
    monkeypatch.setattr(sparse, "pattern", lambda *_, **__: pytest.fail("made again"))
    monkeypatch.setattr(sparse, "Ends", lambda *_: pytest.fail("made again"))
    next(learner.credit(x, y))


@pytest.mark.parametrize("engine", ["influence", "factored", "sparse"])
def test_neurons_that_speak_unasked_beside_linear_outputs_are_not_taken_for_silent(engine: str) -> None:
    """Sigmoid neurons that no input reaches are at 1/2, and what they feed has a gradient."""
    topology = graphs.random(4, 9, 3, 0.3, generator=torch.Generator().manual_seed(1), bias=False)
    net, (x, y) = _net(topology, 3, "sigmoid"), _batch(topology)
    (true,), (found,) = (rule.credit(x, y) for rule in (Backprop(net), ForwardOnly(net, engine=engine)))
    assert relative(found.gradients["net.weight"], true.gradients["net.weight"]) < 1e-12
