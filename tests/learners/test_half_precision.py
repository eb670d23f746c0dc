"""Nets held in bfloat16 are taught by every rule of goodness, near what single precision gives."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from onward.learners.base import AbstractLearner
from onward.learners.forward_forward import ForwardForward
from onward.learners.layer_collaboration import LayerCollaboration
from onward.learners.one_pass_forward_forward import OnePassForwardForward
from onward.learners.symba import SymBa
from onward.learners.two_passes import Peers
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe, fit

HALF = torch.bfloat16
RULES: dict[str, Callable[[LayeredNet], AbstractLearner]] = {
    "forward-forward": ForwardForward,
    "peers": partial(ForwardForward, peers=Peers()),
    "one pass": OnePassForwardForward,
    "collaboration": LayerCollaboration,
    "symba": partial(SymBa, pattern=4),
}


def net(features: int, normalise: Callable[[int], nn.Module] | None = None) -> LayeredNet:
    return mlp(features, (40, 30, 30), 2, normalise=normalise, generator=torch.Generator().manual_seed(1)).to(HALF)


def data() -> tuple[Tensor, Tensor]:
    x = torch.randn(48, 10, generator=torch.Generator().manual_seed(0))
    x[:, :2] = 0  # room for labels
    return x.to(HALF), (x[:, 2] > 0).long()


def made(name: str, normalise: Callable[[int], nn.Module] | None = None) -> AbstractLearner:
    return RULES[name](net(14 if name == "symba" else 10, normalise))


def in_single(name: str) -> AbstractLearner:
    """The same learner, its rounded numbers in single precision."""
    learner = RULES[name](net(14 if name == "symba" else 10).float())
    learner.load_state_dict(made(name).state_dict())
    return learner


@pytest.mark.parametrize("name", RULES)
def test_credit_and_scores_are_near_those_in_single_precision(name: str) -> None:
    x, y = data()
    ours, exact = made(name).eval(), in_single(name).eval()
    for one, other in zip(ours.credit(x, y), exact.credit(x.float(), y), strict=True):
        assert one.loss.dtype == torch.float32
        torch.testing.assert_close(one.loss, other.loss, rtol=0.02, atol=0)
        for parameter, gradient in one.gradients.items():
            assert gradient.dtype == HALF
            assert (gradient.float() - other.gradients[parameter]).norm() < 0.05 * other.gradients[parameter].norm()
    scores = ours.scores(x)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, exact.scores(x.float()), rtol=0.05, atol=0.05)


@pytest.mark.parametrize("name", RULES)
def test_a_net_in_half_precision_learns(name: str) -> None:
    x, y = data()
    learner = made(name)
    recipe = Recipe(partial(torch.optim.Adam, lr=0.01), epochs=60)
    epochs = list(
        fit(learner, Dataset("signs", Split(x, y), Split(x, y)), recipe, generator=torch.Generator().manual_seed(0))
    )
    assert epochs[-1].loss < 0.7 * epochs[0].loss
    assert (learner.scores(x).argmax(1) == y).float().mean() > 0.9


@pytest.mark.parametrize("name", RULES)
def test_blocks_with_normalisation_are_taught_too(name: str) -> None:
    x, y = data()
    given = [name for credit in made(name, nn.BatchNorm1d).train().credit(x, y) for name in credit.gradients]
    assert "net.blocks.2.1.weight" in given


@pytest.mark.parametrize("name", ["forward-forward", "symba"])
def test_what_examples_count_and_running_means_are_not_rounded_to_half_precision(name: str) -> None:
    learner = made(name)
    assert isinstance(learner, ForwardForward | SymBa)
    share = learner.lesson(torch.arange(48) % 2).share
    torch.testing.assert_close(share, torch.full_like(share, 1 / 48, dtype=torch.float32))
    assert all(mean.dtype == torch.float32 for mean in ForwardForward(net(10), peers=Peers()).passes.means.buffers())
