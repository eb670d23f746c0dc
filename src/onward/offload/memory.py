"""How much memory this process has had resident at the most, its own pages and those of files that it has mapped; and less of it.

The C library keeps memory that was freed, in ever more pieces while blocks come and go. Given back after each large block,
what is resident is what is held, whatever the depth.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any

LARGE = 2**20  # bytes
STATUS = Path("/proc/self/status")


def peak_resident() -> int:
    """Give the peak resident set since the process began, in bytes: anonymous, shared and mapped pages (`VmHWM` of Linux).

    Raises:
        ValueError: the system does not tell.
    """
    return _of("VmHWM")


def resident() -> dict[str, int]:
    """Give the resident set now, in bytes, by kind of page: `anonymous`, `mapped` files, `shared` memory.

    Raises:
        ValueError: the system does not tell.
    """
    return {name: _of(key) for name, key in (("anonymous", "RssAnon"), ("mapped", "RssFile"), ("shared", "RssShmem"))}


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


def _of(key: str) -> int:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"this system does not tell its memory: {STATUS} has no {key}")
