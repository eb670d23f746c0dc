"""Rules whose blocks can live apart: what a block learns follows from what it is handed and from its own parts."""

import copy

import pytest
import torch
from torch import Tensor

from onward.learners.base import AbstractLearner, Credit
from onward.learners.local import LocalRule
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet
from tests.learners.test_contract import ON_LAYERS
from tests.learners.test_locality import LOCAL

READS_ALL = {"one-pass forward-forward"}  # its softmax
APART = sorted(LOCAL - READS_ALL)
X = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
Y = torch.arange(8) % 2
IMPORTANCE = torch.arange(8) / 3.5


def learner_of(name: str) -> AbstractLearner:
    return ON_LAYERS[name](mlp(5, (12, 8, 7), 2, generator=torch.Generator().manual_seed(3))).train()


def rule_of(learner: AbstractLearner) -> LocalRule:
    assert isinstance(learner, LocalRule)
    return learner


@pytest.mark.parametrize("name", sorted(ON_LAYERS))
def test_the_rules_that_need_no_later_block_say_so(name: str) -> None:
    assert isinstance(learner_of(name), LocalRule) == (name in APART)


def apart(learners: list[AbstractLearner], x: Tensor, y: Tensor, importance: Tensor | None) -> list[Credit]:
    """Give every block to a learner of its own; only the first sees the input."""
    found = []
    passing, lesson = rule_of(learners[0]).enter(x, y, importance)
    for block, learner in enumerate(learners):
        if block:
            lesson = rule_of(learner).lesson(y, importance)
        passing, credit = rule_of(learner).teach(block, passing, lesson)
        assert not passing.requires_grad
        assert credit is not None
        found.append(credit)
    return found


@pytest.mark.parametrize("importance", [None, IMPORTANCE], ids=["equal", "weighted"])
@pytest.mark.parametrize("name", APART)
def test_blocks_that_live_apart_get_the_credit_of_the_whole_bitwise(name: str, importance: Tensor | None) -> None:
    """Over several batches, so that counts and running means go on apart as they do together."""
    whole = learner_of(name)
    learners = [copy.deepcopy(whole) for _ in rule_of(whole).net.blocks]
    for _ in range(3):
        together = list(whole.credit(X, Y, importance=importance))
        for one, other in zip(together, apart(learners, X, Y, importance), strict=True):
            assert torch.equal(one.loss, other.loss)
            assert one.gradients.keys() == other.gradients.keys()
            assert all(torch.equal(one.gradients[key], other.gradients[key]) for key in one.gradients)


@pytest.mark.parametrize("name", APART)
def test_a_block_reads_none_but_its_own_parts(name: str) -> None:
    whole = learner_of(name)
    learners = [copy.deepcopy(whole) for _ in rule_of(whole).net.blocks]
    for block, learner in enumerate(learners):
        own = {
            id(value)
            for part in rule_of(learner).parts(block).values()
            for value in part.state_dict(keep_vars=True).values()
        }
        net = learner.net
        assert isinstance(net, LayeredNet)
        for key, value in learner.state_dict(keep_vars=True).items():
            if id(value) not in own and value.is_floating_point() and "codes" not in key:
                value.detach().fill_(float("nan"))
    for one, other in zip(whole.credit(X, Y), apart(learners, X, Y, None), strict=True):
        assert all(torch.equal(one.gradients[key], other.gradients[key]) for key in one.gradients)


@pytest.mark.parametrize("name", APART)
def test_parts_are_named_as_in_the_learner_and_hold_every_parameter_once(name: str) -> None:
    learner = learner_of(name)
    named = [
        (f"{prefix}.{key}", value)
        for block in range(len(rule_of(learner).net.blocks))
        for prefix, part in rule_of(learner).parts(block).items()
        for key, value in part.named_parameters()
    ]
    assert {key: id(value) for key, value in named} == {key: id(value) for key, value in learner.named_parameters()}
    assert len(named) == len({key for key, _ in named})
