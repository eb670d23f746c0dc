"""Held-out rows are drawn by a seed alone, class by class, and leave every class something to learn from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onward.tables import TableError, held_out


@given(st.lists(st.integers(0, 4), min_size=10, max_size=80), st.floats(0.01, 0.99), st.integers(0, 99))
def test_parts_are_stratified(classes: list[int], part: float, seed: int) -> None:
    target = np.array(classes)
    train, test = held_out(target, part=part, seed=seed)
    assert sorted([*train, *test]) == list(range(len(classes)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()
    assert set(target[train]) == set(classes)
    rows, kinds = len(classes), len(set(classes))
    assert len(test) == min(max(1, round(part * rows)), rows - kinds)
    if len(test) == round(part * rows) and np.unique(target, return_counts=True)[1].min() * (1 - part) >= 1:
        for one in set(classes):
            assert abs((target[test] == one).sum() - part * classes.count(one)) < 1


def test_the_same_seed_means_the_same_rows_for_ever() -> None:
    target = np.repeat([0, 1], 10)
    assert held_out(target, part=0.3, seed=7)[1].tolist() == GOLDEN
    again = [held_out(target, part=0.3, seed=seed)[1].tolist() for seed in (7, 8)]
    assert again[0] == GOLDEN != again[1]


GOLDEN = [3, 4, 6, 10, 11, 12]


def test_numbers_are_parted_without_classes() -> None:
    train, test = held_out(np.linspace(0, 1, 20), part=0.25, stratify=False)
    assert (len(train), len(test)) == (15, 5)


@pytest.mark.parametrize(
    ("target", "settings", "words"),
    [
        (np.zeros(9, int), {}, "at least 10 rows are needed to hold some out, got 9"),
        (np.zeros(10, int), {"part": 1.0}, "between 0 and 1, got 1.0"),
        (np.zeros(10, int), {"part": 0.0}, "between 0 and 1, got 0.0"),
        (np.zeros(10, int), {"part": float("nan")}, "between 0 and 1, got nan"),
        (np.zeros(10, int), {"seed": -1}, "must not be negative, got -1"),
        (np.zeros(10), {}, "by class numbers, got float64"),
        (np.arange(12), {}, "no class has two rows.*among 12 rows"),
    ],
)
def test_what_cannot_be_parted_is_refused(target, settings, words: str) -> None:
    with pytest.raises(TableError, match=words):
        held_out(target, **settings)
