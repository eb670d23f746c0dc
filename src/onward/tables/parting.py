"""Which rows are learned from and which are held out to judge on, chosen by a seed.

The order is drawn from the bit generator itself, whose stream numpy promises to keep, so a seed means the same rows in
every version.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, Shaped

from onward.tables.table import TableError

LEAST = 10
"""Fewer rows than this are not parted."""


def held_out(
    target: Shaped[np.ndarray, " n"], *, part: float = 0.2, seed: int = 0, stratify: bool = True
) -> tuple[Int[np.ndarray, " train"], Int[np.ndarray, " test"]]:
    """Part rows at random into those to learn from and those to judge on, both in ascending order.

    Args:
        target: class numbers, or numbers, one a row.
        part: of the rows that is held out, to the nearest row and at least one.
        seed: the same seed gives the same parts.
        stratify: whether every class is held out in the same proportion; each keeps at least one row to learn from.

    Raises:
        TableError: fewer than 10 rows; a part outside 0 to 1; a negative seed; classes that are not whole numbers; no
            class with two rows.
    """
    rows = len(target)
    if rows < LEAST:
        raise TableError(f"at least {LEAST} rows are needed to hold some out, got {rows}")
    if not 0 < part < 1:
        raise TableError(f"the part that is held out must lie between 0 and 1, got {part}")
    if seed < 0:
        raise TableError(f"a seed must not be negative, got {seed}")
    if stratify and not np.issubdtype(target.dtype, np.integer):
        raise TableError(f"rows can be stratified by class numbers, got {target.dtype}")
    classes = np.unique(target, return_inverse=True)[1] if stratify else np.zeros(rows, np.int64)
    sizes = np.bincount(classes)
    if sizes.max() < 2:
        raise TableError(f"no class has two rows, one to learn from and one to hold out, among {rows} rows")
    taken = _shares(sizes, part)
    order = np.argsort(np.random.PCG64(seed).random_raw(rows), kind="stable")
    test = np.concatenate([order[classes[order] == k][:share] for k, share in enumerate(taken)])
    return np.setdiff1d(np.arange(rows), test), np.sort(test)


def _shares(sizes: Int[np.ndarray, " c"], part: float) -> Int[np.ndarray, " c"]:
    """Say how many rows of every class are held out: whole numbers nearest to its part, with the right sum."""
    total = min(max(1, round(part * int(sizes.sum()))), int((sizes - 1).sum()))
    shares = np.minimum(np.floor(part * sizes).astype(np.int64), sizes - 1)
    while shares.sum() < total:
        owed = part * sizes - shares
        shares[np.argmax(np.where(shares < sizes - 1, owed, -np.inf))] += 1
    return shares
