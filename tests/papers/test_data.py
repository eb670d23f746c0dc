"""The published data have the quirks that are claimed of them, and the sound ones do not."""

import torch

from onward.papers.mesh_neural_networks.data import iris_as_published, spirals_as_published
from onward.training import datasets


def test_published_spirals_test_on_one_class_only() -> None:
    data = spirals_as_published(0)
    assert data.train.y.bincount().tolist() == [1000, 400]
    assert data.test.y.unique().tolist() == [1]
    assert data.test.x.abs().max() > 10


def test_sound_spirals_are_balanced_in_every_part() -> None:
    data = datasets.spirals(0)
    assert data.validation is not None
    for part, count in ((data.train, 280), (data.validation, 70), (data.test, 150)):
        assert part.y.bincount().tolist() == [count, count]


def test_published_iris_counts_whole_batches_only() -> None:
    data = iris_as_published(0)
    assert (len(data.train), len(data.test)) == (105, 40)
    assert torch.cat([data.train.x, data.test.x]).max() > 7
