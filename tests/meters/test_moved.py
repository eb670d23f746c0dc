"""Bytes that operations move: what they are given and what they make, and nothing for what only looks."""

from collections.abc import Callable
from functools import partial

import pytest
import torch

from onward.learners.backprop import Backprop
from onward.learners.mono_forward import MonoForward
from onward.meters.operations import Operations
from onward.nets.builders import mlp
from onward.training.fit import Recipe
from onward.training.step_cost import step_cost
from onward.training.steps import GradientSteps

A, B = torch.ones(10, 20), torch.ones(20, 30)
ADAM = partial(torch.optim.Adam, fused=True)


def moved(run: Callable[[], object]) -> int:
    with Operations() as found:
        run()
    return found.moved


@pytest.mark.parametrize(
    ("run", "numbers"),
    [
        (lambda: A @ B, 200 + 600 + 300),
        (lambda: A.relu(), 400),
        (lambda: A.clone().add_(A), 400 + 600),
        (lambda: A.double(), 200 + 2 * 200),
        (lambda: A + A, 400),
        (lambda: A.T, 0),
        (lambda: A.view(-1)[3:], 0),
        (lambda: torch.empty(10, 20), 0),
        (lambda: torch.zeros(10, 20), 200),
        (lambda: torch.empty(10, 20).copy_(A), 400),
        (lambda: torch.mm(A, B, out=torch.empty(10, 30)), 200 + 600 + 300),
        (lambda: torch.cat([A, A]), 400 + 200),
    ],
)
def test_an_operation_moves_what_it_reads_and_what_it_writes(run: Callable[[], object], numbers: int) -> None:
    assert moved(run) == 4 * numbers


def test_fused_adam_moves_weights_means_and_gradients_both_ways() -> None:
    weight = torch.nn.Parameter(torch.ones(1000))
    weight.grad = torch.ones(1000)
    steps = ADAM([weight])
    steps.step()
    assert moved(steps.step) == pytest.approx(4 * 8 * 1000, abs=16)


@pytest.mark.parametrize("rule", [Backprop, MonoForward])
def test_a_step_that_is_not_run_moves_what_one_that_is_run_moves(rule: Callable[..., Backprop | MonoForward]) -> None:
    learner = rule(mlp(20, (30, 40), 3, generator=torch.Generator().manual_seed(1))).train()
    steps = GradientSteps(learner, ADAM, None, ())
    x, y = torch.zeros(16, 20), torch.zeros(16, dtype=torch.int64)
    steps.step(x, y, None)

    def step() -> None:
        for credit in learner.credit(x, y):
            steps.apply(credit)

    found = step_cost(learner, Recipe(ADAM, 1), (20,), 16, 3).moved
    assert found == pytest.approx(moved(step), rel=0.02)
