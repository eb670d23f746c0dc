"""Backpropagation without blame from block to block does all else that backpropagation does."""

import pytest
import torch
from torch import nn

from onward.experiments.result import Result
from onward.nets.builders import mlp
from onward.papers.mono_forward import speed_spared
from onward.papers.mono_forward.speed_spared import SparedLinear, measure_spared, spare


def test_a_spared_layer_gives_its_own_gradient_and_no_product_for_its_input() -> None:
    plain, spared = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    spared.load_state_dict(plain.state_dict())
    spared.__class__ = SparedLinear
    found = []
    for layer in (plain, spared):
        x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
        z = layer(x)
        (z * z).sum().backward()
        found.append((z, layer.weight.grad, x))
    torch.testing.assert_close(found[1][:2], found[0][:2])
    torch.testing.assert_close(found[1][2].grad, found[1][2].detach())
    assert not torch.allclose(found[0][2].grad, found[1][2].grad)


def test_blame_is_left_out_between_blocks_alone() -> None:
    net = mlp(6, (5, 5, 5), 2, bias=False)
    spare(net)
    kinds = [type(module) for module in net.modules() if isinstance(module, nn.Linear)]
    assert kinds == [nn.Linear, SparedLinear, SparedLinear, nn.Linear]
    with pytest.raises(ValueError, match="a net without biases"):
        spare(mlp(6, (5, 5), 2))


def test_ways_take_turns_and_are_shown_as_ratios() -> None:
    net = speed_spared.partial(mlp, 6, (5, 5), 2, bias=False)
    (outcome,) = measure_spared([0], lambda part: None, net=net, batch=4, threads=1, rounds=2, steps=3)
    assert {name: len(each) for name, each in outcome.history.items()} == {"bp": 2, "spared": 2, "mf": 2}
    history = {"bp": [3.0] * 6, "spared": [2.0] * 6, "mf": [2.5] * 6}
    table = speed_spared.shown({1: Result("", 0, [0], "", {}, {}, history, 1.0, {}, "")})[-1]
    assert isinstance(table, speed_spared.Table)
    assert table.rows == [["1", "3000.00", "2000.00", "2500.00", "1.50 (1.50 to 1.50)", "1.20 (1.20 to 1.20)"]]
