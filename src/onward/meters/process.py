"""What the system gives a process, in bytes: its resident set, and what the allocator of an accelerator handed out.

Unlike the other meters these include the interpreter, libraries, and what allocators keep for later.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def resident_bytes() -> dict[str, int]:
    """Give the resident set now, by what backs it: `anonymous`, `mapped` (files, libraries too), `shared`, and its `peak`.

    Raises:
        OSError: a system that does not tell (only Linux does).
    """
    names = {"RssAnon": "anonymous", "RssFile": "mapped", "RssShmem": "shared", "VmHWM": "peak"}
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines() if ":" in line)
    return {word: 1024 * int(lines[name].split()[0]) for name, word in names.items()}


def restart_peak() -> None:
    """Let the peak of the resident set begin anew, where the system allows it; and that of an accelerator."""
    with suppress(OSError):
        CLEAR.write_text("5")
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def allocator_peak(device: torch.device) -> int:
    """Give the most bytes of tensors that the allocator of an accelerator had handed out at once.

    Raises:
        ValueError: a device without such an allocator.
    """
    if device.type != "cuda":
        raise ValueError(f"only an accelerator's allocator keeps its peak, got {device}; use resident_bytes()")
    return torch.cuda.max_memory_allocated(device)
