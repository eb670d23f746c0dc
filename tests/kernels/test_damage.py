"""Damage is as strong as it says, comes from its generator alone, and leaves what it is given as it is."""

from functools import partial

import pytest
import torch

from onward.kernels.damage import Damage, bits_flipped, noisy, without_outliers, zeroed

KINDS: dict[str, Damage] = {
    "zeroed": partial(zeroed, part=0.3),
    "noisy": partial(noisy, scale=0.5),
    "bits": partial(bits_flipped, probability=0.01),
}


def weights(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(40, 50, generator=torch.Generator().manual_seed(0), dtype=dtype)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_damage_follows_from_its_generator_alone(name: str, dtype: torch.dtype) -> None:
    weight, kept = weights(dtype), weights(dtype)
    state = torch.random.get_rng_state()
    one, again = (KINDS[name](weight, torch.Generator().manual_seed(5)) for _ in range(2))
    other = KINDS[name](weight, torch.Generator().manual_seed(6))
    assert torch.equal(one.view(torch.uint8), again.view(torch.uint8))
    assert not torch.equal(one.view(torch.uint8), other.view(torch.uint8))
    assert one.dtype == dtype
    assert one.shape == weight.shape
    assert torch.equal(weight, kept)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(("part", "lost"), [(0.0, 0), (0.25, 500), (0.0004, 1), (1.0, 2000)])
def test_so_many_weights_are_zeroed_and_the_others_kept(generator: torch.Generator, part: float, lost: int) -> None:
    weight = weights()
    damaged = zeroed(weight, generator, part=part)
    gone = damaged == 0
    assert gone.sum() == lost
    assert torch.equal(damaged[~gone], weight[~gone])


@pytest.mark.parametrize("size", [1e-3, 1.0, 100.0])
def test_noise_is_relative_to_the_size_of_the_weights(generator: torch.Generator, size: float) -> None:
    weight = size * (3 + weights(torch.float64))
    noise = noisy(weight, generator, scale=0.5) - weight
    assert noise.std() / weight.square().mean().sqrt() == pytest.approx(0.5, rel=0.05)
    assert abs(noise.mean()) < 0.05 * noise.std()
    assert torch.equal(noisy(weight, generator, scale=0.0), weight)


@pytest.mark.parametrize(
    ("dtype", "integers"), [(torch.float32, torch.int32), (torch.float64, torch.int64), (torch.bfloat16, torch.int16)]
)
def test_bits_flip_independently_with_their_probability(
    generator: torch.Generator, dtype: torch.dtype, integers: torch.dtype
) -> None:
    weight = weights(dtype)
    width = 8 * weight.element_size()
    turned = bits_flipped(weight, generator, probability=0.1).view(integers) ^ weight.view(integers)
    share = [((turned >> place) & 1).double().mean().item() for place in range(width)]
    assert share == pytest.approx([0.1] * width, abs=0.04)  # six deviations of 2000 draws
    both = ((turned >> 0) & (turned >> (width - 1)) & 1).double().mean().item()
    assert both == pytest.approx(0.01, abs=0.014)


def test_no_bit_or_every_bit_flips_at_the_ends(generator: torch.Generator) -> None:
    weight = weights()
    assert torch.equal(bits_flipped(weight, generator, probability=0.0), weight)
    turned = bits_flipped(weight, generator, probability=1.0).view(torch.int32)
    assert torch.equal(turned, ~weight.view(torch.int32))


def test_flipped_bits_make_weights_that_are_huge_infinite_or_nan_and_stay_so(generator: torch.Generator) -> None:
    weight = torch.ones(100_000)
    damaged = bits_flipped(weight, generator, probability=0.05)
    assert damaged.isnan().any()
    assert (damaged.abs() > 1e30).any()
    repaired = without_outliers(damaged, 2.0)
    fine = damaged.abs() <= 2
    assert torch.equal(repaired[fine], damaged[fine])
    assert not repaired[~fine].any()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (partial(zeroed, part=1.1), "the part that is lost must be between 0 and 1, got 1.1"),
        (partial(zeroed, part=float("nan")), "got nan"),
        (partial(noisy, scale=-0.1), "the scale of noise must be finite and at least 0, got -0.1"),
        (partial(noisy, scale=float("inf")), "got inf"),
        (partial(bits_flipped, probability=-0.5), "the probability of a flip must be between 0 and 1, got -0.5"),
    ],
)
def test_strengths_out_of_range_are_refused(generator: torch.Generator, wrong: Damage, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wrong(weights(), generator)
