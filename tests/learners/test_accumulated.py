"""A batch in pieces: the credit of the whole, from pieces of any size."""

from functools import partial

import pytest
import torch

from onward.learners.accumulated import Accumulated
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.meters.retained import retained_bytes
from onward.nets.builders import cnn, mlp
from onward.training.steps import GradientSteps

X = torch.randn(11, 2, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(11) % 3
IMPORTANCE = torch.arange(11, dtype=torch.float64) / 5


def learner(rule: type[AbstractLearner]) -> AbstractLearner:
    return rule(cnn((2, 6, 6), 3, channels=(4, 5), generator=torch.Generator().manual_seed(1)).double())  # type: ignore[call-arg]


@pytest.mark.parametrize("importance", [None, IMPORTANCE], ids=["equal", "weighted"])
@pytest.mark.parametrize("pieces", [1, 2, 3, 11, 40])
@pytest.mark.parametrize("rule", [Backprop, MonoForward])
def test_the_credit_of_the_pieces_is_that_of_the_batch(
    rule: type[AbstractLearner], pieces: int, importance: torch.Tensor | None
) -> None:
    whole = list(learner(rule).credit(X, Y, importance=importance))
    parts = list(Accumulated(learner(rule), pieces).credit(X, Y, importance=importance))
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(other.loss, one.loss, rtol=1e-11, atol=0)
        assert [f"learner.{name}" for name in one.gradients] == list(other.gradients)
        for name, gradient in one.gradients.items():
            torch.testing.assert_close(other.gradients[f"learner.{name}"], gradient, rtol=1e-11, atol=1e-14)


def test_steps_are_those_of_the_whole_batch() -> None:
    found = []
    for make in (partial(learner, Backprop), lambda: Accumulated(learner(Backprop), 4)):
        made = make()
        steps = GradientSteps(made, partial(torch.optim.SGD, lr=0.5), None, ())
        for _ in range(3):
            steps.step(X, Y, None)
        found.append(made.scores(X))
    torch.testing.assert_close(found[0], found[1], rtol=1e-11, atol=1e-14)


def test_what_is_kept_is_that_of_a_piece() -> None:
    x, y = torch.zeros(64, 20), torch.arange(64) % 3
    net = mlp(20, (30, 30, 30), 3)
    whole, pieces = retained_bytes(Backprop(net), x, y), retained_bytes(Accumulated(Backprop(net), 8), x, y)
    gradients = sum(parameter.nbytes for parameter in net.parameters())
    assert pieces <= whole / 8 + gradients + 64  # the losses that are summed


@pytest.mark.parametrize("pieces", [0, -1])
def test_a_batch_is_cut_into_at_least_one_piece(pieces: int) -> None:
    with pytest.raises(ValueError, match="whole number of pieces, at least 1, got"):
        Accumulated(learner(Backprop), pieces)
