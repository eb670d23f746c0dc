"""Dropout with a source of its own: the masks are a matter of seed, block and batch, of nothing else."""

from functools import partial

import pytest
import torch
from torch import nn

from onward.learners.mono_forward import MonoForward
from onward.nets.builders import vgg8b
from onward.nets.dropout import Dropout
from onward.nets.layered import LayeredNet
from onward.training.data import Lesson, Split
from onward.training.fit import Recipe, Training


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_as_many_are_silenced_as_asked_and_the_mean_stays() -> None:
    dropout = Dropout(0.3, generator=seeded())
    y = dropout(torch.ones(200, 300))
    assert float((y == 0).double().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(y.mean()) == pytest.approx(1, abs=0.02)
    assert not torch.equal(y, dropout(torch.ones(200, 300)))


def test_nothing_is_silenced_or_counted_when_judging() -> None:
    dropout = Dropout(0.3, generator=seeded()).eval()
    x = torch.randn(4, 5)
    assert torch.equal(dropout(x), x)
    assert dropout.batches == 0


def test_the_global_random_state_has_no_part_in_it() -> None:
    state = torch.random.get_rng_state()
    one, two = (Dropout(0.5, generator=seeded())(torch.ones(50)) for _ in range(2))
    assert torch.equal(one, two)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("probability", [-0.1, 1.0, float("nan")])
def test_a_probability_is_one(probability: float) -> None:
    with pytest.raises(ValueError, match="at least 0 and below 1, got"):
        Dropout(probability, generator=seeded())


def trained(depth: int) -> MonoForward:
    blocks = [
        nn.Sequential(
            nn.Linear(6, 6), nn.ReLU(), Dropout(0.4, generator=seeded(k))
        )
        for k in range(depth)
    ]  # fmt: skip
    for k, block in enumerate(blocks):
        for parameter in block.parameters():
            nn.init.normal_(parameter, 0, 0.5, generator=seeded(10 + k))
    learner = MonoForward(LayeredNet(blocks, nn.Linear(6, 2), features=(6,)))
    x = torch.randn(40, 6, generator=seeded())
    data = Lesson("signs", Split(x, (x[:, 0] > 0).long()))
    recipe = Recipe(partial(torch.optim.Adam, lr=0.01), 3, 10)
    list(Training(learner, data, recipe, generator=seeded()).steps())
    return learner


def test_trained_nets_of_two_and_three_blocks_share_the_first_ones() -> None:
    """The head of the shorter net is drawn elsewhere, so the block under it is not compared."""
    two, three = trained(2), trained(3)
    for one, other in zip(two.net.blocks[0].parameters(), three.net.blocks[0].parameters(), strict=True):
        assert torch.equal(one, other)
    assert two.net.blocks[0][2].batches == 12  # pyright: ignore[reportIndexIssue]


def test_vgg8b_drops_in_every_block_from_its_own_source() -> None:
    net = vgg8b((3, 16, 16), 4, multiplier=0.03, dropout=0.2, generator=seeded())
    drops = [block[-1] for block in net.blocks]  # pyright: ignore[reportIndexIssue]
    assert all(isinstance(drop, Dropout) and drop.probability == 0.2 for drop in drops)
    assert len({int(drop.seed) for drop in drops}) == len(drops)
