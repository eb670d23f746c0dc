"""Data are checked once, parted fairly, and stacked for nets that train side by side."""

import numpy as np
import pytest
import torch

from onward.training import datasets, problems
from onward.training.data import Dataset, Split, partition, stack


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (torch.zeros(3, 2), torch.zeros(4), "as many examples, got 3"),
        (torch.zeros(0, 2), torch.zeros(0), "at least one example, got none"),
        (torch.zeros(3), torch.zeros(3), r"examples x features, got shape \(3,\)"),
        (torch.tensor([[0.0, torch.nan]]), torch.zeros(1), r"inputs must be finite, got nan at index \[0, 1\]"),
        (torch.zeros(1, 2), torch.tensor([torch.inf]), r"targets must be finite, got inf at index \[0\]"),
    ],
)
def test_bad_data_are_refused(x: torch.Tensor, y: torch.Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Split(x, y)


def test_parts_are_disjoint_stratified_and_repeatable() -> None:
    x = np.arange(200.0).reshape(100, 2)
    y = np.repeat([0, 1], [80, 20])
    one = partition("a", x, y, seed=3, standardise=False)
    assert one.validation is not None
    parts = [one.train, one.validation, one.test]
    assert [len(part) for part in parts] == [56, 14, 30]
    rows = torch.cat([part.x[:, 0] for part in parts])
    assert sorted(rows.tolist()) == x[:, 0].tolist()
    for part in parts:
        assert part.y.float().mean() == pytest.approx(0.2, abs=0.02)
    again = partition("a", x, y, seed=3, standardise=False)
    torch.testing.assert_close(one.test.x, again.test.x, rtol=0, atol=0)
    assert (one.test.x != partition("a", x, y, seed=4, standardise=False).test.x).any()


def test_scaling_is_learned_from_the_training_part_alone() -> None:
    data = datasets.spirals(0)
    assert data.validation is not None
    torch.testing.assert_close(data.train.x.mean(0), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(data.train.x.std(0, correction=0), torch.ones(2), atol=1e-5, rtol=0)
    assert data.test.x.mean(0).abs().max() > 1e-3
    constant = partition("c", np.ones((10, 1)), np.repeat([0, 1], 5), seed=0)
    assert constant.train.x.isfinite().all()


def test_names_of_classes_stay_and_are_no_part_of_what_a_data_set_is() -> None:
    split = Split(torch.zeros(4, 2), torch.arange(4) % 2)
    named = Dataset("some", split, split, class_names=("ant", "bee"))
    assert named.to(torch.float64).class_names == ("ant", "bee")
    assert named.to(torch.float64).train.x.dtype == torch.float64
    assert stack([named, named]).class_names == ("ant", "bee")
    assert stack([named, named]).train.nets == (2,)
    assert named == Dataset("some", split, split)


def test_stacked_nets_take_their_own_examples() -> None:
    data = stack([datasets.iris(0), datasets.iris(1)])
    assert data.train.x.shape == (2, 84, 4)
    x, y = data.train.take(torch.tensor([[0, 1], [5, 6]]))
    torch.testing.assert_close(x[1], data.train.x[1, 5:7])
    assert y.tolist() == [data.train.y[0, :2].tolist(), data.train.y[1, 5:7].tolist()]
    with pytest.raises(ValueError, match="only data sets of equal sizes can be stacked"):
        stack([datasets.iris(0), datasets.iris(0, test=0.4)])


def test_spirals_turn_a_little_over_twice() -> None:
    x, y = problems.spiral_points(4000, np.random.default_rng(0), noise=0.0)
    angle = np.hypot(*x.T)
    assert angle.max() == pytest.approx(np.radians(780), rel=0.01)
    np.testing.assert_allclose(x[2000:], -x[:2000])
    assert (y == np.repeat([0, 1], 2000)).all()
    np.testing.assert_allclose(x[:2000, 0], -np.cos(angle[:2000]) * angle[:2000], atol=1e-9)


def test_moving_to_another_dtype_keeps_labels_whole() -> None:
    data = datasets.iris(0).to(torch.float64)
    assert (data.train.x.dtype, data.train.y.dtype) == (torch.float64, torch.int64)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros((100, 2)), np.zeros(60, int), r"a class for each, got shapes \(100, 2\) and \(60,\)"),
        (np.zeros((8, 2)), np.array([0.2, 0.9] * 4), "classes must be whole numbers, got float64"),
        (np.where(np.eye(8, 2), np.nan, 0), np.repeat([0, 1], 4), "got nan at row 0, column 0"),
        (np.zeros((9, 2)), np.array([0] * 8 + [7]), "class 7 has 1 examples"),
    ],
)
def test_tables_that_cannot_be_parted_are_refused(x: np.ndarray, y: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        partition("bad", x, y, seed=0)


def test_parts_must_be_parts() -> None:
    with pytest.raises(ValueError, match="between 0 and 1, got 1.5 and 0.2"):
        partition("bad", np.zeros((20, 2)), np.repeat([0, 1], 10), seed=0, test=1.5)


def test_printing_data_is_short() -> None:
    assert len(str(datasets.spirals(0))) < 400
