"""Evaluation mode for a while."""

import pytest
import torch
from torch import nn

from onward.nets.modes import evaluating, rests, run


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


def test_one_example_is_refused_where_its_statistics_cannot_be_taken_and_nowhere_else() -> None:
    block, one = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), torch.ones(1, 3)
    with pytest.raises(ValueError, match="needs at least 2 examples a batch, got 1; drop_last=True"):
        run(block.train(), one)
    assert torch.equal(run(block.eval(), one), block(one))
    of_maps = nn.BatchNorm2d(2).train()
    assert run(of_maps, torch.ones(1, 2, 3, 3)).shape == (1, 2, 3, 3)
    with pytest.raises(ValueError, match="expected 4D input"):
        run(of_maps, torch.ones(2, 2))
