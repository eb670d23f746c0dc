"""Damage to a block is done to all of its weights and to nothing else."""

from functools import partial

import pytest
import torch

from onward.kernels.damage import Damage, bits_flipped, noisy, zeroed
from onward.nets.builders import mlp, vgg8b
from onward.nets.damage import clear_outliers, damage


@pytest.mark.parametrize(
    "how", [partial(zeroed, part=0.5), partial(noisy, scale=1.0), partial(bits_flipped, probability=0.1)]
)
def test_only_the_weights_of_the_block_change(generator: torch.Generator, how: Damage) -> None:
    net = vgg8b((3, 8, 8), 4, multiplier=0.05, generator=generator)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    own = {f"blocks.1.{name}" for name, _ in net.blocks[1].named_parameters()}
    assert damage(net.blocks[1], how, generator=generator) is None
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    zeros_before = {name for name in own if not before[name].any()}  # what is 0 has no relative noise and nothing to lose
    assert own - zeros_before <= changed <= own
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_tensors_of_one_block_are_not_damaged_alike(generator: torch.Generator) -> None:
    net = mlp(20, (20,), 20, bias=False)
    net.blocks[0].append(torch.nn.Linear(20, 20, bias=False))  # pyright: ignore[reportCallIssue]
    with torch.no_grad():
        for weight in net.blocks[0].parameters():
            weight.fill_(1)
    damage(net.blocks[0], partial(zeroed, part=0.5), generator=generator)
    one, other = net.blocks[0].parameters()
    assert not torch.equal(one, other)


def test_outliers_are_cleared_and_the_rest_is_kept() -> None:
    net = mlp(3, (2, 2), 2)
    first, second = net.blocks[0][0], net.blocks[1][0]  # pyright: ignore[reportIndexIssue]
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, -3.0, float("nan")], [float("inf"), 2.0, -1.9]]))
        second.weight.fill_(50)
    clear_outliers(net.blocks[0], 2.0)
    assert first.weight.tolist() == [[1.0, 0.0, 0.0], [0.0, 2.0, pytest.approx(-1.9)]]
    assert (second.weight == 50).all()
    with pytest.raises(ValueError, match="the limit of weights must be above 0, got 0"):
        clear_outliers(net.blocks[0], 0)
