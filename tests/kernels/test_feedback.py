from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from onward.kernels import feedback

SETTINGS: list[dict[str, Any]] = [
    {},
    {"stride": (2, 1), "padding": (1, 2)},
    {"dilation": (2, 2), "padding": (2, 2)},
    {"groups": 2, "padding": (1, 1)},
]


def drawn(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)


def gradients(output: Tensor, tensors: list[Tensor]) -> list[Tensor]:
    return list(torch.autograd.grad((output * torch.cos(torch.arange(output.numel())).view(output.shape)).sum(), tensors))


@pytest.mark.parametrize("lead", [(5,), (5, 3)])
@pytest.mark.parametrize("biased", [True, False])
def test_a_linear_map_is_blamed_truly_and_its_input_by_the_feedback(lead: tuple[int, ...], biased: bool) -> None:
    x, w, b = drawn(*lead, 4, seed=0), drawn(6, 4, seed=1), drawn(6, 4, seed=2)
    c = drawn(6, seed=3) if biased else None
    z = feedback.linear(x, w, c, b.detach())
    torch.testing.assert_close(z, functional.linear(x, w, c), rtol=0, atol=0)
    own = [w] if c is None else [w, c]
    found = gradients(z, [x, *own])
    (by_feedback,) = gradients(functional.linear(x, b), [x])
    torch.testing.assert_close(found, [by_feedback, *gradients(functional.linear(x, w, c), own)], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("biased", [True, False])
def test_a_convolution_is_blamed_truly_and_its_input_by_the_feedback(settings: dict[str, Any], biased: bool) -> None:
    inner = 4 // settings.get("groups", 1)
    x, w, b = drawn(3, 4, 7, 8, seed=0), drawn(6, inner, 3, 3, seed=1), drawn(6, inner, 3, 3, seed=2)
    c = drawn(6, seed=3) if biased else None
    z = feedback.conv2d(x, w, c, b.detach(), **settings)
    true = functional.conv2d(x, w, c, **settings)
    torch.testing.assert_close(z, true, rtol=0, atol=0)
    own = [w] if c is None else [w, c]
    (by_feedback,) = gradients(functional.conv2d(x, b, **settings), [x])
    torch.testing.assert_close(gradients(z, [x, *own]), [by_feedback, *gradients(true, own)], rtol=1e-12, atol=1e-12)


def test_under_autocast_products_are_of_half_precision_and_blame_of_the_parameters() -> None:
    x, w, b = (drawn(*shape, seed=k).detach().float() for k, shape in enumerate([(5, 4), (6, 4), (6, 4)]))
    x.requires_grad_()
    w.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        z = feedback.linear(x, w, None, b)
    assert z.dtype == torch.bfloat16
    assert [blame.dtype for blame in torch.autograd.grad(z.sum(), [x, w])] == [torch.float32] * 2
