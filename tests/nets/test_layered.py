"""Layered nets: the shapes that blocks emit, nets of one seed that nest, and a user's own modules cut into blocks."""

import pytest
import torch
from torch import nn

from onward.nets.builders import cnn, mlp
from onward.nets.layered import LayeredNet, generator_of


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_shape_of_every_block_is_known() -> None:
    net = cnn((3, 9, 12), 5, channels=(4, 6))
    assert net.shapes == ((3, 9, 12), (4, 4, 6), (6, 2, 3))
    assert net.outputs == 5
    assert net(torch.zeros(2, 3, 9, 12)).shape == (2, 5)


def test_finding_the_shapes_leaves_statistics_modes_and_random_states_alone() -> None:
    norm, mixed = nn.BatchNorm1d(4), nn.Dropout(0.5)
    norm.running_mean, mixed = torch.full((4,), 2.0), mixed.eval()
    state = torch.random.get_rng_state()
    LayeredNet([nn.Sequential(nn.Linear(3, 4), norm, mixed)], nn.Linear(4, 2), features=(3,))
    assert norm.running_mean.tolist() == [2.0] * 4
    assert norm.training
    assert not mixed.training
    drawn = torch.random.get_rng_state()
    torch.random.set_rng_state(state)
    _ = nn.Linear(3, 4), nn.Linear(4, 2)
    assert torch.equal(drawn, torch.random.get_rng_state())  # only the modules' own first weights were drawn


@pytest.mark.parametrize("depth", [1, 2])
def test_a_net_shares_the_first_blocks_and_projections_of_a_deeper_one(depth: int) -> None:
    from onward.learners.mono_forward import MonoForward

    small = MonoForward(mlp(7, (6, 5, 4)[:depth], 3, generator=seeded()))
    large = MonoForward(mlp(7, (6, 5, 4), 3, generator=seeded()))
    for k in range(depth):
        for one, other in zip(small.net.blocks[k].parameters(), large.net.blocks[k].parameters(), strict=True):
            assert torch.equal(one, other)
    x = torch.randn(5, 7, generator=seeded())
    for one, other in zip(small.goodness(x), large.goodness(x)[:depth], strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(small.goodness(x)[-1], large.goodness(x)[-1])


def test_generators_of_blocks_purposes_and_seeds_are_apart() -> None:
    purposes = ("weights", "projection", "dropout", "feedback")
    states = {
        generator_of(seed, block, purpose).initial_seed()
        for seed in range(3)
        for block in range(50)
        for purpose in purposes
    }
    assert len(states) == 3 * 50 * 4


def test_first_weights_touch_no_global_random_state() -> None:
    state = torch.random.get_rng_state()
    one, two = (cnn((1, 6, 6), 3, channels=(2, 2), generator=seeded()) for _ in range(2))
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_a_sequential_is_cut_where_a_map_begins_and_is_itself_what_learns() -> None:
    whole = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(16, 8), nn.PReLU(), nn.Linear(8, 3),
    )  # fmt: skip
    net = LayeredNet.from_sequential(whole, (1, 6, 6))
    assert [[type(part).__name__ for part in block] for block in [*net.blocks, net.head]] == [
        ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"],
        ["Flatten", "Linear", "PReLU"],
        ["Linear"],
    ]
    assert net.shapes == ((1, 6, 6), (4, 2, 2), (8,))
    x = torch.randn(5, 1, 6, 6, generator=seeded())
    whole.eval()
    net.eval()
    assert torch.equal(net(x), whole(x))
    with torch.no_grad():
        next(net.parameters()).add_(1)
    assert torch.equal(net(x), whole(x))


def test_what_stands_before_the_first_map_belongs_to_the_first_block() -> None:
    net = LayeredNet.from_sequential(nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), (2, 2))
    assert [len(list(block.children())) for block in net.blocks] == [3]
    assert net.shapes == ((2, 2), (3,))


def test_a_truncated_net_shares_its_modules() -> None:
    net = mlp(4, (5, 6), 3, generator=seeded())
    head = nn.Linear(5, 3)
    short = net.truncate(1, head)
    assert short.blocks[0] is net.blocks[0]
    assert short.head is head
    with pytest.raises(ValueError, match="between 1 and 2 blocks, got 3"):
        net.truncate(3, head)


def test_mistakes_are_told_in_one_sentence() -> None:
    linear = nn.Linear(3, 4)
    with pytest.raises(ValueError, match="at least one block, got none"):
        LayeredNet([], None, features=(3,))
    with pytest.raises(ValueError, match=r"^block 1 cannot take an input of shape \[4\]"):
        LayeredNet([linear, linear], None, features=(3,))
    with pytest.raises(ValueError, match=r"the head cannot take an input of shape \[4\]"):
        LayeredNet([linear], nn.Linear(3, 4), features=(3,))
    with pytest.raises(ValueError, match=r"vector of scores an example, got shape \[2, 2\]"):
        LayeredNet([linear], nn.Unflatten(1, (2, 2)), features=(3,))
    with pytest.raises(ValueError, match="at least two modules with weights, got 2 modules with 1"):
        LayeredNet.from_sequential(nn.Sequential(linear, nn.ReLU()), (3,))
    net = LayeredNet([linear], None, features=(3,))
    with pytest.raises(ValueError, match="has no head"):
        net(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="has no head"):
        _ = net.outputs
    net = mlp(3, (4,), 2)
    with pytest.raises(ValueError, match=r"batch x 3, got \(2, 4\)"):
        net(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="torch.float64 but the weights are torch.float32"):
        net(torch.zeros(2, 3).double())
    with pytest.raises(ValueError, match="must hold at least one example, got an empty batch"):
        net(torch.zeros(0, 3))


def test_what_cannot_be_cut_or_taught_apart_is_refused() -> None:
    from onward.learners.forward_forward import ForwardForward
    from onward.learners.mono_forward import MonoForward

    shared = nn.Linear(4, 4)
    net = LayeredNet([shared, nn.Sequential(nn.ReLU(), shared)], nn.Linear(4, 2), features=(4,))
    for rule in (MonoForward, ForwardForward):
        with pytest.raises(ValueError, match="a parameter stands in two blocks"):
            rule(net)
    with pytest.raises(ValueError, match="scores, not probabilities: leave out the Softmax"):
        LayeredNet.from_sequential(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2), nn.Softmax(1)), (3,))
    assert LayeredNet.from_sequential(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), 3).shapes == ((3,), (4,))


def test_weights_that_are_tied_within_a_block_are_given_the_sum_of_their_blame() -> None:
    from onward.learners.backprop import Backprop
    from onward.learners.mono_forward import MonoForward

    shared = nn.Linear(4, 4)
    net = LayeredNet([nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU())], nn.Linear(4, 2), features=(4,)).double()
    x, y = torch.randn(5, 4, generator=seeded()).double(), torch.tensor([0, 1, 0, 1, 1])
    (ours,), (theirs,) = MonoForward(net).credit(x, y), Backprop(net).credit(x, y)
    for name, gradient in theirs.gradients.items():
        torch.testing.assert_close(ours.gradients[name], gradient, rtol=1e-11, atol=1e-13)
