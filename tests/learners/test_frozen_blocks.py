"""Blocks that do not learn keep weights and statistics, whatever learns around them."""

import pytest
import torch
from torch import nn

from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp, vgg8b
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe, fit
from tests.blocks.plugged import ADAM, same, state_of


def learner_and_data() -> tuple[MonoForward, Dataset]:
    net = vgg8b((3, 8, 8), 3, multiplier=0.03, generator=torch.Generator().manual_seed(0))
    x = torch.randn(24, 3, 8, 8, generator=torch.Generator().manual_seed(1)) + 2
    split = Split(x, torch.arange(24) % 3)
    return MonoForward(net), Dataset("noise", split, split)


@pytest.mark.parametrize(
    ("learning", "optimiser"),
    [({0}, torch.optim.Adam), ({3}, torch.optim.AdamW), ({1, 4}, torch.optim.SGD), ({6}, torch.optim.RMSprop)],
)
def test_training_some_blocks_changes_these_alone(learning: set[int], optimiser: type[torch.optim.Optimizer]) -> None:
    learner, data = learner_and_data()
    recipe = Recipe(lambda parameters: optimiser(parameters, lr=0.01, weight_decay=0.1), epochs=2, batch=8)  # pyright: ignore[reportCallIssue]
    list(fit(learner, data, Recipe(ADAM, epochs=1, batch=8), generator=torch.Generator().manual_seed(0)))
    before = [state_of([block, learner.projection_of(k)]) for k, block in enumerate(learner.net.blocks)]
    learner.learning = frozenset(learning)
    list(fit(learner, data, recipe, generator=torch.Generator().manual_seed(0)))
    after = [state_of([block, learner.projection_of(k)]) for k, block in enumerate(learner.net.blocks)]
    for k, (one, other) in enumerate(zip(before, after, strict=True)):
        if k in learning:
            assert not any(torch.equal(a, b) for a, b in zip(one, other, strict=True))
        else:
            assert same(one, other)


def test_blocks_that_rest_are_run_in_evaluation_mode_and_get_their_modes_back() -> None:
    learner, data = learner_and_data()
    learner.learning = frozenset({2})
    x, y = data.train.x, data.train.y
    learner.train()
    (in_training,) = learner.credit(x, y)
    assert all(module.training for module in learner.modules())
    for block in list(learner.net.blocks)[:2]:
        block.eval()
    (in_evaluation,) = learner.credit(x, y)
    assert torch.equal(in_training.loss, in_evaluation.loss)


def test_later_blocks_than_the_last_that_learns_are_not_run() -> None:
    learner, data = learner_and_data()
    learner.learning = frozenset({1})
    learner.net.blocks[2].register_forward_hook(lambda *called: pytest.fail("a block was run for nothing"))
    assert len(list(learner.credit(data.train.x, data.train.y))) == 1


def test_a_block_without_learning_weights_rests_while_its_projection_learns() -> None:
    learner, data = learner_and_data()
    learner.net.blocks[0].requires_grad_(False)
    before = state_of([learner.net.blocks[0]])
    first = next(learner.train().credit(data.train.x, data.train.y))
    assert set(first.gradients) == {"projections.0.2.weight"} or set(first.gradients) == {"projections.0.1.weight"}
    assert same(state_of([learner.net.blocks[0]]), before)
    learner.net.blocks[0].requires_grad_(True)
    next(learner.credit(data.train.x, data.train.y))
    assert not same(state_of([learner.net.blocks[0]]), before)


def test_a_block_without_any_weights_goes_on_with_its_statistics() -> None:
    net = mlp(5, (4,), 3, normalise=lambda width: nn.BatchNorm1d(width, affine=False))
    learner = MonoForward(net).train()
    net.blocks[0] = nn.BatchNorm1d(5, affine=False)
    learner.net.head = nn.Linear(5, 3)
    before = state_of([net.blocks[0]])
    list(learner.credit(torch.randn(8, 5, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3))
    assert not same(state_of([net.blocks[0]]), before)
