from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from onward.learners.backprop import Backprop
from onward.learners.direct_feedback_alignment import DirectFeedbackAlignment
from onward.nets.builders import cnn, mixer, mlp
from onward.nets.draw import Draw
from onward.nets.layered import LayeredNet


def given(*matrices: Tensor) -> Draw:
    """Hand out matrices in the order in which they are asked for."""
    remaining = iter(matrices)

    def fill(feedback: Tensor, size: int, generator: torch.Generator) -> None:
        feedback.copy_(next(remaining))

    return fill


def batch(net: LayeredNet, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, *net.shapes[0], generator=generator, dtype=dtype), torch.arange(6) % 3


def all_of(learner: DirectFeedbackAlignment | Backprop, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    return {name: gradient for credit in learner.credit(x, y) for name, gradient in credit.gradients.items()}


@pytest.mark.parametrize(
    "make",
    [lambda: mlp(7, (9,), 3), lambda: mlp(7, (9,), 3, bias=False), lambda: cnn((2, 9, 9), 3, channels=(4,), bias=True)],
)
def test_one_block_blamed_through_the_weights_of_the_head_is_backpropagation(make: Callable[[], LayeredNet]) -> None:
    net = make().double()
    x, y = batch(net)
    (head,) = (one for name, one in net.named_parameters() if name.startswith("head"))
    found, true = all_of(DirectFeedbackAlignment(net, feedback=given(head.detach())), x, y), all_of(Backprop(net), x, y)
    assert found.keys() == true.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, true[name], rtol=1e-11, atol=1e-11)


def test_linear_blocks_blamed_through_products_of_the_weights_after_them_are_backpropagation() -> None:
    net = mlp(7, (9, 8, 5), 3, activation=nn.Identity).double()
    x, y = batch(net)
    _, second, third, head = (one.detach() for name, one in net.named_parameters() if name.endswith("weight"))
    feedback = given(head @ third @ second, head @ third, head)
    found, true = all_of(DirectFeedbackAlignment(net, feedback=feedback), x, y), all_of(Backprop(net), x, y)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, true[name], rtol=1e-11, atol=1e-11)


def test_every_block_is_blamed_by_the_error_of_the_scores() -> None:
    """delta_k = (e B_k) * f'(z_k); dW_k = delta_k^T a_(k-1)."""
    net = mlp(4, (6, 5), 3, generator=torch.Generator().manual_seed(1)).double()
    learner = DirectFeedbackAlignment(net)
    x, y = batch(net)
    w1, c1, w2, c2, w3 = (parameter.detach() for parameter in net.parameters())
    z1 = x @ w1.T + c1
    z2 = z1.relu() @ w2.T + c2
    scores = z2.relu() @ w3.T
    error = (torch.softmax(scores, 1) - nn.functional.one_hot(y, 3)) / len(x)
    b1, b2 = learner.feedback.buffers()
    delta1, delta2 = (error @ b1) * (z1 > 0), (error @ b2) * (z2 > 0)
    found = all_of(learner, x, y)
    torch.testing.assert_close(found["net.blocks.0.0.weight"], delta1.T @ x, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found["net.blocks.1.0.weight"], delta2.T @ z1.relu(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found["net.blocks.1.0.bias"], delta2.sum(0), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(found["net.head.weight"], error.T @ z2.relu(), rtol=1e-12, atol=1e-14)


def test_the_head_comes_first_then_the_blocks_in_order() -> None:
    learner = DirectFeedbackAlignment(mlp(4, (6, 5), 3))
    x, y = batch(learner.net, torch.float32)
    named = [[name.rsplit(".", 1)[0] for name in credit.gradients] for credit in learner.credit(x, y)]
    assert named == [["net.head"], ["net.blocks.0.0"] * 2, ["net.blocks.1.0"] * 2]


def test_updates_between_parcels_do_not_change_the_credit() -> None:
    learner = DirectFeedbackAlignment(mlp(4, (6, 5, 4), 3).double())
    x, y = batch(learner.net)
    expected = all_of(learner, x, y)
    parameters = dict(learner.named_parameters())
    found = {}
    for credit in learner.credit(x, y):
        for name, gradient in credit.gradients.items():
            found[name] = gradient
            with torch.no_grad():
                parameters[name].mul_(2)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_feedback_is_of_the_size_of_outputs_and_activity_and_fixed() -> None:
    net = cnn((2, 9, 9), 4, channels=(5, 6))
    learner = DirectFeedbackAlignment(net)
    assert [tuple(b.shape) for b in learner.feedback.buffers()] == [(4, 5 * 4 * 4), (4, 6 * 2 * 2)]
    for b in learner.feedback.buffers():
        assert 0.45 < b.abs().max() <= 0.5  # 4 ** -0.5
    assert {"feedback.0", "feedback.1"} <= set(learner.state_dict())
    assert all(name.startswith("net.") for name, _ in learner.named_parameters())
    again = DirectFeedbackAlignment(net)
    assert torch.equal(next(again.feedback.buffers()), next(learner.feedback.buffers()))


@pytest.mark.parametrize(
    "make",
    [
        lambda: mlp(7, (9, 8), 3),
        lambda: cnn((2, 9, 9), 3, channels=(4, 5), bias=True),
        lambda: mixer((3, 8, 8), 3, width=6, depth=2, token_hidden=4, channel_hidden=5),
    ],
)
def test_products_of_half_precision_give_nearly_the_same_credit_in_full(make: Callable[[], LayeredNet]) -> None:
    learner = DirectFeedbackAlignment(make())
    x, y = batch(learner.net, torch.float32)
    full = all_of(learner, x, y)
    with torch.autocast("cpu", torch.bfloat16):
        half = all_of(learner, x, y)
    for name, gradient in half.items():
        assert gradient.dtype == torch.float32
        assert 1e-4 < (gradient - full[name]).norm() / full[name].norm() < 0.1, name


def test_what_does_not_learn_is_given_no_credit() -> None:
    learner = DirectFeedbackAlignment(mlp(4, (6, 5), 3))
    learner.net.blocks[0].requires_grad_(False)
    x, y = batch(learner.net, torch.float32)
    assert {name.split(".")[1] for name in all_of(learner, x, y)} == {"blocks", "head"}
    assert not any("blocks.0" in name for name in all_of(learner, x, y))
