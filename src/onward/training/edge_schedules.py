"""How many edges there are to be after an epoch, and how many are exchanged: functions of the number of the epoch."""

from __future__ import annotations

import math


def cubic(epoch: int, *, first: int, last: int, begin: int, end: int) -> int:
    """Fall from one number of edges to another, fast while many are left to choose from (Zhu and Gupta, 2017, equation 1).

    Args:
        epoch: which has ended, counted from 1.
        first: edges until `begin`.
        last: edges from `end` on.
        begin: the last epoch with all of the first.
        end: the first epoch with the last.

    Raises:
        ValueError: an end that is not after the beginning.
    """
    if not begin < end:
        raise ValueError(f"pruning must end after it begins, got {begin} to {end}")
    left = 1 - min(max((epoch - begin) / (end - begin), 0), 1)
    return last + round((first - last) * left**3)


def cosine(epoch: int, *, first: float, end: int) -> float:
    """Fall from one part of the edges to none at epoch `end`, along half a cosine (Evci et al., 2020, "RigL", section 3)."""
    if end < 1:
        raise ValueError(f"the exchange of edges must end at epoch 1 or later, got {end}")
    return first / 2 * (1 + math.cos(math.pi * min(epoch / end, 1)))
