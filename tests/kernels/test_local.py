"""The closed form of a block's credit is the derivative that autograd finds inside that block."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from onward.kernels import local, losses
from onward.kernels.losses import Loss
from onward.nets.staged import staged

MAP, VECTOR = (3, 7, 6), (11,)

CASES: dict[str, tuple[tuple[int, ...], Callable[[], tuple[nn.Module, nn.Module]]]] = {
    "linear": (VECTOR, lambda: (nn.Sequential(nn.Linear(11, 9), nn.ReLU()), nn.Linear(9, 4))),
    "linear without biases": (
        VECTOR,
        lambda: (nn.Sequential(nn.Linear(11, 9, bias=False), nn.ReLU()), nn.Linear(9, 4, bias=False)),
    ),
    "flattened first": (MAP, lambda: (nn.Sequential(nn.Flatten(), nn.Linear(126, 9), nn.ReLU()), nn.Linear(9, 4))),
    "tokens": (
        (4, 11),
        lambda: (nn.Sequential(nn.Linear(11, 9), nn.ReLU()), nn.Sequential(nn.Flatten(), nn.Linear(36, 4))),
    ),
    "two linear maps in a block": (
        VECTOR,
        lambda: (nn.Sequential(nn.Linear(11, 8), nn.ReLU(), nn.Linear(8, 9), nn.ReLU()), nn.Linear(9, 4)),
    ),
    "projection of two layers": (
        VECTOR,
        lambda: (nn.Sequential(nn.Linear(11, 9), nn.ReLU()), nn.Sequential(nn.Linear(9, 5), nn.ReLU(), nn.Linear(5, 4))),
    ),
    "projection that does not learn": (
        VECTOR,
        lambda: (nn.Sequential(nn.Linear(11, 9), nn.ReLU()), nn.Linear(9, 4).requires_grad_(False)),
    ),
    "block that does not learn": (
        VECTOR,
        lambda: (nn.Sequential(nn.Linear(11, 9), nn.ReLU()).requires_grad_(False), nn.Linear(9, 4)),
    ),
    "convolution": (
        MAP,
        lambda: (nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU()), nn.Sequential(nn.Flatten(), nn.Linear(210, 4))),
    ),
    "convolution, stride and groups": (
        MAP,
        lambda: (
            nn.Sequential(nn.Conv2d(3, 6, (3, 2), stride=2, padding=(1, 0), groups=3, bias=False), nn.ReLU()),
            nn.Sequential(nn.Flatten(), nn.Linear(72, 4)),
        ),
    ),
    "average pooling to a single place": (
        (2, 2, 2),
        lambda: (
            nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
            nn.Sequential(nn.Flatten(), nn.Linear(3, 4)),
        ),
    ),
    "average pooling that leaves a row over": (
        MAP,
        lambda: (
            nn.Sequential(nn.Conv2d(3, 5, 3, padding=1, bias=False), nn.ReLU(), nn.AvgPool2d(2)),
            nn.Sequential(nn.Flatten(), nn.Linear(45, 4, bias=False)),
        ),
    ),
    "maximum pooling that leaves rows over": (
        MAP,
        lambda: (
            nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Sequential(nn.Flatten(), nn.Linear(45, 4)),
        ),
    ),
    "pooled goodness": (
        MAP,
        lambda: (
            nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU()),
            nn.Sequential(nn.AvgPool2d(3), nn.Flatten(), nn.Linear(20, 4)),
        ),
    ),
    "convolution after convolution": (
        MAP,
        lambda: (
            nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), nn.Conv2d(5, 4, 3), nn.ReLU()),
            nn.Sequential(nn.Flatten(), nn.Linear(80, 4)),
        ),
    ),
}
WITHOUT: dict[str, nn.Module] = {
    "another activation": nn.Tanh(),
    "normalisation": nn.BatchNorm2d(3),
    "windows that overlap": nn.AvgPool2d(3, stride=2),
    "padded windows": nn.MaxPool2d(2, padding=1),
    "windows that reach over the edge": nn.AvgPool2d(2, ceil_mode=True),
    "windows that are not square": nn.AvgPool2d((2, 3)),
    "a divisor of its own": nn.AvgPool2d(2, divisor_override=3),
    "padding with anything but zeros": nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect"),
    "padding by a word": nn.Conv2d(3, 3, 3, padding="same"),
    "flattening of some axes": nn.Flatten(2),
}


def both(
    name: str, loss: Loss, dtype: torch.dtype = torch.float64, importance: Tensor | None = None
) -> tuple[tuple[Tensor, Tensor, list[Tensor]], tuple[Tensor, Tensor, list[Tensor]]]:
    shape, make = CASES[name]
    generator = torch.Generator().manual_seed(7)
    block, projection = (part.to(dtype) for part in make())
    for parameter in [*block.parameters(), *projection.parameters()]:
        parameter.data.normal_(0, 0.3, generator=generator)
    x = torch.randn(6, *shape, generator=generator, dtype=dtype)
    y = torch.randint(4, (6,), generator=generator)
    target = y if loss.classes else torch.randn(6, 4, generator=generator, dtype=dtype)
    chains = staged(block), staged(projection)
    assert chains[0] is not None
    assert chains[1] is not None
    own = [one for part in (block, projection) for one in part.parameters() if one.requires_grad]
    closed = local.closed_form(chains[0], chains[1], x, target, loss, importance)
    return closed, local.by_autograd(block, projection, own, x, target, loss, importance)


@pytest.mark.parametrize("loss", [losses.cross_entropy, losses.mean_squared_error], ids=lambda loss: loss.name)
@pytest.mark.parametrize("name", CASES)
def test_the_closed_form_is_the_derivative(name: str, loss: Loss) -> None:
    importance = torch.tensor([2.0, 0, 1, 0.5, 1.5, 1], dtype=torch.float64)
    (activity, value, closed), (other_activity, other_value, own) = both(name, loss, importance=importance)
    torch.testing.assert_close(activity, other_activity, rtol=0, atol=0)
    torch.testing.assert_close(value, other_value, rtol=1e-13, atol=0)
    assert len(closed) == len(own)
    for one, other in zip(closed, own, strict=True):
        assert float(other.norm()) > 1e-3
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("name", ["linear", "convolution", "average pooling that leaves a row over"])
def test_products_in_half_precision_leave_gradients_and_loss_in_single(name: str) -> None:
    exact, _ = both(name, losses.cross_entropy, torch.float32)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        (activity, value, gradients), (_, _, by_autograd) = both(name, losses.cross_entropy, torch.float32)
    assert activity.dtype == torch.bfloat16
    assert value.dtype == torch.float32
    for one, other, wanted in zip(gradients, by_autograd, exact[2], strict=True):
        assert one.dtype == other.dtype == torch.float32
        for given in (one, other):
            assert 0 < float((given - wanted).norm()) < 0.1 * float(wanted.norm())


@pytest.mark.parametrize("name", WITHOUT)
def test_what_has_no_closed_form_here_is_left_to_autograd(name: str) -> None:
    assert staged(WITHOUT[name]) is None
    assert staged(nn.Sequential(nn.Linear(2, 2), WITHOUT[name])) is None


def test_a_hook_is_not_passed_over() -> None:
    module = nn.Linear(2, 2)
    assert staged(module) is not None
    module.register_forward_hook(lambda *_: None)
    assert staged(module) is None


def test_no_graph_reaches_into_the_input() -> None:
    block, projection = CASES["linear"][1]()
    x = torch.randn(6, 11, requires_grad=True)
    own = [*block.parameters(), *projection.parameters()]
    activity, value, _ = local.by_autograd(
        block, projection, own, x, torch.zeros(6, dtype=torch.int64), losses.cross_entropy
    )
    assert not activity.requires_grad
    assert not value.requires_grad
    assert x.grad is None


def test_nothing_that_came_from_outside_is_written_over() -> None:
    """Activities and blame are reused in place inside a block; a loss may hand out a tensor of its own, and the input is another's."""
    block, projection = nn.Sequential(nn.Linear(5, 6), nn.ReLU()), nn.Sequential(nn.Linear(6, 3), nn.ReLU())
    slopes, x = torch.randn(4, 3), torch.randn(4, 5)
    before = slopes.clone(), x.clone()
    loss = losses.Loss("constant", lambda outputs, target, share: (outputs.sum(), slopes), classes=True)
    first, second = staged(block), staged(projection)
    assert first is not None
    assert second is not None
    activity, _, _ = local.closed_form(first, second, x, torch.zeros(4, dtype=torch.int64), loss)
    assert torch.equal(slopes, before[0])
    assert torch.equal(x, before[1])
    torch.testing.assert_close(activity, block(x), rtol=0, atol=0)
    reads_first = staged(nn.ReLU())
    assert reads_first is not None
    local.closed_form((), (*reads_first, *second[:0]), x, torch.zeros(4, dtype=torch.int64), replace(loss, evaluate=lambda o, t, s: (o.sum(), o)))  # fmt: skip
    assert torch.equal(x, before[1])
