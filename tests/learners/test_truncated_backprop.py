"""The rival on streams: exact through its window, blind to what lies before, and as large as it is asked to be."""

import pytest
import torch
from torch.testing import assert_close

from onward import graphs
from onward.kernels import losses
from onward.learners.backprop import Backprop
from onward.learners.online import Online
from onward.learners.truncated_backprop import TruncatedBackprop, Window, window_within
from onward.nets.mesh import MeshNet

TICKS = 9


def _net(hidden: str = "tanh", seed: int = 1) -> MeshNet:
    topology = graphs.random(3, 7, 2, 0.6, generator=torch.Generator().manual_seed(seed))
    return MeshNet(topology, 3, hidden=hidden, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _stream(ticks: int = TICKS, seed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    x = torch.randn(4, ticks, 3, generator=drawn, dtype=torch.float64)
    return x, torch.randint(2, (4, ticks), generator=drawn)


def _kept(learner: TruncatedBackprop) -> Window:
    assert learner.past is not None
    return learner.past


def _by_autograd(net: MeshNet, x: torch.Tensor, y: torch.Tensor, tick: int, window: int) -> torch.Tensor:
    start = max(0, tick + 1 - window)
    state = net.states(x[:, :start]).detach()[:, -1] if start else None
    outputs = net.states(x[:, start : tick + 1], state)[:, -1, -net.topology.outputs :]
    (gradient,) = torch.autograd.grad(losses.cross_entropy(outputs, y[:, tick])[0], net.weight)
    return gradient


@pytest.mark.parametrize("hidden", ["tanh", "sigmoid", "relu"])
@pytest.mark.parametrize("window", [1, 2, 4, TICKS])
def test_every_parcel_is_the_gradient_through_the_window(hidden: str, window: int) -> None:
    net = _net(hidden)
    x, y = _stream()
    found = list(TruncatedBackprop(net, window=window).credit(x, y))
    assert len(found) == TICKS
    for tick, credit in enumerate(found):
        true = _by_autograd(net, x, y, tick, window)
        assert true.norm() > 0
        assert_close(credit.gradients["net.weight"], true, rtol=1e-11, atol=1e-14)


def test_a_window_as_long_as_the_stream_is_backpropagation_through_time_and_forward_only_propagation() -> None:
    net = _net()
    x, y = _stream()
    found = list(TruncatedBackprop(net, window=TICKS).credit(x, y))
    (true,) = Backprop(net, losses.every_tick(losses.cross_entropy)).credit(x, y)
    summed = torch.stack([credit.gradients["net.weight"] for credit in found]).mean(0)
    assert_close(summed, true.gradients["net.weight"], rtol=1e-11, atol=1e-14)
    for one, other in zip(found, Online(net).credit(x, y), strict=True):
        assert_close(one.loss, other.loss, rtol=0, atol=0)
        assert_close(one.gradients["net.weight"], other.gradients["net.weight"], rtol=1e-11, atol=1e-14)


def test_what_lies_before_the_window_gets_no_credit() -> None:
    net = _net()
    x, y = _stream()
    *_, true = Online(net).credit(x, y)
    apart = []
    for window in (1, 3, 6):
        *_, found = TruncatedBackprop(net, window=window).credit(x, y)
        apart.append(float((found.gradients["net.weight"] - true.gradients["net.weight"]).norm()))
    assert apart[0] > apart[1] > apart[2] > 1e-6


@pytest.mark.parametrize("streams", [1, 4])
def test_the_window_within_some_bytes_is_the_longest_that_fits(streams: int) -> None:
    net = _net()
    x = _stream(60)[0][:streams]
    online = Online(net)
    online.watch(x)
    assert online.past is not None
    window = window_within(net, online.past.nbytes, streams)
    assert window > 3
    for ticks, fits in ((window, True), (window + 1, False)):
        learner = TruncatedBackprop(net, window=ticks)
        learner.watch(x)
        assert (_kept(learner).nbytes <= online.past.nbytes) is fits
    with pytest.raises(ValueError, match="a window of 1 tick keeps .* bytes, got 100"):
        window_within(net, 100, streams)


def test_bytes_grow_to_the_window_and_no_further() -> None:
    learner = TruncatedBackprop(_net(), window=5)
    x, y = _stream(30)
    sizes = [_kept(learner).nbytes for _ in learner.credit(x, y)]
    assert len(set(sizes)) == 5
    assert len(set(sizes[4:])) == 1
    assert not any(part.requires_grad or part.grad_fn for part in _kept(learner))


def test_a_stream_may_come_in_pieces_and_nets_stand_side_by_side() -> None:
    nets = [_net(), _net().with_weight(_net().weight.detach() * 0.5)]
    x, y = zip(*(_stream(seed=seed) for seed in (3, 4)), strict=True)
    learner = TruncatedBackprop(MeshNet.stack(nets), window=4)
    both = [*learner.credit(torch.stack(x)[:, :, :5], torch.stack(y)[:, :, :5])]
    both += learner.credit(torch.stack(x)[:, :, 5:], torch.stack(y)[:, :, 5:])
    for k in range(2):
        for one, other in zip(both, TruncatedBackprop(nets[k], window=4).credit(x[k], y[k]), strict=True):
            assert_close(one.gradients["net.weight"][k], other.gradients["net.weight"], rtol=1e-12, atol=1e-15)


def test_what_was_left_behind_is_taken_up_by_another_learner() -> None:
    net = _net()
    x, y = _stream()
    learner, other = (TruncatedBackprop(net, window=3) for _ in range(2))
    learner.watch(x[:, :5])
    other.restore(_kept(learner)._asdict())
    assert_close(list(other.credit(x[:, 5:], y[:, 5:])), list(learner.credit(x[:, 5:], y[:, 5:])), rtol=0, atol=0)
    with pytest.raises(ValueError, match="the reads that this mesh goes on from is"):
        TruncatedBackprop(net, window=2).restore(_kept(learner)._asdict())


@pytest.mark.parametrize("window", [0, -1])
def test_a_window_is_a_whole_number_of_ticks(window: int) -> None:
    with pytest.raises(ValueError, match=f"a window is a whole number of ticks, at least 1, got {window}"):
        TruncatedBackprop(_net(), window=window)
