"""Losses equal torch's own, their derivatives equal autograd's, and targets that they cannot read are refused."""

import math

import pytest
import torch
from torch.nn import functional

from onward.kernels import losses
from tests.oracle import LOSSES, targets


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_value_and_derivative_equal_torch(name: str, generator: torch.Generator) -> None:
    outputs = torch.randn(6, 4, generator=generator, dtype=torch.float64).mul_(3).requires_grad_()
    y = targets(name, 6, 4, generator)
    value, error = losses.find(name)(outputs.detach(), y)
    true = LOSSES[name](outputs, y)
    (gradient,) = torch.autograd.grad(true, outputs)
    torch.testing.assert_close(value, true.detach(), rtol=1e-13, atol=0)
    torch.testing.assert_close(error, gradient, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_nets_side_by_side_have_a_loss_each(name: str, generator: torch.Generator) -> None:
    outputs = torch.randn(3, 5, 4, generator=generator, dtype=torch.float64)
    y = torch.stack([targets(name, 5, 4, generator) for _ in range(3)])
    values, errors = losses.find(name)(outputs, y)
    for k in range(3):
        value, error = losses.find(name)(outputs[k], y[k])
        torch.testing.assert_close(values[k], value)
        torch.testing.assert_close(errors[k], error)


def test_large_outputs_do_not_overflow() -> None:
    outputs = torch.tensor([[1000.0, -1000.0]])
    for loss, y in ((losses.cross_entropy, torch.tensor([1])), (losses.binary_cross_entropy, torch.tensor([[0.0, 1.0]]))):
        value, error = loss(outputs, y)
        assert value.isfinite()
        assert error.isfinite().all()


def test_large_outputs_keep_value_and_derivative_of_binary_cross_entropy() -> None:
    """-log s(-y) at y = 40 is 40 + e^-40, and its derivative s(40); at y = -40 both are e^-40."""
    outputs = torch.tensor([[40.0, -40.0]], dtype=torch.float64).requires_grad_()
    value, error = losses.binary_cross_entropy(outputs, torch.zeros(1, 2, dtype=torch.float64))
    tiny = math.exp(-40)
    torch.testing.assert_close(value.item(), (40 + 2 * tiny) / 2, rtol=1e-15, atol=0)
    torch.testing.assert_close(error[0, 1].item(), tiny / 2, rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(value, outputs)
    torch.testing.assert_close(error, gradient, rtol=1e-12, atol=0)


def test_any_differentiable_loss_will_do(generator: torch.Generator) -> None:
    huber = losses.differentiable("huber", functional.huber_loss)
    outputs = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    y = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64)
    values, errors = huber(outputs, y)
    for k in range(2):
        leaf = outputs[k].clone().requires_grad_()
        true = functional.huber_loss(leaf, y[k])
        torch.testing.assert_close(values[k], true.detach())
        torch.testing.assert_close(errors[k], torch.autograd.grad(true, leaf)[0])


def test_target_of_a_tick_is_picked_or_holds_for_all() -> None:
    outputs = torch.zeros(4, 2)
    labels = torch.arange(12).view(4, 3)
    assert losses.cross_entropy.at_tick(labels, 1, outputs).tolist() == [1, 4, 7, 10]
    assert losses.cross_entropy.at_tick(labels[:, 0], 1, outputs).tolist() == [0, 3, 6, 9]
    values = torch.arange(24.0).view(4, 3, 2)
    assert losses.mean_squared_error.at_tick(values, 2, outputs).tolist() == [[4, 5], [10, 11], [16, 17], [22, 23]]
    assert losses.mean_squared_error.at_tick(values[:, 0], 2, outputs).tolist() == values[:, 0].tolist()


@pytest.mark.parametrize(
    ("loss", "target", "words"),
    [
        ("cross-entropy", torch.tensor([0, 3]), "label 3 is out of range: 3 outputs take labels 0 to 2"),
        ("cross-entropy", torch.tensor([-1, 0]), "label -1 is out of range"),
        ("cross-entropy", torch.tensor([0.0, 1.0]), "takes class numbers .*got torch.float32"),
        ("cross-entropy", torch.tensor([[0], [1], [2]]), r"takes targets of shape 2, got \(3, 1\)"),
        ("mean squared error", torch.zeros(2, 2), r"takes targets of shape 2 x 3, got \(2, 2\)"),
        ("mean squared error", torch.zeros(2, dtype=torch.int64), r"takes targets of shape 2 x 3, got \(2,\)"),
        ("mean squared error", torch.zeros(2, 3, dtype=torch.int64), "takes floating-point targets, got torch.int64"),
        ("mean squared error", torch.tensor([[0, 1, torch.nan], [0, 0, 0]]), "targets must be finite, got nan"),
    ],
)
def test_targets_that_do_not_fit_are_refused(loss: str, target: torch.Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        losses.find(loss).check_target(target, (2, 3))


def test_label_out_of_range_is_one_sentence_even_without_a_check() -> None:
    with pytest.raises(ValueError, match="label 5 is out of range"):
        losses.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 5]))


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown loss 'cross_entropy'.*did you mean 'cross-entropy'"):
        losses.find("cross_entropy")
