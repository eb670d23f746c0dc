import torch
from hypothesis import given
from hypothesis import strategies as st

from onward.kernels import goodness as kernels
from onward.kernels import labels


def activity(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)


def test_goodness_is_the_sum_of_squares_of_all_that_a_block_emits() -> None:
    h = activity(5, 3, 4, 2)
    expected = torch.stack([sum(number**2 for number in one.flatten()) for one in h])  # pyright: ignore[reportArgumentType]
    torch.testing.assert_close(kernels.goodness(h), expected)
    torch.testing.assert_close(kernels.mean_square(h), expected / 24)


def test_goodness_of_half_precision_is_summed_in_single_precision() -> None:
    h = torch.full((1, 4096), 0.1, dtype=torch.bfloat16)
    found = kernels.goodness(h)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, h.double().square().sum(1).float(), rtol=1e-5, atol=0)


def test_what_is_normalised_has_a_mean_square_of_one_and_no_trace_of_its_length() -> None:
    h = activity(5, 3, 4)
    torch.testing.assert_close(kernels.mean_square(kernels.normalise(h)), torch.ones(5, dtype=torch.float64))
    lengths = torch.tensor([1e-30, 0.1, 1.0, 7.0, 1e30], dtype=torch.float64).view(5, 1, 1)
    torch.testing.assert_close(kernels.normalise(lengths * h), kernels.normalise(h))


def test_an_activity_of_zero_stays_zero() -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        assert (kernels.normalise(torch.zeros(2, 3, dtype=dtype)) == 0).all()


def test_what_is_normalised_from_half_precision_is_no_longer_rounded() -> None:
    found = kernels.normalise(activity(4, 500, dtype=torch.bfloat16))
    torch.testing.assert_close(kernels.goodness(found), torch.full((4,), 500.0), rtol=1e-5, atol=0)


def test_the_logistic_loss_is_minus_the_log_of_the_probability_and_its_derivative_that_of_autograd() -> None:
    g = activity(40).mul(3).add(5).requires_grad_()
    positive = torch.arange(40) % 3 == 0
    each, slope = kernels.logistic(g, positive, 4.5)
    p = torch.sigmoid(g - 4.5)
    torch.testing.assert_close(each, -torch.where(positive, p, 1 - p).log())
    torch.testing.assert_close(slope, torch.autograd.grad(each.sum(), g)[0], rtol=1e-12, atol=1e-14)


def test_the_margin_loss_has_the_derivative_of_autograd_and_the_opposite_one_at_the_wrong_label() -> None:
    right, wrong = activity(2, 30).requires_grad_().unbind()
    each, slope = kernels.margin(right, wrong, 4.0)
    torch.testing.assert_close(each, torch.log(1 + torch.exp(-4 * (right - wrong))))
    at_right, at_wrong = torch.autograd.grad(each.sum(), [right, wrong])
    torch.testing.assert_close(slope, at_right, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(-slope, at_wrong, rtol=1e-12, atol=1e-14)


def test_losses_far_from_the_threshold_stay_finite() -> None:
    far = torch.tensor([-1e6, 1e6])
    for positive in (True, False):
        each, slope = kernels.logistic(far, torch.tensor([positive, positive]), 10.0)
        assert each.isfinite().all()
        assert slope.isfinite().all()
    each, slope = kernels.margin(far, far.flip(0), 4.0)
    assert each.isfinite().all()
    assert slope.isfinite().all()


def test_blame_on_an_activity_is_the_derivative_through_its_goodness() -> None:
    h = activity(6, 3, 2).requires_grad_()
    each, slope = kernels.logistic(kernels.goodness(h), torch.arange(6) < 3, 5.0)
    torch.testing.assert_close(kernels.blame(h, slope), torch.autograd.grad(each.sum(), h)[0], rtol=1e-12, atol=1e-14)


def test_peer_normalisation_has_the_derivative_of_autograd_and_leaves_equal_neurons_alone() -> None:
    mean, before = activity(2, 4, 3).abs().unbind()
    mean = mean.clone().requires_grad_()
    value, pull, after = kernels.peers(mean, before, 0.03, 0.9)
    torch.testing.assert_close(after, 0.9 * before + 0.1 * mean)
    torch.testing.assert_close(pull, torch.autograd.grad(value, mean)[0], rtol=1e-12, atol=1e-14)
    _, pull, _ = kernels.peers(torch.full((5,), 2.0), torch.full((5,), 1.0), 0.03, 0.9)
    torch.testing.assert_close(pull, torch.zeros(5), rtol=0, atol=1e-7)


def test_the_goodness_of_others_is_that_of_all_without_ones_own() -> None:
    parts = list(activity(3, 5))
    first, second, third = kernels.of_others(parts)
    for found, expected in ((first, parts[1] + parts[2]), (second, parts[0] + parts[2]), (third, parts[0] + parts[1])):
        torch.testing.assert_close(found, expected)


def test_a_code_is_written_over_the_first_numbers_or_appended_and_the_input_is_left_alone() -> None:
    x, code = activity(4, 1, 2, 3), torch.eye(4, 2, dtype=torch.float64)
    before = x.clone()
    written = labels.write_over(x, code)
    assert written.shape == x.shape
    assert torch.equal(written.flatten(1)[:, :2], code)
    assert torch.equal(written.flatten(1)[:, 2:], x.flatten(1)[:, 2:])
    appended = labels.append(x, code)
    assert torch.equal(appended, torch.cat([x.flatten(1), code], 1))
    assert torch.equal(x, before)


@given(classes=st.integers(2, 12), seed=st.integers(0, 1000))
def test_wrong_labels_are_classes_and_never_right(classes: int, seed: int) -> None:
    y = torch.arange(30) % classes
    wrong = labels.wrong_labels(y, classes, torch.Generator().manual_seed(seed))
    assert ((wrong >= 0) & (wrong < classes)).all()
    assert (wrong != y).all()


def test_all_wrong_labels_are_equally_likely() -> None:
    drawn = labels.wrong_labels(torch.full((30_000,), 2), 4, torch.Generator().manual_seed(0))
    counts = torch.bincount(drawn, minlength=4)
    assert counts[2] == 0
    assert ((counts[[0, 1, 3]] - 10_000).abs() < 400).all()  # 5 deviations of the binomial distribution
