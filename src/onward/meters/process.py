"""What the system gives a process, in bytes: its resident set, and what the allocator of an accelerator handed out.

Unlike the other meters these include the interpreter, libraries, and what allocators keep for later.
"""

from __future__ import annotations

from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
MEMORY = Path("/proc/meminfo")


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


def available() -> int | None:
    """Give the bytes of memory that a program could take now without swapping (`MemAvailable` of Linux); None if the system does not tell."""
    try:
        return _kibibytes(MEMORY, "MemAvailable")
    except ValueError:
        return None


def allocator_peak(device: torch.device) -> int:
    """Give the most bytes of tensors that the allocator of an accelerator had handed out at once.

    Raises:
        ValueError: a device without such an allocator.
    """
    if device.type != "cuda":
        raise ValueError(f"only an accelerator's allocator keeps its peak, got {device}; use peak_resident()")
    return torch.cuda.max_memory_allocated(device)


def _of(key: str) -> int:
    return _kibibytes(STATUS, key)


def _kibibytes(path: Path, key: str) -> int:
    """Read a line like `VmHWM: 12 kB`, in bytes."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"this system does not tell its memory: {path} has no {key}")
