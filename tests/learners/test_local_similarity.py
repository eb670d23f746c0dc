from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from onward.kernels import losses, similarity
from onward.learners.local_similarity import LocalSimilarity
from onward.learners.mono_forward import MonoForward
from onward.nets import projections
from onward.nets.builders import cnn, mixer, mlp, vgg8b
from onward.nets.layered import LayeredNet

NETS = [
    lambda: mlp(7, (9, 8), 3),
    lambda: cnn((2, 9, 9), 3, channels=(4, 5), bias=True),
    lambda: vgg8b((3, 8, 8), 3, multiplier=1 / 32),
    lambda: mixer((3, 8, 8), 3, width=6, depth=1),
]


def batch(net: LayeredNet, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, *net.shapes[0], generator=generator, dtype=dtype), torch.arange(6) % 3


@pytest.mark.parametrize("make", NETS)
def test_without_similarities_blocks_and_projections_learn_as_in_mono_forward(make: Callable[[], LayeredNet]) -> None:
    net = make().double()
    x, y = batch(net)
    found, expected = LocalSimilarity(net, weight=0.0).credit(x, y), MonoForward(net).credit(x, y)
    for parcel, other in zip(found, expected, strict=True):
        torch.testing.assert_close(parcel.loss, other.loss, rtol=1e-12, atol=0)
        assert other.gradients.keys() < parcel.gradients.keys()
        for name, gradient in other.gradients.items():
            torch.testing.assert_close(parcel.gradients[name], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("weight", [0.3, 0.99, 1.0])
def test_credit_is_that_of_autograd(make: Callable[[], LayeredNet], weight: float) -> None:
    net = make().double()
    learner = LocalSimilarity(net, weight=weight)
    x, y = batch(net)
    target = similarity.of_classes(y, 3, torch.float64)
    for k, parcel in enumerate(learner.credit(x, y)):
        block, projection = net.blocks[k], learner.projections[k] if k < len(net.blocks) - 1 else net.head
        assert projection is not None
        activity = block(x)
        looks = similarity.matrix(similarity.features(learner.maps[k](activity)))
        scores, pairs = functional.cross_entropy(projection(activity), y), functional.mse_loss(looks, target)
        torch.testing.assert_close(parcel.loss, ((1 - weight) * scores + weight * pairs).detach(), rtol=1e-10, atol=0)
        taught = [
            *torch.autograd.grad((1 - weight) * scores + weight * pairs, list(block.parameters()), retain_graph=True),
            *torch.autograd.grad(scores, list(projection.parameters()), retain_graph=True),
            *torch.autograd.grad(pairs, list(learner.maps[k].parameters())),
        ]
        for gradient, expected in zip(parcel.gradients.values(), taught, strict=True):
            torch.testing.assert_close(gradient, expected, rtol=1e-8, atol=1e-11)
        names = {id(parameter): name for name, parameter in learner.named_parameters()}
        own = [*block.parameters(), *projection.parameters(), *learner.maps[k].parameters()]
        assert list(parcel.gradients) == [names[id(one)] for one in own]
        x = activity.detach()


def test_alone_similarities_leave_the_scores_no_say_in_the_blocks() -> None:
    net = mlp(7, (9, 8), 3).double()
    learner = LocalSimilarity(net, weight=1.0)
    x, y = batch(net)
    before = list(learner.credit(x, y))
    with torch.no_grad():
        for projection in (learner.projections[0], net.head):
            assert isinstance(projection, torch.nn.Linear)
            projection.weight.add_(1)
    for one, other in zip(before, learner.credit(x, y), strict=True):
        for name, gradient in one.gradients.items():
            assert torch.equal(gradient, other.gradients[name]) == ("blocks" in name or "maps" in name)


def test_projections_are_those_of_mono_forward_and_maps_are_drawn_apart() -> None:
    net = mlp(8, (8, 8), 8)
    learner, other = LocalSimilarity(net), MonoForward(net)
    assert torch.equal(learner.projections[0].weight, other.projections[0].weight)  # pyright: ignore[reportArgumentType]
    drawn = [
        learner.maps[0].weight,
        learner.maps[1].weight,
        learner.projections[0].weight,
        net.get_submodule("head").weight,
    ]
    for k, one in enumerate(drawn):
        assert isinstance(one, Tensor)
        assert not any(torch.equal(one, two) for two in drawn[k + 1 :] if isinstance(two, Tensor))


def test_maps_are_convolutions_on_maps_and_of_no_bias() -> None:
    learner = LocalSimilarity(cnn((2, 9, 9), 3, channels=(4, 5)))
    assert [tuple(one.shape) for one in learner.maps.parameters()] == [(4, 4, 3, 3), (5, 5, 3, 3)]


def test_maps_are_linear_on_every_token() -> None:
    learner = LocalSimilarity(mixer((3, 8, 8), 3, width=6, depth=1))
    assert [tuple(one.shape) for one in learner.maps.parameters()] == [(6, 6), (6, 6)]


def test_products_of_half_precision_give_nearly_the_same_credit_in_full() -> None:
    learner = LocalSimilarity(cnn((2, 9, 9), 3, channels=(4, 5)))
    x, y = batch(learner.net, torch.float32)
    full = list(learner.credit(x, y))
    with torch.autocast("cpu", torch.bfloat16):
        half = list(learner.credit(x, y))
    for one, other in zip(half, full, strict=True):
        for name, gradient in one.gradients.items():
            assert gradient.dtype == torch.float32
            assert 1e-4 < (gradient - other.gradients[name]).norm() / other.gradients[name].norm() < 0.1, name


def test_what_does_not_learn_is_given_no_credit() -> None:
    learner = LocalSimilarity(mlp(7, (9, 8), 3), projection=projections.frozen)
    learner.net.blocks[0].requires_grad_(False)
    x, y = batch(learner.net, torch.float32)
    named = [list(parcel.gradients) for parcel in learner.credit(x, y)]
    assert named[0] == ["maps.0.weight"]
    assert "net.head.weight" in named[1]


@pytest.mark.parametrize("weight", [-0.1, 1.5, float("nan")])
def test_weights_out_of_range_are_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1, got"):
        LocalSimilarity(mlp(3, (4,), 2), weight=weight)


def deep() -> LayeredNet:
    head = projections.linear((1, 3, 1, 2), 2, generator=torch.Generator())
    block = torch.nn.Sequential(torch.nn.Linear(6, 6), torch.nn.Unflatten(1, (1, 3, 1, 2)))
    return LayeredNet([block], head, features=(6,))


def test_what_has_no_similarities_is_refused() -> None:
    with pytest.raises(ValueError, match=r"vectors, tokens and maps, got an activity of shape \[1, 3, 1, 2\]"):
        LocalSimilarity(deep())
    with pytest.raises(ValueError, match="'mean squared error' does not know"):
        LocalSimilarity(mlp(3, (4,), 2), losses.mean_squared_error)
