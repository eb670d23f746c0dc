"""Every slope is the derivative of its function; hidden and output activations act on their own neurons."""

import pytest
import torch

from onward.kernels.activations import ACTIVATIONS, Activation, find, relu, side_by_side, sigmoid, tanh


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_slope_is_the_derivative(name: str) -> None:
    z = torch.linspace(-4, 4, 200, dtype=torch.float64).requires_grad_()  # no point at zero, where ReLU has none
    (true,) = torch.autograd.grad(ACTIVATIONS[name].function(z).sum(), z)
    torch.testing.assert_close(ACTIVATIONS[name].slope(z.detach()), true, rtol=1e-12, atol=1e-14)


def test_relu_has_no_slope_at_zero_as_in_torch() -> None:
    z = torch.zeros(1, requires_grad=True)
    (true,) = torch.autograd.grad(relu.function(z).sum(), z)
    assert relu.slope(z.detach()) == true == 0


def test_side_by_side_splits_the_last_axis() -> None:
    z = torch.randn(3, 5, dtype=torch.float64)
    joined = side_by_side(relu, tanh, 2)
    for part in ("function", "slope"):
        found = getattr(joined, part)(z)
        torch.testing.assert_close(found[:, :3], getattr(relu, part)(z[:, :3]), rtol=0, atol=0)
        torch.testing.assert_close(found[:, 3:], getattr(tanh, part)(z[:, 3:]), rtol=0, atol=0)


def test_sigmoid_is_not_silent_at_zero() -> None:
    assert relu.silent_at_zero
    assert not sigmoid.silent_at_zero


@pytest.mark.parametrize(
    ("hidden", "output", "silent"), [(sigmoid, tanh, False), (tanh, sigmoid, False), (tanh, relu, True)]
)
@pytest.mark.parametrize("outputs", [1, 3])
def test_two_activations_are_silent_at_zero_if_both_are(
    hidden: Activation, output: Activation, silent: bool, outputs: int
) -> None:
    assert side_by_side(hidden, output, outputs).silent_at_zero == silent


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown activation 'tahn', expected one of .*; did you mean 'tanh'"):
        find("tahn")
    assert find("gelu").name == "gelu"
