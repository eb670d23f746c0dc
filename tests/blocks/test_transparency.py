"""Every block is judged by its own scores, and the best is named."""

import pytest
import torch
from torch.nn import functional

from onward.blocks.transparency import Judged, Transparency, judge_blocks
from onward.learners.backprop import Backprop
from onward.learners.joint import Joint
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp, vgg8b
from onward.papers.mono_forward.blocks import each_block
from onward.training.data import Dataset, Split
from onward.training.judging import evaluate
from tests.blocks.plugged import NETS, data_for, train


@pytest.mark.parametrize("name", NETS)
def test_blocks_and_their_sum_are_judged_by_their_own_scores(name: str) -> None:
    learner = train(MonoForward(NETS[name](3)))
    split = data_for(learner.net).test
    judged = judge_blocks(learner, split)
    goodness = [scores.detach() for scores in learner.goodness(split.x)]
    for found, scores in zip((*judged.blocks, judged.total), (*goodness, sum(goodness)), strict=True):
        assert isinstance(scores, torch.Tensor)
        assert found.loss == pytest.approx(functional.cross_entropy(scores, split.y).item())
        assert found.accuracy == (scores.argmax(1) == split.y).double().mean().item()
    loss, right = evaluate(learner, split)
    assert judged.last.loss == pytest.approx(loss.item())
    assert right is not None
    assert judged.last.accuracy == right.item()
    assert len({one.accuracy for one in judged.blocks}) > 1


def test_many_examples_are_judged_in_parts() -> None:
    learner = MonoForward(mlp(7, (5,), 3))
    x = torch.randn(4500, 7, generator=torch.Generator().manual_seed(0))
    split = Split(x, torch.arange(4500) % 3)
    (scores,) = learner.goodness(x)
    assert judge_blocks(learner, split).last.loss == pytest.approx(functional.cross_entropy(scores, split.y).item())


def test_importance_counts_in_the_loss() -> None:
    learner = MonoForward(mlp(7, (5, 4), 3))
    x = torch.randn(4, 7, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 1, 2, 0])
    weighted = judge_blocks(learner, Split(x, y, importance=torch.tensor([3.0, 0, 0, 1])))
    repeated = judge_blocks(learner, Split(x[[0, 0, 0, 3]], y[[0, 0, 0, 3]]))
    for one, other in zip(weighted.blocks, repeated.blocks, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5)


def test_the_best_block_is_the_most_accurate_and_the_first_of_equals() -> None:
    def report(*accuracies: float | None, losses: tuple[float, ...] = (3.0, 2.0, 1.0)) -> Transparency:
        blocks = tuple(Judged(loss, right) for loss, right in zip(losses, accuracies, strict=True))
        return Transparency(blocks, blocks[0])

    assert report(0.5, 0.9, 0.7).best == 1
    assert report(0.9, 0.9, 0.7).best == 0
    assert report(0.1, 0.2, 0.7).best == 2
    assert report(None, None, None).best == 2
    assert report(None, None, None, losses=(0.3, 0.1, 0.2)).best == 1


def test_it_prints_as_a_table() -> None:
    blocks = (Judged(0.25, 0.9), Judged(0.125, 0.95))
    assert str(Transparency(blocks, Judged(0.2, 0.925))).splitlines() == [
        "            accuracy      loss  net up to it",
        "block 0       0.9000    0.2500  truncate(1)",
        "block 1       0.9500    0.1250  truncate(2)  best block",
        "all blocks    0.9250    0.2000",
    ]
    plain = Transparency((Judged(0.25, None),), Judged(0.25, None))
    assert "block 0                 0.2500  truncate(1)  best block" in str(plain)


def test_predicted_values_are_judged_by_their_loss() -> None:
    learner = MonoForward(mlp(7, (5, 4), 2), "mean squared error")
    x = torch.randn(9, 7, generator=torch.Generator().manual_seed(0))
    judged = judge_blocks(learner, Split(x, x[:, :2]))
    assert [one.accuracy for one in judged.blocks] == [None, None]
    assert judged.blocks[0].loss == pytest.approx((learner.goodness(x)[0] - x[:, :2]).square().mean().item())


def test_nets_with_statistics_are_judged_in_evaluation_mode_and_left_as_they_were() -> None:
    learner = MonoForward(vgg8b((3, 8, 8), 3, multiplier=0.03)).eval()
    split = Split(torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3)
    expected = judge_blocks(learner, split)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    assert judge_blocks(learner.train(), split) == expected
    assert learner.training
    assert all(torch.equal(value, before[name]) for name, value in learner.state_dict().items())


def test_other_rules_with_scores_on_every_block_are_judged_and_those_without_refused() -> None:
    net, split = mlp(7, (5, 4), 3), Split(torch.ones(3, 7), torch.arange(3))
    assert judge_blocks(Joint(net), split) == judge_blocks(MonoForward(net), split)
    with pytest.raises(ValueError, match="the blocks of Backprop do not predict on their own; linear_probes"):
        judge_blocks(Backprop(net), split)


def test_each_block_names_every_way_of_predicting_on_both_parts() -> None:
    learner = train(MonoForward(NETS["mlp"](2)))
    data = data_for(learner.net)
    found, judged = each_block(learner, data), judge_blocks(learner, data.test)
    ways = ("block_1", "block_2", "last", "total")
    assert list(found) == [f"{part}_accuracy_{way}" for part in ("validation", "test") for way in ways]
    values = (*judged.blocks, judged.last, judged.total)
    assert [found[f"test_accuracy_{way}"] for way in ways] == [one.accuracy for one in values]
    assert list(each_block(learner, Dataset("", data.train, data.test))) == [f"test_accuracy_{way}" for way in ways]
    with pytest.raises(ValueError, match="only Mono-Forward's blocks predict on their own, got Joint"):
        each_block(Joint(learner.net), data)
