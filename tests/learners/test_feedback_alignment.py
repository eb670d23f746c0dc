import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from onward.learners.backprop import Backprop
from onward.learners.feedback_alignment import FeedbackAlignment
from onward.nets import draw
from onward.nets.builders import cnn, mixer, mlp, vgg8b
from onward.nets.layered import LayeredNet
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe, fit

NETS = {
    "perceptron": lambda: mlp(7, (9, 8, 5), 3),
    "perceptron without biases": lambda: mlp(7, (9, 8, 5), 3, bias=False),
    "convolutions and pooling": lambda: cnn((2, 9, 9), 3, channels=(4, 5, 6)),
    "convolutions with biases": lambda: cnn((2, 9, 9), 3, channels=(4, 5, 6), bias=True),
    "normalised convolutions": lambda: vgg8b((3, 8, 8), 3, multiplier=1 / 32),
    "mixer": lambda: mixer((3, 8, 8), 3, width=6, depth=2, token_hidden=4, channel_hidden=5),
    "other convolutions": lambda: other_convolutions(),
}


def other_convolutions() -> LayeredNet:
    blocks = [
        nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 6, (1, 3), padding="same", dilation=(1, 2), groups=2), nn.Tanh()),
        nn.Sequential(nn.Conv2d(6, 4, 3, stride=2, padding=1, padding_mode="circular"), nn.MaxPool2d(2)),
        nn.Conv2d(4, 4, 2, padding="valid", bias=False),
    ]
    head = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    generator = torch.Generator().manual_seed(5)
    for parameter in [one for part in (*blocks, head) for one in part.parameters()]:
        draw.fan_in(parameter.data, max(4, parameter[0].numel()), generator)
    return LayeredNet(blocks, head, features=(2, 9, 9))


def the_weights_themselves(weight: Tensor, size: int, generator: torch.Generator) -> None:
    """Leave the copy of the weights as it is."""


def batch(net: LayeredNet, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, *net.shapes[0], generator=generator, dtype=dtype), torch.arange(6) % 3


@pytest.mark.parametrize("name", NETS)
def test_with_the_weights_as_feedback_it_is_backpropagation(name: str) -> None:
    net = NETS[name]().double()
    x, y = batch(net)
    (true,), (found,) = (
        rule.credit(x, y) for rule in (Backprop(net), FeedbackAlignment(net, feedback=the_weights_themselves))
    )
    torch.testing.assert_close(found.loss, true.loss, rtol=1e-12, atol=0)
    assert found.gradients.keys() == true.gradients.keys()
    for gradient, expected in zip(found.gradients.values(), true.gradients.values(), strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", NETS)
def test_random_feedback_changes_the_credit_of_all_but_the_head(name: str) -> None:
    net = NETS[name]().double()
    x, y = batch(net)
    (true,), (found,) = (rule.credit(x, y) for rule in (Backprop(net), FeedbackAlignment(net)))
    for key, gradient in found.gradients.items():
        same = torch.allclose(gradient, true.gradients[key], rtol=1e-6, atol=1e-12)
        negligible = gradient.abs().max() < 1e-12  # of a bias before a normalisation
        assert same == (key.startswith("net.head.") or bool(negligible)), key


def test_blame_goes_back_through_the_feedback_layer_by_layer() -> None:
    """delta_l = (delta_(l+1) B_(l+1)) * f'(z_l); dW_l = delta_l^T a_(l-1)."""
    net = mlp(4, (6, 5), 3, generator=torch.Generator().manual_seed(1)).double()
    learner = FeedbackAlignment(net)
    x, y = batch(net)
    w1, c1, w2, c2, w3 = (parameter.detach() for parameter in net.parameters())
    z1 = x @ w1.T + c1
    z2 = z1.relu() @ w2.T + c2
    error = (torch.softmax(z2.relu() @ w3.T, 1) - nn.functional.one_hot(y, 3)) / len(x)
    first, second = learner.feedback.buffers()
    delta2 = (error @ second) * (z2 > 0)
    delta1 = (delta2 @ first) * (z1 > 0)
    (credit,) = learner.credit(x, y)
    torch.testing.assert_close(credit.gradients["net.head.weight"], error.T @ z2.relu(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(credit.gradients["net.blocks.1.0.weight"], delta2.T @ z1.relu(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(credit.gradients["net.blocks.0.0.weight"], delta1.T @ x, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(credit.gradients["net.blocks.0.0.bias"], delta1.sum(0), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["perceptron", "convolutions with biases", "mixer"])
def test_products_of_half_precision_give_nearly_the_same_credit_in_full(name: str) -> None:
    net = NETS[name]()
    learner = FeedbackAlignment(net)
    x, y = batch(net, torch.float32)
    (full,) = learner.credit(x, y)
    with torch.autocast("cpu", torch.bfloat16):
        (half,) = learner.credit(x, y)
    different = 0
    for key, gradient in half.gradients.items():
        assert gradient.dtype == torch.float32
        error = (gradient - full.gradients[key]).norm() / full.gradients[key].norm()
        assert error < 0.25, key
        different += int(error > 1e-4)
    assert different == len(half.gradients)


def test_a_copy_of_the_learner_uses_its_feedback() -> None:
    learner = FeedbackAlignment(mlp(7, (9, 8), 3))
    x, y = batch(learner.net, torch.float32)
    (one,), (other,) = learner.credit(x, y), copy.deepcopy(learner).credit(x, y)
    for key, gradient in one.gradients.items():
        torch.testing.assert_close(gradient, other.gradients[key], rtol=0, atol=0)


def test_the_weights_turn_towards_the_feedback_while_the_net_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(200, 10, generator=generator)
    y = (x @ torch.randn(10, 4, generator=generator)).argmax(1)
    net = mlp(10, (40,), 4, generator=generator)
    learner = FeedbackAlignment(net)
    (feedback,) = learner.feedback.buffers()
    fixed = feedback.clone()

    def alignment() -> float:
        *_, weight = net.parameters()
        return torch.cosine_similarity(weight.flatten(), feedback.flatten(), 0).item()

    before = alignment()
    data = Dataset("regions", Split(x, y), Split(x, y))
    recipe = Recipe(partial(torch.optim.SGD, lr=0.5), epochs=200)
    list(fit(learner, data, recipe, generator=torch.Generator().manual_seed(0)))
    assert abs(before) < 0.2
    assert alignment() > 0.4
    assert torch.equal(feedback, fixed)
