"""Pictures are shifted and mirrored at random, each on its own, and nothing else happens to them."""

import re
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from onward import MonoForward, Recipe, fit, mlp
from onward.datasets import crop, crop_and_flip, flip, wine


def numbered(batch: int = 200, channels: int = 2, height: int = 5, width: int = 6) -> Tensor:
    """Pictures of which no two pixels are equal, and none is 0."""
    return 1 + torch.arange(batch * channels * height * width, dtype=torch.float64).reshape(batch, channels, height, width)


def shifts(x: Tensor, cropped: Tensor, padding: int) -> list[tuple[int, int]]:
    """The shift that was drawn for each picture, found by trying all."""
    padded, (height, width) = functional.pad(x, (padding,) * 4), x.shape[2:]
    found = []
    for before, after in zip(padded, cropped, strict=True):
        fits = [
            (down, right)
            for down in range(2 * padding + 1)
            for right in range(2 * padding + 1)
            if torch.equal(before[:, down : down + height, right : right + width], after)
        ]
        assert len(fits) == 1
        found += fits
    return found


def test_every_picture_is_shifted_on_its_own(generator: torch.Generator) -> None:
    x = numbered()
    drawn = shifts(x, crop(x, generator, padding=2), 2)
    assert set(drawn) == {(down, right) for down in range(5) for right in range(5)}


def test_all_shifts_are_equally_likely(generator: torch.Generator) -> None:
    x = numbered(4500, 1, 3, 3)
    drawn = torch.tensor(shifts(x, crop(x, generator, padding=1), 1))
    counts = torch.bincount(drawn[:, 0] * 3 + drawn[:, 1], minlength=9)
    assert (counts - 500).abs().max() < 5 * 500**0.5


def test_without_padding_nothing_is_shifted(generator: torch.Generator) -> None:
    assert torch.equal(crop(numbered(), generator, padding=0), numbered())


def test_four_pixels_are_usual(generator: torch.Generator) -> None:
    x = numbered(100, 1, 10, 10)
    torch.testing.assert_close(crop(x, generator), crop(x, torch.Generator().manual_seed(0), padding=4), rtol=0, atol=0)


def test_half_of_the_pictures_are_mirrored(generator: torch.Generator) -> None:
    x = numbered(2000, 1, 2, 3)
    flipped = flip(x, generator)
    mirrored = (flipped == x.flip(-1)).flatten(1).all(1)
    kept = (flipped == x).flatten(1).all(1)
    assert (mirrored ^ kept).all()
    assert abs(int(mirrored.sum()) - 1000) < 5 * 500**0.5


def test_both_are_a_shift_and_then_a_mirror_image(generator: torch.Generator) -> None:
    x, same = numbered(), torch.Generator().manual_seed(0)
    assert torch.equal(crop_and_flip(x, generator, padding=2), flip(crop(x, same, padding=2), same))


@pytest.mark.parametrize("change", [crop, flip, crop_and_flip])
def test_the_generator_alone_decides(change: Callable[[Tensor, torch.Generator], Tensor]) -> None:
    x, state = numbered(), torch.random.get_rng_state()
    before = x.clone()
    one, two, other = (change(x, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(x, before)
    assert torch.equal(state, torch.random.get_rng_state())
    assert change(x.float(), torch.Generator()).dtype == torch.float32


def test_a_padding_below_0_is_refused(generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match="padding must be at least 0, got -1"):
        crop(numbered(), generator, padding=-1)


@pytest.mark.parametrize("change", [crop, flip, crop_and_flip])
@pytest.mark.parametrize("shape", [(4, 30), (4, 8, 8), (2, 4, 1, 8, 8)])
def test_what_is_no_picture_is_refused_in_one_sentence(change: Callable[..., Tensor], shape: tuple[int, ...]) -> None:
    words = "only pictures, examples x channels x height x width, can be shifted and mirrored, got inputs of shape "
    with pytest.raises(ValueError, match=f"^{words}{re.escape(str(shape))}$"):
        change(torch.zeros(shape), torch.Generator())


def test_a_table_that_is_to_be_augmented_is_refused_in_one_sentence() -> None:
    data = replace(wine(0), augment=crop_and_flip)
    recipe = Recipe(torch.optim.Adam, epochs=1, batch=32)
    with pytest.raises(ValueError, match=r"only pictures, .*, got inputs of shape \(32, 13\)"):
        list(fit(MonoForward(mlp(13, (4,), 3)), data, recipe, generator=torch.Generator()))


@pytest.mark.slow
def test_a_batch_of_cifar_takes_about_a_millisecond(generator: torch.Generator) -> None:
    x, times = torch.randn(128, 3, 32, 32, generator=generator), []
    for _ in range(50):
        start = time.perf_counter()
        crop_and_flip(x, generator)
        times.append(time.perf_counter() - start)
    assert sorted(times)[25] < 2e-3
