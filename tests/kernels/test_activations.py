"""Every slope is the derivative of its function; hidden and output activations act on their own neurons."""

import pytest
import torch

from onward.kernels.activations import ACTIVATIONS, Activation, find, relu, side_by_side, sigmoid, split, tanh


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_slope_is_the_derivative(name: str) -> None:
    z = torch.linspace(-4, 4, 200, dtype=torch.float64).requires_grad_()  # no point at zero, where ReLU has none
    (true,) = torch.autograd.grad(ACTIVATIONS[name].function(z).sum(), z)
    activation, drive = ACTIVATIONS[name], z.detach()
    torch.testing.assert_close(activation.slope(drive), true, rtol=1e-12, atol=1e-14)
    at = torch.cat([drive, torch.zeros(1, dtype=torch.float64)])
    torch.testing.assert_close(activation.slope_at(at, activation.function(at)), activation.slope(at), rtol=0, atol=0)


def test_relu_has_no_slope_at_zero_as_in_torch() -> None:
    z = torch.zeros(1, requires_grad=True)
    (true,) = torch.autograd.grad(relu.function(z).sum(), z)
    assert relu.slope(z.detach()) == true == 0


def test_a_slope_is_read_off_the_activity_where_that_tells_it() -> None:
    z, unknown = torch.randn(3, 5, dtype=torch.float64), torch.full((3, 5), torch.nan, dtype=torch.float64)
    gelu, joined = find("gelu"), side_by_side(find("gelu"), tanh, 2)
    torch.testing.assert_close(gelu.slope_at(z, unknown), gelu.slope(z), rtol=0, atol=0)
    torch.testing.assert_close(tanh.slope_at(unknown, tanh.function(z)), tanh.slope(z), rtol=0, atol=0)
    drive, activity = torch.cat([z[:, :3], unknown[:, 3:]], 1), torch.cat([unknown[:, :3], torch.tanh(z[:, 3:])], 1)
    torch.testing.assert_close(joined.slope_at(drive, activity), joined.slope(z), rtol=0, atol=0)


@pytest.mark.parametrize("silent", range(4))
def test_activations_side_by_side_can_be_split_where_the_last_neurons_are_left_out(silent: int) -> None:
    z = torch.randn(4, 7, dtype=torch.float64)
    joined = side_by_side(relu, tanh, 2)
    moves, reads = split(joined, silent, 2)
    torch.testing.assert_close(moves.function(z[:, : 7 - silent]), joined.function(z)[:, : 7 - silent], rtol=0, atol=0)
    assert reads == tanh
    assert split(relu, silent, 2) == (relu, relu)


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
