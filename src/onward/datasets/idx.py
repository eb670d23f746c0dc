"""The idx format of MNIST: a header of big-endian sizes, then the numbers one after the other.

Source: Y. LeCun, C. Cortes and C. Burges, *The MNIST database of handwritten digits*, "File formats". Only unsigned
bytes are read, the one kind that the image sets use.
"""

from __future__ import annotations

import math

import numpy as np

from onward.datasets.errors import DataUnavailable

UNSIGNED_BYTE = 0x08


def parse(data: bytes, name: str, axes: int) -> np.ndarray:
    """Give the array of an idx file, as a read-only view.

    Args:
        data: the whole file, unpacked.
        name: what messages call it.
        axes: how many axes are expected: 3 for images (n x height x width), 1 for labels.

    Raises:
        DataUnavailable: it is no idx file of unsigned bytes with so many axes, or it is cut short or too long.
    """
    header, magic = 4 + 4 * axes, bytes((0, 0, UNSIGNED_BYTE, axes))
    if data[:4] != magic:
        raise DataUnavailable(
            f"{name} is damaged: expected an idx file that starts with {magic.hex()}, got {data[:4].hex()!r}"
        )
    if len(data) < header:
        raise DataUnavailable(f"{name} is damaged: expected a header of {header} bytes, got {len(data)} bytes in all")
    shape = [int(size) for size in np.frombuffer(data, ">u4", axes, 4)]
    if len(data) - header != math.prod(shape) or not math.prod(shape):
        sizes = " x ".join(map(str, shape))
        raise DataUnavailable(f"{name} is damaged: its header promises {sizes} bytes, got {len(data) - header}")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
