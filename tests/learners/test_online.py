"""Learning from streams: exact while the weights rest, constant in memory, and never vacuously so."""

from collections import Counter
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from onward import graphs
from onward.kernels import losses
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.learners.online import Online, Past, _Live
from onward.learners.streams import AbstractStreamLearner
from onward.learners.truncated_backprop import TruncatedBackprop
from onward.meters import process
from onward.meters.living import Living
from onward.meters.operations import Known, Operation, Operations
from onward.nets.mesh import MeshNet
from onward.topology import Topology

TICKS = 9


def _net(hidden: str = "tanh", seed: int = 1) -> MeshNet:
    topology = graphs.random(3, 7, 2, 0.6, generator=torch.Generator().manual_seed(seed))
    return MeshNet(topology, 3, hidden=hidden, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _stream(ticks: int = TICKS, seed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    x = torch.randn(4, ticks, 3, generator=drawn, dtype=torch.float64)
    return x, torch.randint(2, (4, ticks), generator=drawn)


def _summed(learner: Online, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    found = [(credit.loss, credit.gradients["net.weight"]) for credit in learner.credit(x, y)]
    return torch.stack([loss for loss, _ in found]).mean(), torch.stack([gradient for _, gradient in found]).mean(0)


@pytest.mark.parametrize("hidden", ["tanh", "sigmoid"])
def test_parcels_add_up_to_backpropagation_through_time(hidden: str) -> None:
    net = _net(hidden)
    x, y = _stream()
    loss, gradient = _summed(Online(net), x, y)
    (true,) = Backprop(net, losses.every_tick(losses.cross_entropy)).credit(x, y)
    assert_close(loss, true.loss, rtol=1e-12, atol=0)
    assert_close(gradient, true.gradients["net.weight"], rtol=1e-11, atol=1e-14)
    # Not for want of a past: the last ticks alone give something else, and recurrent edges have a share.
    (short,) = Backprop(net, losses.every_tick(losses.cross_entropy)).credit(x[:, -3:], y[:, -3:])
    assert (short.gradients["net.weight"] - gradient).norm() > 0.1 * gradient.norm()
    recurrent = torch.from_numpy(net.topology.blocks["hidden-hidden"].copy())
    assert gradient[recurrent].norm() > 0.01 * gradient.norm()


@pytest.mark.parametrize("pieces", [[9], [1] * 9, [2, 3, 4], [8, 1]])
def test_a_stream_may_come_in_pieces(pieces: list[int]) -> None:
    net = _net()
    x, y = _stream()
    whole, cut = Online(net), Online(net)
    expected = list(whole.credit(x, y))
    start, found = 0, []
    for length in pieces:
        part = slice(start, start + length)
        found += cut.credit(x[:, part], y[:, part]) if length > 1 else cut.credit(x[:, start], y[:, start])
        start += length
    assert len(found) == TICKS
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, rtol=0, atol=0)


def test_a_target_at_the_end_alone_is_that_of_the_last_tick() -> None:
    net = _net()
    x, y = _stream()
    learner = Online(net)
    learner.watch(x[:, :-1])
    (found,) = learner.credit(x[:, -1], y[:, -1])
    (true,) = ForwardOnly(net, engine="influence").credit(x, y[:, -1])
    assert_close(found, true, rtol=1e-12, atol=1e-15)


def test_weights_may_change_between_two_ticks() -> None:
    """The next tick reads the new ones, and what was carried stays the derivative at the old ones."""
    net = _net()
    x, y = _stream(2)
    learner = Online(net)
    parcels = learner.credit(x, y)
    next(parcels)
    before = net.weight.detach().clone()
    with torch.no_grad():
        net.weight.add_(0.1)
    second = next(parcels)
    after = net.weight.detach().clone()

    def loss(early: torch.Tensor, late: torch.Tensor) -> torch.Tensor:
        w = [torch.zeros(net.topology.neurons, net.topology.free, dtype=torch.float64) for _ in range(2)]
        w = [one.index_put((net.source, net.target), weight) for one, weight in zip(w, (early, late), strict=True)]
        state = torch.zeros(4, net.topology.free, dtype=torch.float64)
        for tick in range(2):
            reads = torch.cat([x[:, tick], torch.ones(4, 1, dtype=torch.float64), state], dim=1)
            state = net.activation.function(reads @ w[tick])
        return torch.nn.functional.cross_entropy(state[:, -2:], y[:, 1])

    both = torch.autograd.functional.jacobian(loss, (before, after))
    assert_close(second.gradients["net.weight"], both[0] + both[1], rtol=1e-11, atol=1e-14)


def _kept(learner: Online) -> Past:
    assert learner.past is not None
    return learner.past


def test_bytes_do_not_grow_with_the_ticks() -> None:
    learner = Online(_net())
    x, y = _stream(200)
    sizes = {_kept(learner).nbytes for _ in learner.credit(x, y)}
    assert sizes == {8 * 4 * learner.net.topology.free * (1 + learner.net.topology.edges)}
    assert not any(part.requires_grad or part.grad_fn for part in _kept(learner))


def test_scores_look_ahead_and_leave_the_stream_where_it_is() -> None:
    net = _net()
    x, _ = _stream()
    learner = Online(net)
    learner.watch(x[:, :5])
    assert_close(learner.scores(x[:, 5:]), net(x).detach(), rtol=1e-12, atol=1e-14)
    assert_close(learner.watch(x[:, 5:]), net(x).detach(), rtol=1e-12, atol=1e-14)


def test_in_evaluation_mode_nothing_is_kept() -> None:
    learner = Online(_net()).eval()
    x, y = _stream()
    assert len(list(learner.credit(x, y))) == TICKS
    assert learner.past is None


def test_a_stream_begins_anew_after_a_reset() -> None:
    learner = Online(_net())
    x, y = _stream()
    first = list(learner.credit(x, y))
    with pytest.raises(ValueError, match="4 streams are under way, got 2; reset"):
        next(learner.credit(x[:2], y[:2]))
    learner.reset()
    assert_close(list(learner.credit(x, y)), first, rtol=0, atol=0)


def test_nets_side_by_side_read_streams_of_their_own() -> None:
    nets = [_net(seed=1), _net(seed=1).with_weight(_net(seed=1).weight.detach() * 0.5)]
    x, y = zip(*(_stream(seed=seed) for seed in (3, 4)), strict=True)
    both = list(Online(MeshNet.stack(nets)).credit(torch.stack(x), torch.stack(y)))
    for k in range(2):
        for one, other in zip(both, Online(nets[k]).credit(x[k], y[k]), strict=True):
            assert_close(one.gradients["net.weight"][k], other.gradients["net.weight"], rtol=1e-12, atol=1e-15)


def test_what_is_no_stream_is_refused() -> None:
    mask = torch.ones(5, 5).numpy()
    free = MeshNet(graphs.from_mask(mask, [0, 1], [4], clamped=False), 3)
    with pytest.raises(ValueError, match="takes its inputs once"):
        Online(free)
    learner = Online(_net())
    with pytest.raises(ValueError, match="at least 1 tick, got 0"):
        next(learner.credit(torch.zeros(4, 0, 3, dtype=torch.float64), torch.zeros(4, 0, dtype=torch.int64)))
    with pytest.raises(ValueError, match="takes targets of shape 4"):
        next(learner.credit(torch.zeros(4, 3, dtype=torch.float64), torch.zeros(3, dtype=torch.int64)))


def test_pieces_and_a_reset_change_nothing_in_what_is_exact() -> None:
    """Two streams after another, each in pieces: every parcel is the gradient of the loss at that tick, through all the ticks before it."""
    net = _net()
    learner = Online(net)
    for seed, pieces in ((2, [1, 5, 3]), (3, [4, 1, 1, 3])):
        x, y = _stream(seed=seed)
        found = []
        for first, end in pairwise([0, *accumulate(pieces)]):
            found += learner.credit(x[:, first:end], y[:, first:end])
        assert len(found) == TICKS
        true = [_of_tick(net, x, y, tick) for tick in range(TICKS)]
        for one, other in zip(found, true, strict=True):
            assert_close(one.gradients["net.weight"], other, rtol=1e-11, atol=1e-14)
        _alive(net, x, y, true)
        learner.reset()


def _of_tick(net: MeshNet, x: torch.Tensor, y: torch.Tensor, tick: int, window: int = TICKS) -> torch.Tensor:
    """The gradient of the loss at a tick by autograd through the last ticks of a window, what lies before them being given."""
    start = max(0, tick + 1 - window)
    state = net.states(x[:, :start]).detach()[:, -1] if start else None
    outputs = net.states(x[:, start : tick + 1], state)[:, -1, -net.topology.outputs :]
    (gradient,) = torch.autograd.grad(losses.cross_entropy(outputs, y[:, tick])[0], net.weight)
    return gradient


def _alive(net: MeshNet, x: torch.Tensor, y: torch.Tensor, true: list[torch.Tensor]) -> None:
    """The comparison says something: neurons respond to the data, and ticks long past have a share in the gradient."""
    activity = net.states(x)[:, 1:]
    assert (activity.std(0) > 1e-3).all()
    assert len(true) > 5
    short = _of_tick(net, x, y, TICKS - 1, window=3)
    assert (short - true[-1]).norm() > 0.01 * true[-1].norm()
    shorter = _of_tick(net, x, y, TICKS - 1, window=1)
    assert (shorter - true[-1]).norm() > (short - true[-1]).norm()


def test_what_was_left_behind_is_taken_up_by_another_learner() -> None:
    net = _net()
    x, y = _stream()
    learner, other = Online(net), Online(net)
    learner.watch(x[:, :4])
    other.restore(_kept(learner)._asdict())
    assert_close(list(other.credit(x[:, 4:], y[:, 4:])), list(learner.credit(x[:, 4:], y[:, 4:])), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda past: {"activity": past["activity"]}, "the past of Online is activity, influence, got activity"),
        (lambda past: past | {"influence": past["influence"][:, :-1]}, "the influence that this mesh goes on from is"),
        (lambda past: past | {"activity": past["activity"].float()}, "torch.float64, got \\[4, 9\\] in torch.float32"),
        (lambda past: past | {"activity": past["activity"][0]}, "the activity that this mesh goes on from is"),
        (lambda past: past | {"influence": past["influence"] / 0}, "must be finite, got"),
    ],
)
def test_a_past_that_does_not_fit_is_refused(change: Callable[[dict[str, Any]], dict[str, Any]], message: str) -> None:
    learner = Online(_net())
    learner.watch(_stream()[0])
    before = _kept(learner)
    with pytest.raises(ValueError, match=message):
        learner.restore(change(before._asdict()))
    assert learner.past is before


def test_the_outlook_is_what_the_net_says_after_every_tick() -> None:
    net = _net()
    x, _ = _stream()
    learner = Online(net)
    learner.watch(x[:, :4])
    before = learner.past
    assert_close(learner.outlook(x[:, 4:]), net.states(x)[:, 5:, -2:].detach(), rtol=1e-12, atol=1e-14)
    assert learner.past is before


def test_ticks_leave_nothing_behind_but_the_past() -> None:
    """Every tensor that is made counts: after a tick what is alive is what was alive before it."""
    learner = Online(_net())
    x, y = _stream(40)
    living = Living([x, y, learner.net.weight, *learner.net.buffers()])
    sizes = []
    with living:
        for tick in range(40):
            list(learner.credit(x[:, tick], y[:, tick]))
            sizes.append(living.bytes())
    assert set(sizes) == {_kept(learner).nbytes}


@pytest.mark.slow
def test_a_hundred_thousand_ticks_take_no_more_than_a_hundred() -> None:
    """Neither in what is kept, nor in what the system gives the process."""
    learner = Online(_net())
    x, y = _stream(1000)
    sizes, resident = set(), []
    for _ in range(100):
        last = list(learner.credit(x, y))[-1]
        sizes.add(_kept(learner).nbytes)
        resident.append(process.resident()["anonymous"])
        assert bool(last.gradients["net.weight"].isfinite().all())
        assert float(last.gradients["net.weight"].norm()) > 0
    assert len(sizes) == 1
    assert max(resident[10:]) < resident[9] + 4_000_000  # one tensor of 4 kB a tick would be 360 MB


def _with_dead_edges() -> Topology:
    """Inputs 0 to 2, a bias, hidden neurons 4 to 8, outputs: of 6 no output hears, for 7 feeds nobody; nothing reaches 8, which an output hears."""
    to_hidden = [(source, target) for source in range(4) for target in (4, 5)]
    among = [(4, 4), (4, 5), (5, 4), (4, 6), (3, 6), (6, 7), (6, 6), (8, 8), (8, 4), (8, 9)]
    to_outputs = [(source, target) for source in (0, 3, 4, 5) for target in (9, 10)]
    source, target = zip(*(to_hidden + among + to_outputs), strict=True)
    return Topology(4, 5, 2, np.array(source), np.array(target), bias=True)


DEAD = {
    "tanh": {(4, 6), (3, 6), (6, 7), (6, 6), (8, 8), (8, 4), (8, 9)},
    "sigmoid": {(4, 6), (3, 6), (6, 7), (6, 6)},  # what nothing reaches is not silent
}


@pytest.mark.parametrize("hidden", DEAD)
def test_edges_that_can_influence_no_output_are_not_carried_and_have_gradient_zero(hidden: str) -> None:
    topology = _with_dead_edges()
    drawn = torch.Generator().manual_seed(3)
    weight = torch.randn(topology.edges, generator=drawn, dtype=torch.float64)
    net = MeshNet(topology, 3, hidden=hidden, weight=weight, dtype=torch.float64)
    x, y = _stream()
    learner, whole = Online(net), Online(net)
    whole._live = _Live(net.wiring, net.wiring, None)
    edges = list(zip(topology.source.tolist(), topology.target.tolist(), strict=True))
    live = torch.tensor([edge not in DEAD[hidden] for edge in edges])
    parcels = list(learner.credit(x, y))
    for tick, (one, other) in enumerate(zip(parcels, whole.credit(x, y), strict=True)):
        found, every = one.gradients["net.weight"], other.gradients["net.weight"]
        assert_close(found, every, rtol=1e-12, atol=1e-15)
        assert_close(found, _of_tick(net, x, y, tick), rtol=1e-11, atol=1e-14)
        assert not found[~live].any()
    assert parcels[-1].gradients["net.weight"][live].all()
    assert _kept(learner).influence.shape == (4, len(edges) - len(DEAD[hidden]), topology.free)
    again = Online(net)
    again.restore(_kept(learner)._asdict())
    assert_close(list(again.credit(x, y)), list(learner.credit(x, y)), rtol=0, atol=0)
    with pytest.raises(ValueError, match="the influence that this mesh goes on from is"):
        again.restore(_kept(whole)._asdict())


def test_nets_side_by_side_carry_the_same_live_edges_and_each_graph_its_own() -> None:
    topology = _with_dead_edges()
    nets = [MeshNet(topology, 3, hidden="tanh", generator=torch.Generator().manual_seed(k)) for k in range(2)]
    x, y = _stream()
    both = list(Online(MeshNet.stack(nets)).credit(torch.stack([x, x]).float(), torch.stack([y, y])))
    for k, net in enumerate(nets):
        learner = Online(net)
        for one, other in zip(both, learner.credit(x.float(), y), strict=True):
            assert_close(one.gradients["net.weight"][k], other.gradients["net.weight"])
        learner.reset()
        net.become(graphs.mesh(3, 5, 2), torch.ones(graphs.mesh(3, 5, 2).edges))
        (credit,) = learner.credit(x[:, 0].float(), y[:, 0])
        assert credit.gradients["net.weight"].shape == net.weight.shape
        assert _kept(learner).influence.shape[1] == net.topology.edges


def test_activity_where_nothing_can_be_active_is_refused() -> None:
    net = MeshNet(_with_dead_edges(), 3, hidden="tanh", dtype=torch.float64)
    learner = Online(net)
    learner.watch(_stream()[0])
    before = _kept(learner)
    parts = {name: part.clone() for name, part in before._asdict().items()}
    parts["activity"][2, 8 - 4] = 0.5
    with pytest.raises(ValueError, match="the activity of hidden 4, which no input and no bias reaches, must be 0"):
        learner.restore(parts)
    assert learner.past is before


def test_a_tick_takes_the_same_multiply_adds_at_the_tenth_and_at_the_thousandth() -> None:
    """All that is done at a tick is counted, gradient of the loss and all, and is the same operations as often."""
    topology = _net().topology
    x, y = _stream(1000)
    known: Known = {}

    def after(learner: AbstractStreamLearner[Any], ticks: int) -> Counter[Operation]:
        seen = 0 if learner.past is None else 10
        learner.watch(x[:, seen : ticks - 1])
        now, target = x[:, ticks - 1], y[:, ticks - 1]
        with Operations(known) as operations:
            list(learner.credit(now, target))
        return operations.found

    learner, rival = Online(_net()), TruncatedBackprop(_net(), window=100)
    tenth, last = (after(learner, ticks) for ticks in (10, 1000))
    assert tenth == last
    assert _products(tenth) == _products(last) > 4 * topology.edges * topology.free**2
    early, late = (after(rival, ticks) for ticks in (10, 100))
    assert _products(late) > 5 * _products(early), "backpropagation through all that has been takes more at every tick"


def _products(operations: Counter[Operation]) -> int:
    return sum(one.products * count for one, count in operations.items())
