import pytest
import torch
from torch import Tensor
from torch.nn import functional

from onward.kernels import similarity


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def as_published(x: Tensor) -> Tensor:
    """The similarity matrix of Nøkland and Eidnes' program, without its clamping of rounding errors."""
    if x.ndim == 3:
        x = x.transpose(1, 2).unsqueeze(-1)  # tokens are the places of a map
    if x.ndim == 4:
        x = x.flatten(2).std(2) if x.shape[1] > 3 and x.shape[2] > 1 else x.flatten(1)
    centred = x - x.mean(1, keepdim=True)
    unit = centred / (1e-8 + centred.square().sum(1).sqrt()).unsqueeze(1)
    return unit @ unit.T


SHAPES = [(7, 5), (7, 6, 4, 3), (7, 3, 4, 4), (7, 6, 1, 1), (7, 5, 6), (7, 5, 3), (7, 1, 6)]
LABELS = torch.tensor([0, 1, 2, 0, 1, 1, 0])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_similarities_are_those_of_the_published_program(shape: tuple[int, ...]) -> None:
    x = drawn(*shape)
    torch.testing.assert_close(similarity.matrix(similarity.features(x)), as_published(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_derivative_is_that_of_autograd(shape: tuple[int, ...]) -> None:
    x = drawn(*shape).requires_grad_()
    target = similarity.of_classes(LABELS, 3, torch.float64)
    expected = functional.mse_loss(as_published(x), as_published(functional.one_hot(LABELS, 3).double()))
    (gradient,) = torch.autograd.grad(expected, x)
    with torch.no_grad():
        value, blame = similarity.matching(similarity.features(x), target)
        found = similarity.features_back(x, blame)
    torch.testing.assert_close(value, expected.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(found, gradient, rtol=1e-9, atol=1e-12)


def test_pairs_count_by_the_product_of_their_importance() -> None:
    times = torch.tensor([2, 0, 1, 3, 1, 1, 2])
    repeated = torch.repeat_interleave(torch.arange(7), times)
    x, target = drawn(7, 5), similarity.of_classes(LABELS, 3, torch.float64)
    weighted, blame = similarity.matching(x, target, times / times.double().mean())
    several, each = similarity.matching(x[repeated], target[repeated][:, repeated])
    torch.testing.assert_close(weighted, several, rtol=1e-12, atol=0)
    summed = torch.zeros_like(blame).index_add_(0, repeated, each)
    torch.testing.assert_close(blame, summed, rtol=1e-12, atol=1e-14)


def test_classes_are_alike_within_and_unlike_between() -> None:
    target = similarity.of_classes(LABELS, 3, torch.float64)
    same = LABELS.unsqueeze(0) == LABELS.unsqueeze(1)
    torch.testing.assert_close(target, torch.where(same, 1.0, -0.5).double(), rtol=1e-6, atol=0)


def test_what_has_no_deviation_is_given_finite_blame() -> None:
    x = drawn(4, 5)
    x[1] = 2.0
    value, blame = similarity.matching(x, similarity.of_classes(LABELS[:4], 3, torch.float64))
    assert value.isfinite()
    assert blame.isfinite().all()
    assert not blame[1].any()
    assert blame[0].any()
    flat = drawn(4, 6, 3, 3)
    flat[:, 2] = 1.0
    back = similarity.features_back(flat, drawn(4, 6, seed=1))
    assert back.isfinite().all()
    assert not back[:, 2].any()
