"""How many bytes a second a disk takes and gives, by transfers like those of streamed blocks: writing, reading, and both at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from onward.offload import disk


class Rates(NamedTuple):
    """Bytes a second."""

    write: float
    read: float
    both: float


def rates(folder: Path, size: int, count: int = 8) -> Rates:
    """Measure the disk of a folder.

    Args:
        folder: where two files are made, and removed again.
        size: bytes of a transfer.
        count: transfers of each kind.
    """
    size = disk.pages(size)
    one, two = disk.memory(size), disk.memory(size)
    one[:: disk.PAGE] = 1
    written, read = (folder / f"bandwidth-{k}" for k in range(2))

    def write() -> None:
        for _ in range(count):
            disk.write(written, one)
            disk.synchronise(written)

    def fetch() -> None:
        for _ in range(count):
            disk.read(read, two)

    times = []
    try:
        for path in (written, read):
            disk.reserve(path, size)
            disk.write(path, one)
        for tasks in ((write,), (fetch,), (write, fetch)):
            began = time.perf_counter()
            with ThreadPoolExecutor(2) as threads:
                for done in [threads.submit(task) for task in tasks]:
                    done.result()
            times.append(time.perf_counter() - began)
    finally:
        for path in (written, read):
            path.unlink(missing_ok=True)
    return Rates(*(count * size * many / taken for many, taken in zip((1, 1, 2), times, strict=True)))
