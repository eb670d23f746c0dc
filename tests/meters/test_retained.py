from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from onward import graphs
from onward.kernels import losses
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner, Credit
from onward.learners.forward_only import ForwardOnly
from onward.meters.retained import retained_bytes
from onward.nets.builders import mlp
from onward.nets.mesh import MeshNet


class Keeps(AbstractLearner):
    """Holds, drops, shares and hands out what the test asks for."""

    def __init__(self, *, turns: bool = True) -> None:
        super().__init__()
        self.loss = losses.cross_entropy
        self.weight = torch.nn.Parameter(torch.zeros(10))
        self.turns = turns

    def credit(self, x: Tensor, y: Tensor, *, importance: Tensor | None = None) -> Iterator[Credit]:
        dropped = torch.zeros(1000)
        del dropped
        kept = x + 1
        views = [kept[:2], kept.T, x[1:], self.weight.detach()]
        handed_out = torch.zeros(10)
        yield Credit(torch.tensor(0.0), {"weight": handed_out})
        if self.turns:
            self.loss(torch.zeros(len(x), 2), y, importance)
        later = torch.zeros(1000)
        assert len(views) + len(later)

    def scores(self, x: Tensor) -> Tensor:
        return x


X, Y = torch.zeros(4, 6), torch.zeros(4, dtype=torch.int64)


def test_what_is_held_at_the_turn_is_counted_once_and_nothing_else() -> None:
    kept, scores = 4 * 6 * 4, 4 * 2 * 4
    assert retained_bytes(Keeps(), X, Y) == kept + scores


def test_the_loss_is_put_back() -> None:
    learner = Keeps()
    retained_bytes(learner, X, Y)
    assert learner.loss is losses.cross_entropy
    with pytest.raises(ValueError, match="targets of shape"):
        retained_bytes(Backprop(mlp(6, (3,), 2)), X, Y[:2])
    assert learner.loss is losses.cross_entropy


def test_a_rule_that_never_turns_cannot_be_counted() -> None:
    with pytest.raises(ValueError, match="what Keeps keeps cannot be counted"):
        retained_bytes(Keeps(turns=False), X, Y)


def test_importance_is_part_of_the_batch() -> None:
    learner = Backprop(mlp(6, (3,), 2))
    assert retained_bytes(learner, X, Y, importance=torch.ones(4)) <= retained_bytes(learner, X, Y) + 4 * 2 * 4


def test_meshes_are_counted_too() -> None:
    """Backpropagation through ticks keeps more with every tick; the influence of forward-only propagation stays one size."""

    def counted(rule: type[AbstractLearner], ticks: int, **options: str) -> int:
        net = MeshNet(graphs.mesh(3, 12, 2), ticks, generator=torch.Generator().manual_seed(0))
        return retained_bytes(rule(net, **options), torch.zeros(8, 3), Y.repeat(2))

    few, more, most = (counted(Backprop, ticks) for ticks in (10, 20, 40))
    assert most - more == 2 * (more - few) > 0
    assert counted(ForwardOnly, 10, engine="influence") == counted(ForwardOnly, 40, engine="influence")
