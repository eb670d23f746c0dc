"""The small parts that estimators are made of: what is held out, threads, the length of paths."""

import numpy as np
import pytest
import torch

from onward import graphs
from onward.estimators.holdout import hold_out
from onward.estimators.structure import longest_path
from onward.estimators.threads import one_thread
from onward.topology import Topology


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_class_is_held_out_in_part_and_never_whole() -> None:
    labels = torch.tensor([0] * 60 + [1] * 30 + [2])
    learned, judged = hold_out(labels, 0.2, seeded(0))
    assert torch.bincount(labels[judged], minlength=3).tolist() == [12, 6, 0]
    assert sorted([*learned.tolist(), *judged.tolist()]) == list(range(91))
    assert judged.tolist() != hold_out(labels, 0.2, seeded(1))[1].tolist()
    assert torch.bincount(labels[hold_out(labels, 0.99, seeded(0))[0]]).tolist() == [1, 1, 1]


def test_at_least_one_example_is_held_out() -> None:
    learned, judged = hold_out(torch.zeros(3, dtype=torch.int64), 0.01, seeded(0))
    assert (len(learned), len(judged)) == (2, 1)


def test_threads_are_given_back_whatever_happens() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError), one_thread():
            _ = 1 / 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_longest_paths() -> None:
    assert longest_path(graphs.layered(2, [3, 3], 2)) == 3
    assert longest_path(graphs.cascade(2, 4, 1)) == 5
    assert longest_path(graphs.mesh(2, 1, 1)) is None
    side_branch = Topology(1, 2, 1, np.array([0, 0, 1]), np.array([1, 3, 2]))
    assert longest_path(side_branch) == 1
