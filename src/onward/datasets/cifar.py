"""The formats of CIFAR: binary records of one length, and the pickles of the Python version.

A record is its labels, then the red, green and blue plane row by row. A pickle is a dictionary with the same planes as an
array, and lists of labels. Source: A. Krizhevsky, *Learning multiple layers of features from tiny images*, 2009, and the
page of the data sets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from onward.datasets import plain_pickle
from onward.datasets.errors import DataUnavailable

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


class Batch(NamedTuple):
    """Pictures and their classes."""

    x: UInt8[np.ndarray, "n 3 32 32"]
    y: UInt8[np.ndarray, "n"]


def parse(data: bytes, name: str, classes: tuple[int, ...]) -> Batch:
    """Give the pictures of a binary file and the last label of each, as read-only views.

    Args:
        data: the whole file.
        name: what messages call it.
        classes: how many classes each label byte has: `(10,)` for CIFAR-10, `(20, 100)` (coarse, fine) for CIFAR-100.

    Raises:
        DataUnavailable: no whole number of records, or a label out of range.
    """
    length = len(classes) + PIXELS
    if not data or len(data) % length:
        raise DataUnavailable(f"{name} is damaged: expected records of {length} bytes, got {len(data)} bytes in all")
    records = np.frombuffer(data, np.uint8).reshape(-1, length)
    for k, count in enumerate(classes):
        wrong = np.flatnonzero(records[:, k] >= count)
        if wrong.size:
            got = f"{records[wrong[0], k]} in record {wrong[0]}"
            raise DataUnavailable(f"{name} is damaged: expected labels below {count}, got {got}")
    return Batch(records[:, len(classes) :].reshape(-1, *SHAPE), records[:, len(classes) - 1])


def parse_pickle(data: bytes, name: str, key: str, classes: int) -> Batch:
    """Give the pictures of a pickle and their labels; nothing of it is run.

    Args:
        data: the whole file.
        name: what messages call it.
        key: of the labels: `labels` for CIFAR-10, `fine_labels` for CIFAR-100.
        classes: how many there are.

    Raises:
        DataUnavailable: it is damaged, holds anything but plain data, or other data than expected.
    """
    try:
        held = plain_pickle.loads(data)
    except plain_pickle.NotPlain as error:
        raise DataUnavailable(f"{name} is damaged or not what it should be: it holds {error}") from error
    if not isinstance(held, dict) or not {"data", key} <= held.keys():
        raise DataUnavailable(f"{name} is not what it should be: expected a dictionary with 'data' and {key!r}")
    x, labels = held["data"], held[key]
    if not isinstance(x, np.ndarray) or x.ndim != 2 or x.shape[1] != PIXELS or not len(x):
        raise DataUnavailable(f"{name} is not what it should be: expected an array of n x {PIXELS} bytes as its 'data'")
    if not isinstance(labels, list) or len(labels) != len(x):
        raise DataUnavailable(f"{name} is not what it should be: expected a list of {len(x)} labels")
    for label in labels:
        if type(label) is not int or not 0 <= label < classes:
            raise DataUnavailable(f"{name} is damaged: expected labels from 0 to {classes - 1}, got {label!r:.60}")
    return Batch(x.reshape(-1, *SHAPE), np.asarray(labels, dtype=np.uint8))
