"""Which blocks each rank holds: neighbours in order, cut so that the slowest rank has as little to do as can be.

A batch passes every rank once and nothing comes back, so a pipeline is as fast as its slowest rank: what a cut allows follows
from the times of the blocks alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Partition:
    """Blocks in order, so many on each rank.

    Attributes:
        sizes: number of blocks of each rank, at least one.

    Raises:
        ValueError: no ranks, or a rank without a block.
    """

    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.sizes or any(type(size) is not int or size < 1 for size in self.sizes):
            raise ValueError(f"a partition gives every rank at least one block, got sizes {list(self.sizes)}")

    @property
    def ranks(self) -> int:
        """Number of ranks."""
        return len(self.sizes)

    @property
    def total(self) -> int:
        """Number of blocks."""
        return sum(self.sizes)

    def blocks(self, rank: int) -> range:
        """Give the blocks of a rank, counted from 0."""
        first = sum(self.sizes[:rank])
        return range(first, first + self.sizes[rank])

    def rank_of(self, block: int) -> int:
        """Give the rank that holds a block."""
        return next(rank for rank in range(self.ranks) if block in self.blocks(rank))

    def times(self, times: Sequence[float]) -> list[float]:
        """Give the time of each rank from those of the blocks."""
        return [sum(times[block] for block in self.blocks(rank)) for rank in range(self.ranks)]

    def speedup(self, times: Sequence[float]) -> float:
        """Give how many times as fast as one rank this cut can be at most, from the times of the blocks."""
        return sum(times) / max(self.times(times))

    def check(self, blocks: int, ranks: int) -> None:
        """Refuse, with a `ValueError`, what does not give each of some ranks its part of some blocks."""
        if self.ranks != ranks:
            raise ValueError(f"the partition {list(self.sizes)} is for {self.ranks} ranks, but there are {ranks}")
        if self.total != blocks:
            raise ValueError(f"the partition {list(self.sizes)} has {self.total} blocks, but the net has {blocks}")


def check_partition(partition: object) -> None:
    """Refuse, with a `ValueError`, what is given for a partition and is neither one nor None."""
    if partition is not None and not isinstance(partition, Partition):
        raise ValueError(f"a partition is given as Partition((2, 1)), blocks of each rank in order, got {partition!r}")


def check_ranks(blocks: int, ranks: int) -> None:
    """Refuse more ranks than blocks: `ValueError`."""
    if not 1 <= ranks <= blocks:
        raise ValueError(f"every rank holds at least one block, so this net takes at most {blocks} ranks, got {ranks}")


def even(blocks: int, ranks: int) -> Partition:
    """Give every rank the same number of blocks, the first ones one more where that does not divide.

    Raises:
        ValueError: more ranks than blocks.
    """
    check_ranks(blocks, ranks)
    return Partition(tuple(blocks // ranks + (rank < blocks % ranks) for rank in range(ranks)))


def balanced(times: Sequence[float], ranks: int) -> Partition:
    """Give the cut whose slowest rank takes the least time; of several such, the one whose other ranks are the most alike.

    Args:
        times: of each block, in any unit.
        ranks: how many.

    Raises:
        ValueError: more ranks than blocks, or times that are not above 0.
    """
    check_ranks(len(times), ranks)
    if not all(0 < time < float("inf") for time in times):
        raise ValueError(f"the time of a block must be above 0, got {list(times)}")

    @cache
    def best(end: int, parts: int) -> tuple[float, float, tuple[int, ...]]:
        """The slowest part, the sum of squares and the sizes of the best cut of the first blocks."""
        if parts == 1:
            whole = sum(times[:end])
            return whole, whole * whole, (end,)
        found = []
        for cut in range(parts - 1, end):
            slowest, squares, sizes = best(cut, parts - 1)
            own = sum(times[cut:end])
            found.append((max(slowest, own), squares + own * own, (*sizes, end - cut)))
        return min(found)

    return Partition(best(len(times), ranks)[2])
