"""One writer a folder: a lock that the kernel holds, and lets go of when its holder dies."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a Unix
    fcntl = None

NAME = ".lock"


class FolderBusy(ValueError):
    """Another run writes into the folder."""


@contextmanager
def exclusive(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a folder while the block runs; no other process, and no other block of this one, can hold it meanwhile.

    The lock is on the file `.lock` in the folder, which holds the holder's process number and stays behind, unlocked. It
    is advice: only those who ask for it are kept out. Processes forked inside the block share the lock, so after the
    holder was killed it lasts until they end too. Where the system has no `flock` (Windows), nothing is locked and a
    `RuntimeWarning` says so.

    Args:
        folder: a folder that is there.

    Raises:
        FolderBusy: it is held already; the sentence names the holder.
        ValueError: it is missing, read-only, or on a file system without locks.
    """
    if fcntl is None:
        warnings.warn(f"{folder} is not locked, as this system has no flock", RuntimeWarning, stacklevel=3)
        yield
        return
    holder = os.getpid()
    try:
        descriptor = os.open(Path(folder) / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise ValueError(f"{folder} cannot be locked: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(holder).encode(), 0)
        except BlockingIOError:
            raise FolderBusy(
                f"{folder} is in use by {_holder(descriptor)}; wait until it has ended, or choose another folder"
            ) from None
        except OSError as error:
            raise ValueError(f"{folder} cannot be locked: {error.strerror}") from error
        try:
            yield
        finally:
            if os.getpid() == holder:  # a forked child that leaves the block must not free its parent's folder
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """Name the process that holds the lock; its number may not be written yet."""
    text = os.pread(descriptor, 20, 0)
    return f"process {int(text)}" if text.isdigit() else "another process"
