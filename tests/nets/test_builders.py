"""The nets of the papers have the papers' shapes and numbers of parameters."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from onward import given
from onward.learners.mono_forward import MonoForward
from onward.nets import draw, projections
from onward.nets.builders import cnn, mixer, mlp, vgg8b
from onward.nets.layered import LayeredNet


def size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_perceptrons_have_the_parameters_that_the_paper_counts() -> None:
    """Table 4: 1,794k for BP, 1,804k with both projections, 1,784k without a head; only without biases."""
    net = mlp((1, 28, 28), (1000, 1000), 10, bias=False)
    assert size(net) == 1_794_000
    assert size(MonoForward(net)) == 1_804_000
    assert size(mlp(784, (1000, 1000), None, bias=False)) == 1_784_000
    assert size(mlp(784, (1000, 1000), 10)) == 1_796_000


def test_the_convolutional_net_halves_its_map_and_flattens_it_for_goodness() -> None:
    net = cnn((3, 32, 32), 10)
    assert net.shapes[1:] == ((64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2))
    sizes = [size(projection) for projection in MonoForward(net).projections]
    assert sizes == [10 * n for n in (16384, 8192, 4096)]
    assert size(cnn((3, 32, 32), 10)) == 9 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 10 * 2048


def test_maps_that_cannot_be_halved_are_not_pooled() -> None:
    assert cnn((1, 5, 5), 2, channels=(2, 2, 2, 2)).shapes[1:] == ((2, 2, 2), (2, 1, 1), (2, 1, 1), (2, 1, 1))


def test_vgg8b_is_that_of_its_authors() -> None:
    """Six convolutions and a linear layer; 8.9 M parameters with its local classifiers (Nøkland and Eidnes, table 2)."""
    net = vgg8b((3, 32, 32), 10)
    assert net.shapes[1:] == (
        (128, 32, 32), (256, 16, 16), (256, 16, 16), (512, 8, 8), (512, 4, 4), (512, 2, 2), (1024,),
    )  # fmt: skip
    assert 8.8e6 < size(MonoForward(net, projection=projections.pooled)) < 9.1e6


def test_the_mixer_embeds_patches_and_keeps_their_number() -> None:
    net = mixer((3, 8, 8), 5, patch=4, width=12, depth=2)
    assert net.shapes == ((3, 8, 8), (4, 12), (4, 12), (4, 12))
    x = torch.randn(3, 3, 8, 8)
    embedded = net.blocks[0](x)
    patch = x[:, :, 4:8, 0:4].flatten(1)
    torch.testing.assert_close(embedded[:, 2], net.blocks[0][2](patch))  # pyright: ignore[reportIndexIssue]


@pytest.mark.parametrize("make", [lambda: cnn((3, 8, 8), 4, channels=(3, 5)), lambda: vgg8b((3, 8, 8), 4, multiplier=0.03),
                                  lambda: mixer((3, 8, 8), 4, width=8, depth=2), lambda: mlp((3, 8, 8), (9, 7), 4)])  # fmt: skip
def test_every_block_of_every_net_is_given_credit(make: object) -> None:
    net = make() if callable(make) else None
    assert isinstance(net, LayeredNet)
    learner = MonoForward(net)
    x, y = torch.randn(6, 3, 8, 8), torch.tensor([0, 1, 2, 3, 0, 1])
    given = [name for credit in learner.credit(x, y) for name, g in credit.gradients.items() if float(g.abs().sum()) > 0]
    silent = set(dict(learner.named_parameters())) - set(given)
    # A bias before a normalisation does nothing.
    assert all(name.endswith("bias") for name in silent)


def test_goodness_is_pooled_until_it_is_small() -> None:
    generator = torch.Generator().manual_seed(0)
    projection = projections.pooled((64, 16, 16), 10, generator=generator, limit=2048)
    assert projection(torch.zeros(2, 64, 16, 16)).shape == (2, 10)
    assert size(projection) == 10 * 64 * 4 * 4
    kept = projections.pooled((64, 4, 4), 10, generator=generator, limit=2048)
    assert size(kept) == 10 * 64 * 4 * 4
    assert size(projections.pooled((4096, 2, 2), 10, generator=generator, limit=2048)) == 10 * 4096
    assert size(projections.pooled((50,), 10, generator=generator)) == 500


def test_a_frozen_projection_stays_as_it_was_drawn_and_its_block_learns() -> None:
    net = mlp(5, (8, 8), 3)
    learner = MonoForward(net, projection=projections.frozen)
    names = [set(credit.gradients) for credit in learner.credit(torch.randn(6, 5), torch.tensor([0, 1, 2, 0, 1, 2]))]
    assert names[0] == {"net.blocks.0.0.weight", "net.blocks.0.0.bias"}


def test_first_weights_have_the_spread_that_they_promise() -> None:
    generator = torch.Generator().manual_seed(0)
    uniform = draw.linear(400, 300, bias=True, generator=generator).requires_grad_(False)
    assert float(uniform.weight.abs().max()) <= 0.05
    assert float(uniform.weight.std()) == pytest.approx(0.05 / 3**0.5, rel=0.02)
    assert float(uniform.bias.abs().max()) > 0.04
    he = draw.convolution(40, 300, bias=True, generator=generator, initialise=draw.he).requires_grad_(False)
    assert float(he.weight.std()) == pytest.approx((2 / 360) ** 0.5, rel=0.02)
    assert he.bias is not None
    assert not he.bias.any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mlp(0, (3,), 2), r"features must be at least 1, got \[0\]"),
        (lambda: mlp(3, (3, 0), 2), r"widths must be at least 1, got \[3, 0\]"),
        (lambda: mlp(3, (3,), 0), "outputs must be a whole number of at least 1, or None for a net without a head, got 0"),
        (lambda: mlp(3, (), 2), "at least one block"),
        (lambda: cnn((28, 28), 2), r"channels x height x width, got \[28, 28\]"),
        (lambda: mixer((3, 8, 8), 2, patch=3), "patches of 3 do not divide an image of 8 x 8"),
    ],
)
def test_sizes_that_make_no_net_are_refused(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("make", [lambda **more: vgg8b((3, 8, 8), 4, multiplier=0.03, **more),
                                  lambda **more: mixer((3, 8, 8), 4, width=8, depth=2, **more)])  # fmt: skip
def test_nets_without_biases_lack_those_of_their_maps_and_nothing_else(make: Callable[..., LayeredNet]) -> None:
    plain, told, without = (make(generator=torch.Generator().manual_seed(0), **more)
                            for more in ({}, {"bias": True}, {"bias": False}))  # fmt: skip
    assert all(torch.equal(one, other) for one, other in zip(plain.parameters(), told.parameters(), strict=True))
    maps = (nn.Linear, nn.Conv2d)
    for block in without.blocks:
        assert all(part.bias is None for part in block.modules() if isinstance(part, maps))
    gone = sum(part.out_features if isinstance(part, nn.Linear) else part.out_channels
               for block in plain.blocks for part in block.modules() if isinstance(part, maps))  # fmt: skip
    assert size(plain) - size(without) == gone > 0


def test_a_mixer_without_layers_is_its_embedding() -> None:
    assert len(mixer((3, 8, 8), 4, depth=0).blocks) == 1


def test_sizes_may_be_numbers_of_numpy_or_come_one_by_one() -> None:
    assert given.several("widths", (np.int32(width) for width in (8, 7)), "hidden layer", "(8, 7)") == (8, 7)
    assert type(given.whole("outputs", np.int64(3))) is int
