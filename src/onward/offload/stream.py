"""Blocks on their way from and to the disk while others are computed: read ahead and written behind, with few buffers.

One thread reads and one writes; there are as many buffers as may be read ahead and written behind, and one for the block that
is computed, whatever the depth of the net.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import NamedTuple

from torch import Tensor

from onward.offload import disk
from onward.offload.store import Store


class _Coming(NamedTuple):
    """A block that is being read."""

    block: int
    whole: bool
    memory: Tensor
    read: Future[None]


class Stream:
    """Gives the blocks of a store one after another, expecting them in order and from the first again after the last.

    Attributes:
        store: the blocks.
        digesting: whether what is written is digested.
        waited: seconds in which there was nothing to do but to wait for the disk.
    """

    def __init__(self, store: Store, *, ahead: int, behind: int) -> None:
        """Make buffers of the largest block, and threads.

        Raises:
            ValueError: blocks ahead or behind below 0.
        """
        for name, number in (("ahead", ahead), ("behind", behind)):
            if type(number) is not int or number < 0:
                raise ValueError(f"{name} must be a whole number of blocks from 0, got {number!r}")
        self.store = store
        self.digesting = False
        self.waited = 0.0
        self._ahead = ahead
        size = max(layout.bytes for layout in store.layouts)
        self._free = [disk.memory(size) for _ in range(ahead + 1 + behind)]
        self._leaving: deque[tuple[Tensor, Future[None]]] = deque()  # buffers that are free when they are written
        self._writes: deque[tuple[int, Future[None]]] = deque()
        self._held: _Coming | None = None
        self._coming: deque[_Coming] = deque()
        self._reader = ThreadPoolExecutor(1, "onward-reads-ahead")
        self._writer = ThreadPoolExecutor(1, "onward-writes-behind")

    def take(self, block: int, *, whole: bool) -> Tensor:
        """Give the buffer with a block in it, the optimiser's state too if it is wanted whole; one at a time.

        Raises:
            FileDamaged: it is not as it was written.
            WriteFailed: an earlier block could not be written.
        """
        assert self._held is None, "a block is still held"  # noqa: S101
        if self._coming and (self._coming[0].block, self._coming[0].whole) != (block, whole):
            self._forget()
        if not self._coming:
            self._submit(block, whole)
        coming = self._coming[0]
        self._wait(coming.read)
        self._held = self._coming.popleft()
        self._expect(coming)
        return coming.memory

    def give(self, *, changed: bool) -> None:
        """Give the buffer back; what was changed in it is written while other blocks are computed."""
        held, self._held = self._held, None
        assert held is not None, "no block is held"  # noqa: S101
        if changed:
            self.store.move(held.block, held.memory)
            write = self._writer.submit(self.store.write, held.block, held.memory, digest=self.digesting)
            self._writes = deque((block, one) for block, one in self._writes if not _fine(one))
            self._writes.append((held.block, write))
            self._leaving.append((held.memory, write))
        else:
            self._free.append(held.memory)
        self._expect(held)

    def drain(self) -> None:
        """Wait until all that was given is written.

        Raises:
            WriteFailed: something could not be.
        """
        for _, write in self._writes:
            self._wait(write)
        self._writes.clear()

    def check(self) -> None:
        """Compare every block with its digests now.

        Raises:
            FileDamaged: a block is not as it was written.
            WriteFailed: something could not be written.
        """
        self.drain()
        self._forget()
        self._free.extend(memory for memory, _ in self._leaving)
        self._leaving.clear()
        self.store.check(self._free[0])

    def close(self) -> None:
        """End the threads; what was not committed is given up."""
        self._reader.shutdown(cancel_futures=True)
        self._writer.shutdown(cancel_futures=True)

    def _expect(self, after: _Coming) -> None:
        """Read the blocks after one ahead, as far as there are buffers that are free or become so."""
        while len(self._coming) < self._ahead and (self._free or self._leaving):
            block = ((self._coming[-1] if self._coming else after).block + 1) % len(self.store.layouts)
            under_way = [*self._coming, *([] if self._held is None else [self._held])]
            if any(one.block == block for one in under_way):  # it changes before it comes again
                return
            self._submit(block, after.whole)

    def _submit(self, block: int, whole: bool) -> None:
        """Have a block read when its own last write has ended, and that of the buffer."""
        before = [write for number, write in self._writes if number == block]
        if self._free:
            memory = self._free.pop()
        else:
            memory, write = self._leaving.popleft()
            before.append(write)
        self._coming.append(_Coming(block, whole, memory, self._reader.submit(self._read, block, whole, memory, before)))

    def _read(self, block: int, whole: bool, memory: Tensor, before: list[Future[None]]) -> None:
        for write in before:
            write.result()
        self.store.read(block, memory, whole=whole)

    def _forget(self) -> None:
        """Give up what was read ahead."""
        wait([coming.read for coming in self._coming])
        self._free.extend(coming.memory for coming in self._coming)
        self._coming.clear()

    def _wait(self, future: Future[None]) -> None:
        began = time.perf_counter()
        try:
            future.result()
        finally:
            self.waited += time.perf_counter() - began


def _fine(write: Future[None]) -> bool:
    return write.done() and write.exception() is None
