"""What a rule makes on its way forward is counted exactly: as counted by hand, and alike for every way of taking a step."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from onward.learners.accumulated import Accumulated
from onward.learners.backprop import Backprop
from onward.learners.backprop_by_block import BackpropByBlock
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.meters.activities import activities
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet
from onward.training.step_cost import step_cost
from tests.training.test_step_cost import ADAM, NETS, B

NUMBER = 4  # bytes of a number
RULES: dict[str, Callable[[LayeredNet], AbstractLearner]] = {
    "bp": Backprop,
    "bp by block": BackpropByBlock,
    "bp recomputed": partial(BackpropByBlock, recompute=1),
    "bp in pieces": lambda net: Accumulated(Backprop(net), 4),
    "mf": MonoForward,
    "mf in pieces": lambda net: Accumulated(MonoForward(net), 4),
}
BY_HAND = {  # numbers an example of widths 30, 40, 50 and 3 scores
    "bp": 30 + 40 + 50 + 50,  # the last block before and after its ReLU
    "bp by block": 30 + 40 + 50 + 50,
    "bp recomputed": 30 + 40 + 50 + 50,  # the inputs of all blocks, and the last whole
    "bp in pieces": (30 + 40 + 50 + 50) / 4,
    "mf": 40 + 50 + 3,  # of the last block: what it reads, its activity, where its ReLU is done in place, and its scores
    "mf in pieces": (40 + 50 + 3) / 4,
}


def of_step(rule: str, net: str) -> int:
    made = NETS[net]()
    return step_cost(RULES[rule](made), ADAM, made.shapes[0], B, 3).activities


@pytest.mark.parametrize("rule", RULES)
def test_activities_are_those_counted_by_hand(rule: str) -> None:
    assert of_step(rule, "mlp") == B * NUMBER * BY_HAND[rule]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("net", NETS)
def test_those_of_a_step_that_is_not_run_are_those_of_one_that_is(net: str, rule: str) -> None:
    made = NETS[net]()
    learner = RULES[rule](made).train()
    x, y = torch.zeros(B, *made.shapes[0]), torch.zeros(B, dtype=torch.int64)
    with activities(learner, [x, y, *learner.parameters()]) as found:
        for credit in learner.credit(x, y):
            del credit
    assert found.most == of_step(rule, net)


def test_blame_and_gradients_are_no_activities_and_the_rule_is_put_back() -> None:
    learner = MonoForward(mlp(4, (5,), 2, bias=False))
    loss, credit = learner.loss, learner.credit
    x, y = torch.zeros(3, 4), torch.zeros(3, dtype=torch.int64)
    kept: list[Tensor] = []
    with activities(learner, [x, y, *learner.parameters()]) as found:
        for one in learner.credit(x, y):
            kept += one.gradients.values()
    assert found.most == 4 * 3 * (5 + 2)
    assert found.bytes() == 0
    assert learner.loss is loss
    assert learner.credit == credit


def test_activities_of_mono_forward_do_not_grow_with_depth_and_those_of_backpropagation_do() -> None:
    deep, shallow = (
        [step_cost(rule(mlp(20, (30,) * depth, 3)), ADAM, (20,), B, 3).activities for rule in (MonoForward, Backprop)]
        for depth in (9, 4)
    )
    assert deep[0] == shallow[0]
    assert deep[1] == shallow[1] + 5 * 30 * B * NUMBER
