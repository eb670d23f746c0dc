"""Learning from streams as they pass, and going on after a restart as if nothing had been."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from onward import graphs
from onward.files.sealed import FileDamaged
from onward.learners.online import Online
from onward.learners.streams import AbstractStreamLearner
from onward.learners.truncated_backprop import TruncatedBackprop
from onward.nets.mesh import MeshNet
from onward.training import stream_checkpoint
from onward.training.fit import TrainingFailed
from onward.training.streaming import Streaming

ADAM = partial(torch.optim.Adam, lr=0.01)
RULES: dict[str, Callable[[MeshNet], AbstractStreamLearner[Any]]] = {
    "online": lambda net: Online(net, "mean squared error"),
    "present": lambda net: TruncatedBackprop(net, "mean squared error", window=1),
    "truncated": lambda net: TruncatedBackprop(net, "mean squared error", window=4),
}


def _net(hidden: int = 6, dtype: torch.dtype = torch.float32) -> MeshNet:
    drawn = torch.Generator().manual_seed(0)
    return MeshNet(graphs.mesh(2, hidden, 1), 3, hidden="tanh", generator=drawn, dtype=dtype)


def _streaming(rule: str = "online", net: MeshNet | None = None, **options: Any) -> Streaming:
    return Streaming(RULES[rule](_net() if net is None else net), ADAM, **options)


def _piece(ticks: int = 30, seed: int = 0, streams: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(streams, ticks, 2, generator=torch.Generator().manual_seed(seed))
    return x, x.cumsum(1)[..., :1] * 0.1


def _weight(streaming: Streaming) -> torch.Tensor:
    return streaming.learner.net.weight.detach()


@pytest.mark.parametrize("rule", RULES)
def test_a_stream_that_goes_on_from_a_file_is_the_stream_that_was_not_left(rule: str, tmp_path: Path) -> None:
    whole = _streaming(rule)
    x, y = _piece(80)
    whole.learn(x[:, :37], y[:, :37])
    stream_checkpoint.save(whole, tmp_path / "stream")
    expected = whole.learn(x[:, 37:], y[:, 37:])
    other = _streaming(rule, _net().with_weight(torch.zeros_like(_weight(whole))))
    stream_checkpoint.resume(other, tmp_path / "stream")
    assert other.ticks == 37
    assert_close(other.learn(x[:, 37:], y[:, 37:]), expected, rtol=0, atol=0)
    assert_close(other.state(), whole.state(), rtol=0, atol=0)


def test_another_process_goes_on_bit_for_bit(tmp_path: Path) -> None:
    streaming = _streaming()
    x, y = _piece(40)
    streaming.learn(x[:, :20], y[:, :20])
    stream_checkpoint.save(streaming, tmp_path / "stream")
    streaming.learn(x[:, 20:], y[:, 20:])
    code = (
        "import torch; from pathlib import Path; from tests.training.test_streaming import _piece, _streaming, _weight;"
        "from onward.training import stream_checkpoint; torch.set_num_threads(1);"
        f"streaming = _streaming(); stream_checkpoint.resume(streaming, {str(tmp_path / 'stream')!r});"
        "x, y = _piece(40); streaming.learn(x[:, 20:], y[:, 20:]); print(_weight(streaming).numpy().tobytes().hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == _weight(streaming).numpy().tobytes().hex()


def test_a_stream_that_has_not_begun_can_be_kept_too(tmp_path: Path) -> None:
    streaming = _streaming()
    stream_checkpoint.save(streaming, tmp_path / "stream")
    other = _streaming()
    other.learn(*_piece())
    stream_checkpoint.resume(other, tmp_path / "stream")
    assert other.learner.past is None
    assert_close(_weight(other), _weight(streaming), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: _streaming("truncated"), "it belongs to another rule: 'Online', not 'TruncatedBackprop'"),
        (lambda: _streaming(net=_net(7)), "it belongs to another mesh"),
        (lambda: _streaming(net=_net(dtype=torch.float64)), "it belongs to another shape or dtype of weights"),
        (lambda: _streaming(ticks_a_step=3), "it belongs to another setting"),
        (lambda: Streaming(RULES["online"](_net()), partial(torch.optim.Adam, lr=0.1)), "it belongs to another optimiser"),
    ],
)
def test_what_belongs_to_another_stream_is_refused(other: Callable[[], Streaming], message: str, tmp_path: Path) -> None:
    streaming = _streaming()
    streaming.learn(*_piece())
    stream_checkpoint.save(streaming, tmp_path / "stream")
    mine = other()
    before = _weight(mine).clone()
    with pytest.raises(ValueError, match=f"cannot be gone on with: {message}"):
        stream_checkpoint.resume(mine, tmp_path / "stream")
    assert_close(_weight(mine), before, rtol=0, atol=0)
    assert mine.learner.past is None


def test_damage_is_seen(tmp_path: Path) -> None:
    streaming = _streaming()
    streaming.learn(*_piece())
    path = tmp_path / "stream"
    stream_checkpoint.save(streaming, path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileDamaged, match="its SHA-256 does not match"):
        stream_checkpoint.resume(_streaming(), path)
    with pytest.raises(FileDamaged, match="was not found"):
        stream_checkpoint.resume(_streaming(), tmp_path / "none")


@pytest.mark.parametrize("ticks_a_step", [1, 4, None])
def test_steps_are_taken_where_they_are_said_to_be(ticks_a_step: int | None) -> None:
    """By hand: the mean gradient of the ticks since the last step, at the weights after it."""
    streaming = Streaming(RULES["online"](_net()), partial(torch.optim.SGD, lr=0.05), ticks_a_step=ticks_a_step)
    x, y = _piece(10)
    learner = RULES["online"](_net())
    expected, waiting = [], []
    for tick in range(10):
        (credit,) = learner.credit(x[:, tick], y[:, tick])
        expected.append(credit.loss)
        waiting.append(credit.gradients["net.weight"])
        if len(waiting) == ticks_a_step or tick == 9:
            with torch.no_grad():
                learner.net.weight.sub_(0.05 * torch.stack(waiting).mean(0))
            waiting = []
    assert_close(streaming.learn(x, y), torch.stack(expected))
    assert_close(_weight(streaming), learner.net.weight.detach())
    assert streaming.ticks == 10


def test_a_stream_is_learned_and_does_better_than_without_memory() -> None:
    """The target is the mean of this tick and the one before."""
    x, _ = _piece(600, streams=8)
    y = 0.5 * (x + torch.cat([torch.zeros(8, 1, 2), x[:, :-1]], 1))[..., :1]
    losses = _streaming().learn(x, y)
    present = _streaming(rule="present").learn(x, y)
    assert losses[-50:].mean() < 0.1 * losses[:50].mean()
    assert losses[-50:].mean() < 0.6 * present[-50:].mean()


def test_importance_is_how_much_a_stream_counts_at_a_tick() -> None:
    one, other = _streaming(), _streaming()
    x, y = _piece(5)
    share = torch.tensor([[3.0, 0.0, 0.0]] * 5).T
    one.learn(x, y, importance=share)
    other.learn(x[:1], y[:1])
    assert_close(_weight(one), _weight(other))


def test_what_cannot_be_learned_is_refused() -> None:
    with pytest.raises(ValueError, match="ticks_a_step must be a whole number of at least 1, or None, got 0"):
        _streaming(ticks_a_step=0)
    with pytest.raises(ValueError, match="a stream passes once"):
        Streaming(RULES["online"](_net()), torch.optim.LBFGS)
    x, y = _piece(5)
    with pytest.raises(ValueError, match="a target for every tick, got inputs of shape .3, 5, 2. and targets of .3, 4, 1."):
        _streaming().learn(x, y[:, :4])
    with pytest.raises(TrainingFailed, match="the loss became nan on a stream"):
        _streaming().learn(x, y * torch.nan)
