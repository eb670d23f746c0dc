"""Backpropagation that hands out credit block by block: the blame of backpropagation, for less memory."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import nn

from onward.learners.backprop import Backprop
from onward.learners.backprop_by_block import BackpropByBlock
from onward.meters.retained import retained_bytes
from onward.nets.builders import cnn, mlp, vgg8b
from onward.nets.dropout import Dropout
from onward.nets.layered import LayeredNet
from onward.training.fit import Recipe
from onward.training.step_cost import step_cost
from onward.training.steps import GradientSteps

MAKES: dict[str, Callable[[], LayeredNet]] = {
    "mlp": lambda: mlp(5, (6, 7, 8, 9), 3, generator=torch.Generator().manual_seed(1)),
    "one block": lambda: mlp(5, (6,), 3, generator=torch.Generator().manual_seed(1)),
    "cnn": lambda: cnn((2, 8, 8), 3, channels=(3, 4, 5), generator=torch.Generator().manual_seed(1)),
    "batch normalisation": lambda: vgg8b((3, 8, 8), 3, multiplier=1 / 32, generator=torch.Generator().manual_seed(1)),
}
WAYS = [None, 1, 2, 3, 9]


def batch(net: LayeredNet) -> tuple[torch.Tensor, torch.Tensor]:
    drawn = torch.Generator().manual_seed(0)
    return torch.randn(6, *net.shapes[0], generator=drawn, dtype=torch.float64), torch.arange(6) % 3


def test_blame_is_freed_as_soon_as_it_is_used() -> None:
    """So no step holds more than one of backpropagation does; blame held one block too long would show at so large a batch."""
    recipe = Recipe(partial(torch.optim.Adam, lr=0.001), 1)
    net = mlp(20, (40,) * 5, 10, generator=torch.Generator().manual_seed(1))
    peaks = [step_cost(rule(net), recipe, (20,), 5000, 10).peak for rule in (Backprop, BackpropByBlock)]
    assert peaks[1] <= peaks[0]


@pytest.mark.parametrize("recompute", WAYS)
@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_the_credit_of_all_blocks_is_that_of_backpropagation(make: Callable[[], LayeredNet], recompute: int | None) -> None:
    importance = torch.arange(6, dtype=torch.float64) / 2.5
    whole, pieces = Backprop(make().double()), BackpropByBlock(make().double(), recompute=recompute)
    for learner in (whole, pieces):
        learner.train()
    for _ in range(2):
        x, y = batch(whole.net) if isinstance(whole.net, LayeredNet) else (None, None)
        assert x is not None and y is not None  # noqa: PT018
        (one,) = whole.credit(x, y, importance=importance)
        parcels = list(pieces.credit(x, y, importance=importance))
        assert len(parcels) == len(pieces.net.blocks) + 1
        together = {name: gradient for parcel in parcels for name, gradient in parcel.gradients.items()}
        assert together.keys() == one.gradients.keys()
        for parcel in parcels:
            torch.testing.assert_close(parcel.loss, one.loss, rtol=1e-11, atol=0)
        for name, gradient in one.gradients.items():
            torch.testing.assert_close(together[name], gradient, rtol=1e-11, atol=1e-14)
    for name, value in whole.state_dict().items():  # statistics have moved on as often
        torch.testing.assert_close(pieces.state_dict()[name], value, rtol=1e-12, atol=0)


@pytest.mark.parametrize("recompute", WAYS)
def test_steps_taken_parcel_by_parcel_are_those_of_backpropagation(recompute: int | None) -> None:
    """The blame of a block must not depend on what the updates above it did."""
    found = []
    for rule in (Backprop, partial(BackpropByBlock, recompute=recompute)):
        net = MAKES["mlp"]().double()
        steps = GradientSteps(rule(net), partial(torch.optim.SGD, lr=0.5), None, ())
        for _ in range(3):
            steps.step(*batch(net), None)
        found.append(net.state_dict())
    for name, value in found[0].items():
        torch.testing.assert_close(found[1][name], value, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("recompute", [1, 2])
def test_what_is_recomputed_silences_the_same_neurons_again(recompute: int) -> None:
    def net() -> LayeredNet:
        drawn = [torch.Generator().manual_seed(k) for k in range(3)]
        blocks = [nn.Sequential(nn.Linear(5, 5), nn.ReLU(), Dropout(0.4, generator=one)) for one in drawn]
        torch.manual_seed(0)
        for block in blocks:
            nn.init.normal_(block.get_submodule("0").get_parameter("weight"))
        return LayeredNet(blocks, nn.Linear(5, 3), features=(5,)).double()

    torch.manual_seed(0)
    one, other = net(), net()
    other.load_state_dict(one.state_dict())
    whole, pieces = Backprop(one).train(), BackpropByBlock(other, recompute=recompute).train()
    for _ in range(3):
        (credit,) = whole.credit(*batch(one))
        for parcel in pieces.credit(*batch(other)):
            for name, gradient in parcel.gradients.items():
                torch.testing.assert_close(gradient, credit.gradients[name], rtol=1e-11, atol=1e-14)
    assert int(one.state_dict()["blocks.0.2.batches"]) == int(other.state_dict()["blocks.0.2.batches"]) == 3


def test_what_is_kept_grows_with_depth_and_more_slowly_when_it_is_recomputed() -> None:
    x, y, layer = torch.zeros(64, 32), torch.arange(64) % 3, 64 * 32 * 4

    def kept(depth: int, recompute: int | None) -> int:
        return retained_bytes(BackpropByBlock(mlp(32, (32,) * depth, 3), recompute=recompute), x, y)

    assert kept(16, None) - kept(8, None) == 8 * layer
    assert kept(16, 1) - kept(8, 1) == 8 * layer  # inputs of all blocks are kept
    assert kept(16, 4) - kept(8, 4) == 2 * layer
    assert kept(16, 4) < kept(16, 1) < 1.2 * kept(16, None)


def test_blocks_that_rest_get_no_parcel_and_pass_blame_on() -> None:
    x, y = torch.zeros(4, 5).normal_(generator=torch.Generator().manual_seed(2)), torch.arange(4) % 3
    net = MAKES["mlp"]()
    for part in (net.blocks[0], net.blocks[2]):
        part.requires_grad_(requires_grad=False)
    (whole,) = Backprop(net).credit(x, y)
    parcels = list(BackpropByBlock(net, recompute=2).credit(x, y))
    assert len(parcels) == 3
    for name, gradient in {k: g for parcel in parcels for k, g in parcel.gradients.items()}.items():
        torch.testing.assert_close(gradient, whole.gradients[name])


@pytest.mark.parametrize("recompute", [0, -1])
def test_at_least_one_block_is_recomputed(recompute: int) -> None:
    with pytest.raises(ValueError, match="whole number of blocks, at least 1, got"):
        BackpropByBlock(MAKES["mlp"](), recompute=recompute)
