"""Pictures as bytes to data sets: a part that chooses is cut off, stratified by class, and all is normalised.

Mean and deviation of each channel come of the part that is learned from, and are counted exactly from a histogram of its
bytes. Axis letters: n pictures, c channels, h height, w width.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64, Integer, UInt8

from onward import given
from onward.training.data import Dataset, Split

BLOCK = 1024  # pictures that are looked at together, so that copies stay small


class Pictures(NamedTuple):
    """Training and test pictures (n x c x h x w) with a class number each, as bytes."""

    x: UInt8[np.ndarray, "n c h w"]
    y: Integer[np.ndarray, "n"]
    test_x: UInt8[np.ndarray, "m c h w"]
    test_y: Integer[np.ndarray, "m"]


def dataset(name: str, pictures: Pictures, *, seed: int, validation: int) -> Dataset:
    """Make a data set of pictures: float32, each channel shifted and scaled to mean 0 and deviation 1.

    Args:
        name: what reports call it.
        pictures: training and test pictures.
        seed: of the part that chooses.
        validation: how many training pictures choose; 0 for none.

    Raises:
        ValueError: more pictures are asked for than there are, or fewer than 0.
    """
    learned, choosing = hold_out(pictures.y, validation, seed)
    table = lookup(histogram(pictures.x, learned))

    def split(x: np.ndarray, y: np.ndarray, index: np.ndarray) -> Split:
        return Split(torch.from_numpy(normalise(x, index, table)), torch.from_numpy(y[index].astype(np.int64)))

    return Dataset(
        name,
        split(pictures.x, pictures.y, learned),
        split(pictures.test_x, pictures.test_y, np.arange(len(pictures.test_y))),
        split(pictures.x, pictures.y, choosing) if validation else None,
    )


def hold_out(
    y: Integer[np.ndarray, "n"], count: int, seed: int
) -> tuple[Int64[np.ndarray, "k"], Int64[np.ndarray, "count"]]:
    """Choose examples at random, of each class as many as its part of all: positions of the others, and theirs, in order.

    What does not come out even goes to the classes of the largest remainders, to the lower number first.

    Raises:
        ValueError: a count that is no whole number, below 0, or not below the number of examples; a seed below 0.
    """
    given.whole("seed", seed, 0)
    if not isinstance(count, Integral) or isinstance(count, bool):
        part = isinstance(count, Real) and 0 < count < 1
        hint = f", which would be {round(count * len(y))} of the {len(y)}" if part else ""
        raise ValueError(f"validation must be a whole number of training examples, got {count!r}{hint}")
    if not 0 <= count < len(y):
        raise ValueError(f"validation must be at least 0 and below the {len(y)} training examples, got {count}")
    classes, sizes = np.unique(y, return_counts=True)
    exact = count * sizes / len(y)
    take = np.floor(exact).astype(np.int64)
    take[np.argsort(take - exact, kind="stable")[: count - take.sum()]] += 1
    order = np.random.default_rng(seed).permutation(len(y))
    chosen = np.zeros(len(y), dtype=bool)
    for label, k in zip(classes, take, strict=True):
        chosen[order[y[order] == label][:k]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def histogram(x: UInt8[np.ndarray, "n c h w"], index: Int64[np.ndarray, "k"]) -> Int64[np.ndarray, "c 256"]:
    """Count the bytes of each channel over some pictures."""
    counts = np.zeros((x.shape[1], 256), dtype=np.int64)
    for start in range(0, len(index), BLOCK):
        block = x[index[start : start + BLOCK]]
        for channel in range(x.shape[1]):
            counts[channel] += np.bincount(block[:, channel].reshape(-1), minlength=256)
    return counts


def lookup(counts: Int64[np.ndarray, "c 256"]) -> Float[np.ndarray, "c 256"]:
    """Give what every byte becomes: less the mean, over the deviation (over 1 where it is 0), as float32."""
    values, total = np.arange(256.0), counts.sum(1, keepdims=True)
    centre = (counts * values).sum(1, keepdims=True) / total
    scale = np.sqrt((counts * (values - centre) ** 2).sum(1, keepdims=True) / total)
    return ((values - centre) / np.where(scale == 0, 1, scale)).astype(np.float32)


def normalise(
    x: UInt8[np.ndarray, "n c h w"], index: Int64[np.ndarray, "k"], table: Float[np.ndarray, "c 256"]
) -> Float[np.ndarray, "k c h w"]:
    """Give some pictures with every byte replaced by its value in the table of its channel."""
    made = np.empty((len(index), *x.shape[1:]), dtype=np.float32)
    for start in range(0, len(index), BLOCK):
        block = x[index[start : start + BLOCK]]
        for channel, values in enumerate(table):
            made[start : start + BLOCK, channel] = values[block[:, channel]]
    return made
