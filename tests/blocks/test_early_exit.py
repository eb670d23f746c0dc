"""Examples leave at the first block that is sure, and blocks that they do not reach are not computed for them."""

import pytest
import torch

from onward.blocks.early_exit import exit_costs, leave_early
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import cnn, mlp, vgg8b
from onward.training.fit import Recipe
from tests.blocks.plugged import ADAM, NETS, data_for, train

NEVER = float("inf")


@pytest.fixture(params=NETS, scope="module")
def learner(request: pytest.FixtureRequest) -> MonoForward:
    return train(MonoForward(NETS[request.param](3)), Recipe(ADAM, epochs=8, batch=16))


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.5, 0.6, 0.8, NEVER])
def test_each_example_leaves_at_its_first_sure_block_with_what_that_block_says(
    learner: MonoForward, threshold: float
) -> None:
    x = data_for(learner.net).test.x
    exits = leave_early(learner, x, threshold)
    goodness = [scores.detach() for scores in learner.goodness(x)]
    sure = torch.stack([scores.softmax(-1).amax(-1) >= threshold for scores in goodness])
    sure[-1] = True
    first = sure.int().argmax(0)
    assert torch.equal(exits.block, first)
    expected = torch.stack(goodness)[first, torch.arange(len(x))]
    torch.testing.assert_close(exits.scores, expected)


def test_some_leave_at_every_block_in_between(learner: MonoForward) -> None:
    """So that the test above has seen every way through the net."""
    x = data_for(learner.net).test.x
    spread = [len(leave_early(learner, x, threshold).block.unique()) for threshold in (0.4, 0.5, 0.6, 0.8)]
    assert max(spread) == 3


def test_blocks_are_run_on_those_that_stay_alone(learner: MonoForward) -> None:
    x = data_for(learner.net).test.x
    seen: dict[int, int] = {}
    hooks = [
        block.register_forward_hook(lambda module, inputs, output, k=k: seen.update({k: len(inputs[0])}))
        for k, block in enumerate(learner.net.blocks)
    ]
    exits = leave_early(learner, x, 0.5)
    staying = [int((exits.block >= k).sum()) for k in range(3)]
    assert seen == {k: count for k, count in enumerate(staying) if count}
    seen.clear()
    leave_early(learner, x, 0.0)
    assert seen == {0: len(x)}
    for hook in hooks:
        hook.remove()


def test_the_ends_are_the_first_block_and_the_whole_net(learner: MonoForward) -> None:
    x = data_for(learner.net).test.x
    torch.testing.assert_close(leave_early(learner, x, 0.0).scores, learner.truncate(1)(x).detach())
    never = leave_early(learner, x, NEVER)
    torch.testing.assert_close(never.scores, learner.scores(x))
    assert (never.block == 2).all()
    assert not never.scores.requires_grad


def test_nets_with_statistics_predict_in_evaluation_mode() -> None:
    learner = MonoForward(vgg8b((3, 8, 8), 3, multiplier=0.03)).eval()
    x = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = leave_early(learner, x, 0.4)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    found = leave_early(learner.train(), x, 0.4)
    assert torch.equal(found.scores, expected.scores)
    assert learner.training
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())


def test_products_of_half_precision_give_single_scores() -> None:
    learner = MonoForward(mlp(7, (9, 8), 3))
    with torch.autocast("cpu", torch.bfloat16):
        exits = leave_early(learner, torch.ones(2, 7), 0.5)
    assert exits.scores.dtype == torch.float32


def test_costs_are_those_of_all_blocks_and_projections_so_far() -> None:
    assert exit_costs(MonoForward(mlp(7, (9, 8), 3))) == (63 + 27, 63 + 27 + 72 + 24)
    first = 9 * 2 * 4 * 64 + 3 * 4 * 16
    assert exit_costs(MonoForward(cnn((2, 8, 8), 3, channels=(4, 5)))) == (first, first + 9 * 4 * 5 * 16 + 3 * 5 * 4)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan")])
def test_thresholds_that_are_none_are_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match=f"the threshold must be a probability, .* got {threshold}"):
        leave_early(MonoForward(mlp(7, (9,), 3)), torch.ones(2, 7), threshold)
    with pytest.raises(ValueError, match="expected an input of shape batch x 7"):
        leave_early(MonoForward(mlp(7, (9,), 3)), torch.ones(2, 6), 0.5)
