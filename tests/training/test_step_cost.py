"""What a step takes, counted without running it: equal to what a real step takes, and to what arithmetic says."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from onward.learners.accumulated import Accumulated
from onward.learners.backprop import Backprop
from onward.learners.backprop_by_block import BackpropByBlock
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.meters.held import held
from onward.meters.over_time import course
from onward.nets.builders import cnn, mlp
from onward.nets.layered import LayeredNet
from onward.training.fit import Recipe
from onward.training.second_order import LevenbergMarquardt
from onward.training.step_cost import step_cost
from onward.training.steps import GradientSteps
from onward.training.ways import in_pieces

ADAM = Recipe(partial(torch.optim.Adam, fused=True), 1)
SGD = Recipe(partial(torch.optim.SGD, lr=0.1), 1)
RULES: dict[str, Callable[[LayeredNet], AbstractLearner]] = {
    "bp": Backprop,
    "bp by block": BackpropByBlock,
    "bp recomputed": partial(BackpropByBlock, recompute=2),
    "bp in pieces": lambda net: Accumulated(Backprop(net), 4),
    "mf": MonoForward,
}
NETS: dict[str, Callable[[], LayeredNet]] = {
    "mlp": lambda: mlp(20, (30, 40, 50), 3, bias=False),
    "cnn": lambda: cnn((2, 8, 8), 3, channels=(4, 5, 6)),
}
B = 16


def real_peak(learner: AbstractLearner, features: tuple[int, ...]) -> int:
    """The peak of a second step that is really taken."""
    steps = GradientSteps(learner, partial(torch.optim.Adam, fused=True), None, ())
    x, y = torch.zeros(B, *features), torch.zeros(B, dtype=torch.int64)
    steps.step(x, y, None)
    state = [one for own in steps.optimiser.state.values() for one in own.values() if isinstance(one, Tensor)]

    def step(mark: Callable[[], None]) -> None:
        steps.step(x, y, None)
        mark()

    return course(step, [x, y, *learner.parameters(), *state]).peak


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("net", NETS)
def test_the_peak_of_a_step_that_is_not_run_is_that_of_one_that_is(net: str, rule: str) -> None:
    made = NETS[net]()
    learner = RULES[rule](made).train()
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    found = step_cost(learner, ADAM, made.shapes[0], B, made.outputs)
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())
    assert found.peak == pytest.approx(real_peak(learner, made.shapes[0]), abs=64)  # scalars
    parameters = sum(one.numel() for one in learner.parameters())
    assert found.held.parameters == 4 * parameters
    assert found.held.optimiser == pytest.approx(8 * parameters, abs=8 * len(list(learner.parameters())))
    assert found.held.gradients == 0


def slope(rule: str, batch: int, recipe: Recipe, **flags: Any) -> float:
    """Bytes a layer of 100 more."""
    deep, shallow = (
        step_cost(RULES[rule](mlp(100, (100,) * depth, 10, bias=False)), recipe, (100,), batch, 10, **flags).peak
        for depth in (6, 4)
    )
    return (deep - shallow) / 2


WEIGHTS, PROJECTION = 100 * 100 * 4, 100 * 10 * 4


def test_layers_cost_what_the_paper_printed_at_a_batch_that_is_large() -> None:
    """204.00 and 16.16 MB for layers of 1000 at 50,000: here a tenth of the width, so a hundredth of the weights."""
    activity = 5_000 * 100 * 4
    assert slope("bp", 5_000, ADAM, first=True) == WEIGHTS + activity
    assert slope("mf", 5_000, ADAM, keep_gradients=True) == pytest.approx(4 * (WEIGHTS + PROJECTION), abs=16)


def test_layers_of_mono_forward_cost_their_weights_and_the_optimisers_state_alone() -> None:
    assert slope("mf", 5_000, ADAM) == pytest.approx(3 * (WEIGHTS + PROJECTION), abs=16)
    assert slope("mf", 5_000, SGD) == WEIGHTS + PROJECTION
    assert slope("mf", 50, SGD) == WEIGHTS + PROJECTION


def test_multiply_adds_are_those_of_the_matrix_products() -> None:
    """BP runs every product three times, but for the blame of the input; Mono-Forward twice, and its projections three times."""
    first, second, head = 20 * 30, 30 * 40, 40 * 3
    net = mlp(20, (30, 40), 3, bias=False)
    bp = step_cost(Backprop(net), SGD, (20,), B, 3)
    mf = step_cost(MonoForward(net), SGD, (20,), B, 3)
    assert bp.products == (B * (2 * first + 3 * second + 3 * head),)
    of_one = 2 * first + 3 * 30 * 3
    assert mf.products == (B * of_one, B * (of_one + 2 * second + 3 * head))
    again = step_cost(BackpropByBlock(net, recompute=1), SGD, (20,), B, 3)
    assert again.products[-1] == bp.products[0] + B * first  # the block below the last is run twice


def test_regression_and_half_precision_are_counted_too() -> None:
    net = mlp(20, (30, 40), 2)
    found = step_cost(MonoForward(net, "mean squared error"), Recipe(partial(torch.optim.SGD, lr=0.1), 1), (20,), B, 2)
    assert found.peak > found.held.total
    half = step_cost(Backprop(net), Recipe(partial(torch.optim.SGD, lr=0.1), 1, products=torch.bfloat16), (20,), 4096, 2)
    whole = step_cost(Backprop(net), Recipe(partial(torch.optim.SGD, lr=0.1), 1), (20,), 4096, 2)
    assert half.peak < whole.peak


def test_only_steps_by_the_gradient_are_counted() -> None:
    with pytest.raises(ValueError, match="steps by the gradient are counted, got LevenbergMarquardt"):
        step_cost(Backprop(mlp(2, (3,), 2)), Recipe(LevenbergMarquardt(), 1), (2,), 4, 2)


def test_what_is_held_is_counted_by_what_it_is_for() -> None:
    net = mlp(4, (5,), 2)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    tied = torch.nn.ModuleList([net, net])
    assert held(tied).parameters == held(net).parameters == held(net).gradients == 4 * (25 + 10)
    assert held(net).total == 2 * held(net).parameters


def test_a_batch_in_pieces_holds_one_set_of_gradients_and_one_block_more() -> None:
    net = mlp(20, (200, 200, 200, 200), 3, bias=False)
    whole, pieces = (
        step_cost(rule(net), ADAM, net.shapes[0], 16, net.outputs).peak
        for rule in (Backprop, partial(in_pieces, pieces=16))
    )
    assert pieces <= whole + 1.1 * 4 * 200 * 200
