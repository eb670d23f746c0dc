"""Bytes to and from files past the page cache: memory that is aligned, files whose room is reserved, reads and writes in full.

With `O_DIRECT` a transfer goes straight between the disk and the buffer, so that it costs no second copy and its speed is
the disk's; where a file system refuses that, the cache is used and emptied behind each transfer.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from onward.files.atomic import WriteFailed
from onward.files.sealed import FileDamaged

PAGE = 4096
DIRECT = getattr(os, "O_DIRECT", 0)


def pages(size: int) -> int:
    """Round bytes up to whole pages."""
    return -(-size // PAGE) * PAGE


def memory(size: int) -> Tensor:
    """Give page-aligned bytes of this process alone, `uint8`; pages that were never touched take no memory."""
    return torch.frombuffer(
        mmap.mmap(-1, max(pages(size), PAGE), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), dtype=torch.uint8
    )


def reserve(path: Path, size: int) -> None:
    """Make a file of at least so many bytes that the disk will not lack later; what is in it stays.

    Raises:
        WriteFailed: the disk is full, or the file cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "it is not a file")
            if status.st_size < size:
                getattr(os, "posix_fallocate", _lengthen)(descriptor, 0, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise failed(error, f"{path} cannot be given {size:,} bytes") from error


def write(path: Path, bytes_: Tensor) -> None:
    """Write whole pages to the beginning of a file; they are safe only after `synchronise`.

    Raises:
        WriteFailed: the disk is full or broken.
    """
    try:
        _transfer(path, bytes_, os.O_WRONLY, os.pwritev)
    except OSError as error:
        raise failed(error, f"{path} cannot be written") from error


def read(path: Path, bytes_: Tensor) -> None:
    """Read whole pages from the beginning of a file.

    Raises:
        FileDamaged: it is missing, cut short, or cannot be read.
    """
    try:
        _transfer(path, bytes_, os.O_RDONLY, os.preadv)
    except FileNotFoundError:
        raise FileDamaged(f"{path} was not found") from None
    except EOFError:
        raise FileDamaged(f"{path} is truncated: expected at least {len(bytes_):,} bytes") from None
    except OSError as error:
        raise FileDamaged(f"{path} cannot be read: {error.strerror}") from error


def synchronise(path: Path) -> None:
    """Bring what was written to a file onto the disk, so that it survives a power failure.

    Raises:
        WriteFailed: the disk cannot.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.fdatasync(descriptor)
            _forget(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise failed(error, f"{path} cannot be brought onto the disk") from error


def synchronise_folder(folder: Path) -> None:
    """Make the names of new files in a folder last.

    Raises:
        WriteFailed: the disk cannot.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):  # some file systems do not synchronise folders
            raise failed(error, f"{folder} cannot be brought onto the disk") from error
    finally:
        os.close(descriptor)


def failed(error: OSError, words: str) -> WriteFailed:
    """Say in a sentence what could not be written, and that nothing is lost by it."""
    failure = WriteFailed(f"{words}: {error.strerror or error}; what was committed is unchanged")
    failure.errno = error.errno
    return failure


def _transfer(path: Path, bytes_: Tensor, flags: int, call: Callable[[int, list[memoryview], int], int]) -> None:
    """Move all bytes, directly if the file system can; `EOFError` if the file ends before."""
    whole = bytes_.numpy().data
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor, direct = os.open(path, flags | DIRECT), bool(DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        descriptor, direct = os.open(path, flags), False
    try:
        done = 0
        while done < len(whole):
            try:
                moved = call(descriptor, [whole[done:]], done)
            except OSError as error:
                if error.errno != errno.EINVAL or not direct:
                    raise
                through_cache = os.open(path, flags)
                os.close(descriptor)
                descriptor, direct = through_cache, False
                continue
            if not moved:
                raise EOFError
            done += moved
        if not direct:
            _forget(descriptor)
    finally:
        os.close(descriptor)


def _lengthen(descriptor: int, start: int, size: int) -> None:
    """Make a file longer where room cannot be reserved."""
    os.ftruncate(descriptor, start + size)


def _forget(descriptor: int) -> None:
    """Drop a file from the page cache; what is not on the disk yet stays."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
