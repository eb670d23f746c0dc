"""The binary version of CIFAR: records of one length, labels first, then the red, green and blue plane row by row.

Source: A. Krizhevsky, *Learning multiple layers of features from tiny images*, 2009, and the page of the data sets.
"""

from __future__ import annotations

import numpy as np

from onward.datasets.errors import DataUnavailable

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


def parse(data: bytes, name: str, classes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Give pictures (n x 3 x 32 x 32, uint8) and the last label of each (n), as read-only views.

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
        if (records[:, k] >= count).any():
            row = int(np.argmax(records[:, k] >= count))
            raise DataUnavailable(
                f"{name} is damaged: expected labels below {count}, got {records[row, k]} in record {row}"
            )
    return records[:, len(classes) :].reshape(-1, *SHAPE), records[:, len(classes) - 1]
