"""Pictures are parted by class and normalised by what is learned from."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from onward.datasets.pictures import BLOCK, Pictures, dataset, hold_out
from tests.datasets import made


def some(count: int = 60, channels: int = 3) -> Pictures:
    x, y = made.pictures(count, (channels, 4, 5), 3, 0)
    return Pictures(x, y, *made.pictures(12, (channels, 4, 5), 3, 1))


def test_each_channel_of_the_learned_part_has_mean_0_and_deviation_1() -> None:
    data = dataset("some", some(), seed=0, validation=20)
    learned = data.train.x.double()
    torch.testing.assert_close(learned.mean((0, 2, 3)), torch.zeros(3, dtype=torch.float64), rtol=0, atol=1e-6)
    torch.testing.assert_close(learned.std((0, 2, 3), correction=0), torch.ones(3, dtype=torch.float64), rtol=1e-6, atol=0)


def test_the_other_parts_are_scaled_by_the_learned_part() -> None:
    pictures = some()
    data = dataset("some", pictures, seed=0, validation=20)
    learned, choosing = hold_out(pictures.y, 20, 0)
    centre = pictures.x[learned].mean((0, 2, 3), dtype=np.float64).reshape(3, 1, 1)
    scale = pictures.x[learned].std((0, 2, 3), dtype=np.float64).reshape(3, 1, 1)
    for split, raw, y in (
        (data.train, pictures.x[learned], pictures.y[learned]),
        (data.validation, pictures.x[choosing], pictures.y[choosing]),
        (data.test, pictures.test_x, pictures.test_y),
    ):
        assert split is not None
        expected = torch.from_numpy((raw - centre) / scale)
        torch.testing.assert_close(split.x.double(), expected, rtol=1e-6, atol=1e-6)
        assert split.x.dtype == torch.float32
        assert split.y.dtype == torch.int64
        assert split.y.tolist() == y.tolist()


def test_more_pictures_than_are_looked_at_together_change_nothing() -> None:
    count = 2 * BLOCK + 7
    x, y = made.pictures(count, (1, 2, 2), 2, 0)
    data = dataset("many", Pictures(x, y, x, y), seed=0, validation=0)
    expected = (x - x.mean(dtype=np.float64)) / x.std(dtype=np.float64)
    torch.testing.assert_close(data.train.x, torch.from_numpy(expected).float(), rtol=1e-6, atol=1e-6)


def test_a_channel_that_never_changes_becomes_0() -> None:
    pictures = some()
    pictures.x[:, 1] = pictures.test_x[:, 1] = 7
    data = dataset("some", pictures, seed=0, validation=0)
    assert not data.train.x[:, 1].any()
    assert not data.test.x[:, 1].any()


def test_without_validation_everything_is_learned_from() -> None:
    data = dataset("some", some(), seed=0, validation=0)
    assert data.validation is None
    assert len(data.train) == 60


@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=6),
    part=st.floats(0, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_held_out_is_stratified(sizes: list[int], part: float, seed: int) -> None:
    y = np.repeat(np.arange(len(sizes)), sizes)
    count = int(part * len(y))
    rest, held = hold_out(y, count, seed)
    assert len(held) == count
    assert sorted([*rest.tolist(), *held.tolist()]) == list(range(len(y)))
    for label, size in enumerate(sizes):
        assert abs((y[held] == label).sum() - count * size / len(y)) < 1


def test_the_seed_decides_what_is_held_out() -> None:
    y = np.arange(100) % 5
    assert (hold_out(y, 20, 3)[1] == hold_out(y, 20, 3)[1]).all()
    assert (hold_out(y, 20, 3)[1] != hold_out(y, 20, 4)[1]).any()


def test_what_is_held_out_stays_what_it_was() -> None:
    assert hold_out(np.arange(30) % 3, 6, 0)[1].tolist() == [2, 4, 6, 10, 11, 21]


@pytest.mark.parametrize("count", [-1, 30, 31])
def test_a_part_out_of_range_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"validation must be at least 0 and below the 30 training examples, got {count}"):
        hold_out(np.arange(30) % 3, count, 0)
