"""Evaluation mode for a while."""

import pytest
from torch import nn

from onward.nets.modes import evaluating, rests


def test_every_part_gets_its_own_mode_back_after_an_error_too() -> None:
    inner = nn.Sequential(nn.Dropout(), nn.ReLU())
    net = nn.Sequential(nn.Linear(2, 2), inner).train()
    inner.eval()
    inner[0].train()
    modes = [part.training for part in net.modules()]
    with evaluating(net):
        assert not any(part.training for part in net.modules())
    assert [part.training for part in net.modules()] == modes
    with pytest.raises(KeyError), evaluating(net):
        raise KeyError
    assert [part.training for part in net.modules()] == modes


def test_a_module_rests_if_it_has_weights_and_none_learns() -> None:
    layer = nn.Linear(2, 2)
    assert not rests(layer)
    layer.weight.requires_grad_(False)
    assert not rests(layer)
    layer.bias.requires_grad_(False)
    assert rests(layer)
    assert not rests(nn.BatchNorm1d(2, affine=False))
