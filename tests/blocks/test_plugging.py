"""Blocks are plugged in and out, and those before them do not notice, bitwise."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from onward.blocks.block_by_block import fit_blocks
from onward.blocks.plugging import add, cut, remove, replace, with_classes
from onward.learners.mono_forward import MonoForward
from onward.nets import projections
from onward.nets.builders import mlp
from onward.nets.draw import linear
from onward.nets.layered import LayeredNet
from onward.nets.readouts import total
from onward.training.fit import Recipe
from tests.blocks.plugged import NETS, RECIPE, data_for, parts_of, same, state_of, train

RECIPES = {
    "adam": RECIPE,
    "momentum": Recipe(partial(torch.optim.SGD, lr=0.05, momentum=0.9, weight_decay=0.01), epochs=2, batch=16),
    "one kernel for all": Recipe(partial(torch.optim.Adam, lr=0.01, fused=True), epochs=2, batch=16),
}


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_untrained_nets_of_one_seed_share_their_first_blocks_and_projections(make: Callable[..., LayeredNet]) -> None:
    two, three = MonoForward(make(2)), MonoForward(make(3))
    assert same(state_of(parts_of(two, 2)), state_of(parts_of(three, 2)))
    assert not same(state_of(parts_of(two, 2)), state_of(parts_of(MonoForward(make(2, seed=3)), 2)))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_trained_nets_of_one_seed_and_order_share_their_first_blocks(
    make: Callable[..., LayeredNet], recipe: Recipe
) -> None:
    before = state_of(parts_of(MonoForward(make(2)), 2))
    two, three = train(MonoForward(make(2)), recipe), train(MonoForward(make(3)), recipe)
    assert same(state_of(parts_of(two, 2)), state_of(parts_of(three, 2)))
    assert not any(torch.equal(a, b) for a, b in zip(before, state_of(parts_of(two, 2)), strict=True))
    x = data_for(two.net).test.x
    assert torch.equal(two.goodness(x)[1], three.goodness(x)[1])
    assert torch.equal(three.truncate(2)(x), two.scores(x))


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_a_block_added_to_a_trained_net_and_trained_alone_leaves_the_others_as_they_were(
    make: Callable[..., LayeredNet],
) -> None:
    two = train(MonoForward(make(2)))
    x, before = data_for(two.net).test.x, state_of(parts_of(two, 2))
    said = [scores.clone() for scores in two.goodness(x)]
    three = add(two, make(3).blocks[2])
    assert same([scores.detach() for scores in three.goodness(x)[:2]], said)
    added = state_of([three.net.blocks[2], three.projection_of(2)])
    list(fit_blocks(three, {2}, data_for(three.net), RECIPE, generator=torch.Generator().manual_seed(5)))
    assert same(state_of(parts_of(three, 2)), before)
    assert same([scores.detach() for scores in three.goodness(x)[:2]], said)
    after = state_of([three.net.blocks[2], three.projection_of(2)])
    assert not any(torch.equal(a, b) for a, b in zip(added, after, strict=True))


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_cutting_a_block_off_and_adding_it_gives_the_same_net(make: Callable[..., LayeredNet]) -> None:
    whole = MonoForward(make(3))
    again = add(cut(whole, 2), make(3).blocks[2])
    assert list(again.state_dict()) == list(whole.state_dict())
    assert same(state_of([again]), state_of([whole]))
    assert again.net.shapes == whole.net.shapes
    assert same(state_of([train(again)]), state_of([train(MonoForward(make(3)))]))
    longer = add(add(cut(MonoForward(make(3)), 2), make(3).blocks[2]), make(4).blocks[3])
    assert same(state_of([longer]), state_of([MonoForward(make(4))]))


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_a_trained_block_can_be_put_back_with_its_own_projection(make: Callable[..., LayeredNet]) -> None:
    whole = train(MonoForward(make(3)))
    own = whole.projection_of(2)
    again = add(cut(whole, 2), whole.net.blocks[2], projection=lambda shape, outputs, *, generator: own)
    assert again.projection_of(2) is own
    assert same(state_of([again]), state_of([whole]))
    x = data_for(whole.net).test.x
    assert torch.equal(again.scores(x), whole.scores(x))


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_truncated_nets_are_plain_modules_that_predict_as_their_block(make: Callable[..., LayeredNet]) -> None:
    learner = train(MonoForward(make(3)))
    x = data_for(learner.net).test.x
    for k, scores in enumerate(learner.goodness(x)):
        net = learner.truncate(k + 1)
        assert type(net) is LayeredNet
        assert len(net.blocks) == k + 1
        assert all(one is other for one, other in zip(net.blocks, learner.net.blocks, strict=False))
        assert torch.equal(net(x), scores)
        assert torch.equal(cut(learner, k + 1).scores(x), scores.detach())


def test_a_learner_that_was_cut_keeps_rule_readout_and_mode() -> None:
    learner = MonoForward(NETS["mlp"](3), readout=total).eval()
    part = cut(learner, 2)
    x = data_for(learner.net).test.x
    assert part.loss is learner.loss
    assert not part.training
    torch.testing.assert_close(part.scores(x), sum(learner.goodness(x)[:2]).detach())  # pyright: ignore[reportAttributeAccessIssue]
    assert cut(learner.train(), 2).training
    assert part.learning == {0, 1}


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_block_can_be_added_anywhere_and_removed_again(generator: torch.Generator, at: int) -> None:
    learner = MonoForward(mlp(6, (6, 6, 6), 4, generator=generator))
    block = nn.Sequential(linear(6, 6, bias=True, generator=generator), nn.ReLU())
    more = add(learner, block, at=at)
    assert more.net.blocks[at] is block
    assert len(more.net.blocks) == len(learner.net.blocks) + 1
    held = {id(projection) for projection in (learner.projection_of(k) for k in range(3))}
    assert [id(more.projection_of(k)) in held for k in range(4)] == [k != at for k in range(4)]
    x = torch.randn(5, 6, generator=generator)
    assert same([one.detach() for one in more.goodness(x)[:at]], [one.detach() for one in learner.goodness(x)[:at]])
    less = remove(more, at)
    assert same(list(less.state_dict().values()), list(learner.state_dict().values()))
    assert all(one is other for one, other in zip(less.parameters(), learner.parameters(), strict=True))


def test_a_replaced_block_is_the_new_one_with_a_projection_of_its_own(generator: torch.Generator) -> None:
    learner = MonoForward(mlp(5, (6, 7, 8), 4, generator=generator))
    block = nn.Sequential(linear(6, 7, bias=True, generator=generator), nn.Tanh())
    other = replace(learner, 1, block, projection=projections.two_layer)
    assert [one is two for one, two in zip(other.net.blocks, learner.net.blocks, strict=True)] == [True, False, True]
    assert other.net.blocks[1] is block
    assert isinstance(other.projection_of(1), nn.Sequential)
    assert [other.projection_of(k) is learner.projection_of(k) for k in range(3)] == [True, False, True]
    last = replace(learner, 2, nn.Sequential(linear(7, 3, bias=True, generator=generator), nn.ReLU()))
    assert last.scores(torch.zeros(2, 5)).shape == (2, 4)


def test_the_projection_of_a_new_block_is_drawn_from_a_generator(generator: torch.Generator) -> None:
    learner = MonoForward(mlp(6, (6, 6), 4, generator=generator)).double()
    block = nn.Linear(6, 6).double()
    state = torch.random.get_rng_state()
    one, again = (add(learner, block, generator=torch.Generator().manual_seed(4)).projection_of(2) for _ in range(2))
    other = add(learner, block).projection_of(2)
    assert same(state_of([one]), state_of([again]))
    assert not same(state_of([one]), state_of([other]))
    assert one.get_parameter("weight").dtype == torch.float64
    assert torch.equal(state, torch.random.get_rng_state())
    drawn = [learner.projection_of(k).get_parameter("weight") for k in range(2)]
    inserted = add(learner, block, at=0).projection_of(0).get_parameter("weight")
    assert not any(torch.equal(inserted, one) for one in drawn)


def test_new_classes_are_new_rows_on_every_block(generator: torch.Generator) -> None:
    learner = train(MonoForward(NETS["cnn"](3)))
    x, y = data_for(learner.net).test.take(torch.arange(20))
    old = [scores.detach() for scores in learner.goodness(x)]
    more = with_classes(learner, 5, generator=generator)
    assert all(one is other for one, other in zip(more.net.blocks, learner.net.blocks, strict=True))
    for before, after in zip(old, more.goodness(x), strict=True):
        assert after.shape == (20, 5)
        torch.testing.assert_close(after[:, :3].detach(), before)
        assert after[:, 3:].detach().any()
    rows = [more.projection_of(k).get_parameter("1.weight")[3:] for k in range(3)]
    assert not torch.equal(rows[0][:, :50], rows[1][:, :50])
    assert [scores.shape[1] for scores in learner.goodness(x)] == [3, 3, 3]
    assert sum(float(credit.loss) for credit in more.credit(x, y + 2)) > 0
    empty = with_classes(learner, 5).goodness(x)
    assert not any(scores[:, 3:].any() for scores in empty)


def test_what_does_not_fit_is_refused(generator: torch.Generator) -> None:
    learner = MonoForward(mlp(5, (6, 7, 8), 4, generator=generator))
    block = nn.Linear(8, 8)
    for blocks in (0, 4, -1):
        with pytest.raises(ValueError, match=f"expected between 1 and 3 blocks, got {blocks}"):
            cut(learner, blocks)
        with pytest.raises(ValueError, match=f"expected between 1 and 3 blocks, got {blocks}"):
            learner.truncate(blocks)
    with pytest.raises(ValueError, match="a block can be added at 0 to 3, got 4"):
        add(learner, block, at=4)
    with pytest.raises(ValueError, match="cannot take an input of shape \\[7\\]"):
        add(learner, block, at=2)
    with pytest.raises(ValueError, match="without block 1, block 2 cannot take an input of shape \\[6\\]"):
        remove(learner, 1)
    with pytest.raises(ValueError, match="^block 3 cannot take an input of shape \\[8\\]"):
        add(learner, nn.Linear(9, 9))
    with pytest.raises(ValueError, match="the blocks of this net are 0 to 2, got -1"):
        remove(learner, -1)
    with pytest.raises(ValueError, match="the blocks of this net are 0 to 2, got 3"):
        replace(learner, 3, block)
    with pytest.raises(ValueError, match="the only block of a net cannot be removed"):
        remove(cut(learner, 1), 0)
    with pytest.raises(ValueError, match="can only grow to more, got 4"):
        with_classes(learner, 4)


def test_a_readout_of_ones_own_stays_with_nets_that_it_does_not_fit() -> None:
    learner = MonoForward(mlp(5, (6, 6), 4), readout=lambda scores: scores[1])
    x = torch.ones(2, 5)
    assert torch.equal(learner.scores(x), learner.goodness(x)[1])
    assert cut(learner, 1).readout is learner.readout


def test_decay_of_weights_passes_over_blocks_that_rest() -> None:
    learner = train(MonoForward(NETS["mlp"](3)))
    decays = Recipe(partial(torch.optim.AdamW, lr=0.01, weight_decay=0.5), epochs=2, batch=16)
    before = state_of(parts_of(learner, 2))
    list(fit_blocks(learner, {2}, data_for(learner.net), decays, generator=torch.Generator().manual_seed(0)))
    assert same(state_of(parts_of(learner, 2)), before)


def test_blocks_that_rested_go_on_resting_and_new_ones_learn(generator: torch.Generator) -> None:
    learner = MonoForward(mlp(6, (6, 6, 6), 4, generator=generator))
    block = nn.Sequential(linear(6, 6, bias=True, generator=generator), nn.ReLU())
    learner.learning = frozenset({0, 2})
    assert cut(learner, 2).learning == {0}
    assert add(learner, block).learning == {0, 2, 3}
    assert add(learner, block, at=0).learning == {0, 1, 3}
    assert remove(learner, 0).learning == {1}
    assert replace(learner, 1, block).learning == {0, 1, 2}
    assert with_classes(learner, 5).learning == {0, 2}
    assert cut(remove(learner, 0), 1).learning == {0}  # only a block that rested is left
    assert learner.learning == {0, 2}
