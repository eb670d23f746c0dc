"""Lets the C library keep the memory that tensors on the CPU have freed, instead of giving it back to the system each time.

Where a fresh page is dear, as in many virtual machines, a large activity otherwise costs more to have than to compute.
"""

from __future__ import annotations

import ctypes

MOST_MAPS, TRIM_ABOVE, MOST_ARENAS = -4, -1, -8  # M_MMAP_MAX, M_TRIM_THRESHOLD and M_ARENA_MAX of glibc's malloc.h
NEVER = 2**31 - 1


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
