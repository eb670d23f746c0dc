"""Threads that a rule keeps for parts of its work that have nothing to do with each other.

To start threads costs, beside a small gradient, so they stay from step to step.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import torch

Part = TypeVar("Part")
Found = TypeVar("Found")


class Workers:
    """So many threads, each with one thread of PyTorch: started when there is work for them, ended when nobody holds the object any more.

    A copy starts threads of its own, and so does the same object in a forked process, where those of the parent are not.

    Attributes:
        threads: how many; with one, the caller's thread does the work.
    """

    def __init__(self, threads: int) -> None:
        """Take note of the number; nothing is started yet."""
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._process = 0

    def __reduce__(self) -> tuple[type[Workers], tuple[int]]:
        return Workers, (self.threads,)

    def map(self, work: Callable[[Part], Found], parts: Sequence[Part]) -> Iterator[Found]:
        """Do the work of every part, several at the same time; give what is found in the order of the parts."""
        if self.threads == 1 or len(parts) == 1:
            return map(work, parts)
        if self._pool is None or self._process != os.getpid():
            self._pool, self._process = _started(self.threads), os.getpid()
        return self._pool.map(work, parts)


class AsPyTorch:
    """As many workers of one thread each as PyTorch has threads where the work is asked for.

    For small operations that is quicker than several threads for each operation.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._workers = Workers(1)

    def map(self, work: Callable[[Part], Found], parts: Sequence[Part]) -> Iterator[Found]:
        """Do the work of every part, several at the same time; give what is found in the order of the parts."""
        threads = torch.get_num_threads()
        if threads == 1:  # also within threads of a `Workers`
            return map(work, parts)
        if threads != self._workers.threads:
            self._workers = Workers(threads)
        return self._workers.map(work, parts)


def _started(threads: int) -> ThreadPoolExecutor:
    """Start all threads; when this returns, none of them will change the number of threads of others any more."""
    before, together = torch.get_num_threads(), Barrier(threads)
    pool = ThreadPoolExecutor(threads, "onward-part", initializer=_on_one_thread)
    try:
        list(pool.map(lambda _: together.wait(), range(threads)))
    except BaseException:
        together.abort()
        pool.shutdown(wait=False)
        raise
    finally:
        torch.set_num_threads(before)  # which is also what threads begin with that are started later
    return pool


def _on_one_thread() -> None:
    torch.get_num_threads()  # a thread takes over the number of others when it first asks, and must not do so later
    torch.set_num_threads(1)
