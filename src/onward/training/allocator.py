"""What the C library does with the memory that tensors on the CPU have freed: keep it, or give it back to the system.

Where a fresh page is dear, as in many virtual machines, a large activity otherwise costs more to have than to compute, so keeping is faster; giving back keeps
what is resident at what is held.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

MOST_MAPS, TRIM_ABOVE, MOST_ARENAS = -4, -1, -8  # M_MMAP_MAX, M_TRIM_THRESHOLD and M_ARENA_MAX of glibc's malloc.h
NEVER = 2**31 - 1
LARGE = 2**20  # bytes


def keep_freed_memory() -> bool:
    """Have the process keep what it frees, from now on; give whether the C library is one that can.

    The resident set then stays at its peak. Results do not change.
    """
    try:
        library = ctypes.CDLL(None)
        settings = ((MOST_MAPS, 0), (TRIM_ABOVE, NEVER), (MOST_ARENAS, 1))  # threads share what is kept
        return all(library.mallopt(name, value) for name, value in settings)
    except (OSError, AttributeError, TypeError):
        return False


def give_back(size: int) -> None:
    """Give memory that was freed back to the system after a block of a size in bytes, where the C library can (glibc).

    After small blocks it stays, as giving it back takes longer than they do.
    """
    trim = _trim()
    if trim is not None and size >= LARGE:
        trim(0)


@lru_cache(1)
def _trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # another C library
        return None
