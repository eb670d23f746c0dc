"""Multiply-adds are those that are counted by hand."""

import pytest
import torch
from torch import nn

from onward.kernels import sparse_weights
from onward.kernels.sparse_weights import Rows
from onward.nets.builders import cnn, mlp, vgg8b
from onward.nets.cost import counted, multiply_adds
from onward.nets.mixer import Mixer


@pytest.mark.parametrize("bias", [True, False])
def test_a_perceptron_has_one_multiply_add_a_weight(bias: bool) -> None:
    net = mlp((1, 5, 4), (30, 20), 7, bias=bias)
    assert multiply_adds(net, (1, 5, 4)) == 20 * 30 + 30 * 20 + 20 * 7
    assert multiply_adds(net.blocks[1], (30,)) == 30 * 20


def test_a_convolution_has_one_multiply_add_a_weight_and_place() -> None:
    net = cnn((3, 8, 6), 7, channels=(4, 5))
    assert multiply_adds(net.blocks[0], (3, 8, 6)) == 9 * 3 * 4 * 8 * 6
    assert multiply_adds(net, (3, 8, 6)) == 9 * 3 * 4 * 8 * 6 + 9 * 4 * 5 * 4 * 3 + 7 * 5 * 2 * 1
    strided = nn.Conv2d(2, 4, 3, stride=2, groups=2)
    assert multiply_adds(strided, (2, 7, 7)) == 9 * 1 * 4 * 3 * 3


def test_a_mixer_mixes_tokens_and_channels(generator: torch.Generator) -> None:
    layer = Mixer(6, 8, 10, 12, generator=generator)
    assert multiply_adds(layer, (6, 8)) == 8 * 2 * 6 * 10 + 6 * 2 * 8 * 12


def test_a_sparse_matrix_multiplies_its_entries_alone() -> None:
    starts, columns, edges = (torch.tensor(each).int() for each in ([0, 1, 3, 3, 3, 4], [2, 0, 3, 4], range(4)))
    sparse = sparse_weights.matrix(torch.ones(4), Rows(starts, columns, edges, width=6))
    dense = torch.randn(6, 7)
    assert counted(lambda: sparse @ dense) == 4 * 7
    assert counted(lambda: sparse.to_dense() @ dense) == 5 * 6 * 7
    assert counted(lambda: torch.mv(sparse, dense[:, 0].contiguous())) == 4
    assert counted(lambda: sparse_weights.meet(sparse, torch.randn(5, 16), torch.randn(6, 16))) == 4 * 16
    assert counted(lambda: sparse.values().mul(2)) == 0


def test_counting_leaves_statistics_modes_and_random_state() -> None:
    net = vgg8b((3, 8, 8), 4, multiplier=0.05).train()
    net.blocks[0].eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    modes, state = [module.training for module in net.modules()], torch.random.get_rng_state()
    assert multiply_adds(net, (3, 8, 8)) > 0
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [module.training for module in net.modules()] == modes
    assert torch.equal(state, torch.random.get_rng_state())


def test_what_has_no_products_costs_nothing_and_double_precision_is_taken() -> None:
    assert multiply_adds(nn.ReLU(), (5,)) == 0
    assert multiply_adds(mlp(3, (4,), 2).double(), (3,)) == 20
