"""The trial of streams: what is learned from, what chooses and what judges follow each other, and no seed meets another."""

from functools import partial

import pytest
import torch

from onward import graphs
from onward.experiments.streams import Passage, Stretch, bytes_of, learn, learn_streams
from onward.kernels.losses import cross_entropy, mean_squared_error
from onward.learners.online import Online
from onward.learners.truncated_backprop import TruncatedBackprop
from onward.nets.mesh import MeshNet

NET = partial(MeshNet, graphs.mesh(2, 4, 1), 3, hidden="tanh")
CLASSES = partial(MeshNet, graphs.mesh(2, 4, 2), 3, hidden="tanh")


def numbers(seed: int, *, shift: float = 0.0) -> Passage:
    """What was read a tick ago; on the stretch that chooses, something else by `shift`."""
    drawn = torch.Generator().manual_seed(seed)

    def stretch(ticks: int, off: float) -> Stretch:
        x = torch.randn(3, ticks, 2, generator=drawn)
        return Stretch(x, torch.cat([torch.zeros(3, 1, 1), x[:, :-1, :1]], 1) + off)

    return Passage(stretch(400, 0.0), stretch(50, shift), stretch(50, 0.0))


def symbols(seed: int) -> Passage:
    drawn = torch.Generator().manual_seed(seed)

    def stretch(count: int) -> Stretch:
        x = torch.randn(3, count * 3, 2, generator=drawn)
        return Stretch(x, (x[:, 1::3, 0] > 0).long(), every=3)

    return Passage(stretch(150), stretch(30), stretch(30))


def online(net: MeshNet, streams: int) -> Online:
    return Online(net, mean_squared_error)


def online_classes(net: MeshNet, streams: int) -> Online:
    return Online(net, cross_entropy)


def window(net: MeshNet, streams: int) -> TruncatedBackprop:
    return TruncatedBackprop(net, mean_squared_error, window=4)


def quiet(part: float) -> None:
    pass


def test_it_learns_chooses_and_judges() -> None:
    found = learn_streams([5, 6], quiet, data=numbers, net=NET, rule=online, rates=(1e-6, 0.02), keep=20)
    for outcome in found:
        assert outcome.metrics["rate"] == 1
        assert outcome.metrics["test_nrmse"] < 0.7
        assert outcome.metrics["parameters"] == NET(generator=None).topology.edges
        assert outcome.history["loss"][-1] < 0.6 * outcome.history["loss"][0]
        assert outcome.history["tick"][-1] == 400
        assert len(outcome.history["said"]) == len(outcome.history["true"]) == 20
    assert found[0].metrics["test_mse"] != found[1].metrics["test_mse"]


def test_a_seed_alone_finds_what_it_finds_beside_others() -> None:
    arguments = {"data": numbers, "net": NET, "rule": window, "rates": (0.003, 0.02)}
    (alone,) = learn_streams([6], quiet, **arguments)
    _, beside = learn_streams([5, 6], quiet, **arguments)
    for name in ("test_mse", "validation_loss", "rate", "kept_bytes", "peak_bytes"):
        assert beside.metrics[name] == pytest.approx(alone.metrics[name], rel=1e-3)


def test_the_stretch_that_chooses_is_not_the_one_that_judges() -> None:
    """Where it asks for something else, the rate that learned least of the truth can win, though it is judged worse."""
    (found,) = learn_streams([5], quiet, data=partial(numbers, shift=30.0), net=NET, rule=online, rates=(0.02, 1e-6))
    (other,) = learn_streams([5], quiet, data=numbers, net=NET, rule=online, rates=(0.02, 1e-6))
    assert other.metrics["rate"] == 0
    assert found.metrics["validation_loss"] > 100 * other.metrics["validation_loss"]


def test_targets_may_come_every_few_ticks() -> None:
    (found,) = learn_streams([5], quiet, data=symbols, net=CLASSES, rule=online_classes, rates=(0.03,))
    assert found.metrics["test_accuracy"] > 0.85
    assert found.history["tick"][-1] == 450
    passage = symbols(5).learned
    stretch = Stretch(passage.x.unsqueeze(0), passage.y.unsqueeze(0), 3)
    losses = learn(online_classes(MeshNet.stack([CLASSES()]), 3), stretch, 0.03, quiet)
    assert losses.shape == (1, 150)


def test_a_rate_at_which_a_net_does_not_stay_finite_is_out() -> None:
    (found,) = learn_streams([5], quiet, data=numbers, net=NET, rule=online, rates=(1e38, 0.02))
    assert found.metrics["rate"] == 1


def test_bytes_are_those_of_one_net_and_all_of_its_streams() -> None:
    net = NET()
    free, edges = net.topology.free, net.topology.edges
    found = bytes_of(Online(net, mean_squared_error), 3)
    assert found["kept_bytes"] == 4 * 3 * free * (1 + edges)
    assert found["peak_bytes"] > 2 * found["kept_bytes"]
    for ticks in (1, 5):
        kept = bytes_of(TruncatedBackprop(net, mean_squared_error, window=ticks), 3)["kept_bytes"]
        assert kept == 4 * 3 * (free + ticks * net.topology.neurons)
