"""Write a file whole or not at all.

The bytes go into a hidden file beside it, reach the disk, and take its name in one step, so that whoever reads the name
at any moment, even after the writer was killed, finds the old file or the new one and never a part of either.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

ENDING = ".part"

Bytes = bytes | bytearray | memoryview

CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)  # some file systems do not synchronise folders


class WriteFailed(OSError):
    """A file could not be written; the message is one sentence, `errno` tells the cause."""


def write(path: str | os.PathLike[str], data: bytes | Iterable[Bytes]) -> None:
    """Write a file so that it is there whole, on the disk, or as it was before.

    A symbolic link is followed. A new file gets the permissions that the umask leaves, a replaced one keeps its own. A
    process that is killed while it writes leaves a hidden `.part` file behind, which is in nobody's way.

    Args:
        path: where; its folder must be there.
        data: the bytes, or pieces of them. An error in making a piece is passed on, and the file is as before.

    Raises:
        WriteFailed: the disk is full, the folder is missing or read-only, or the path is no file.
    """
    final = Path(os.path.realpath(path))
    replaced: os.stat_result | None = None
    try:
        with suppress(FileNotFoundError):
            replaced = final.stat()
        if replaced is not None and not stat.S_ISREG(replaced.st_mode):
            kind = "a folder" if stat.S_ISDIR(replaced.st_mode) else "not a file"
            raise _failure(errno.EISDIR, f"{path} cannot be written: it is {kind}")
        pieces: Iterable[Bytes] = [data] if isinstance(data, bytes) else data
        _replace(final, pieces, replaced)
    except WriteFailed:
        raise
    except OSError as error:
        rest = "no file was made" if replaced is None else "the file that was there is unchanged"
        raise _failure(error.errno, f"{path} cannot be written: {_cause(error)}; {rest}") from error
    try:
        _synchronise(final.parent)
    except OSError as error:
        words = f"{path} was written, but may not survive a power failure: {_cause(error)}"
        raise _failure(error.errno, words) from error


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove what killed writers left in a folder; to be called only by whoever is its one writer (`lock.exclusive`)."""
    for part in Path(folder).glob(f".{'[0-9a-f]' * 16}{ENDING}"):
        part.unlink(missing_ok=True)


def _replace(final: Path, pieces: Iterable[Bytes], replaced: os.stat_result | None) -> None:
    """Write a hidden file beside the final one and give it its name; on any error remove it."""
    part = final.with_name(f".{secrets.token_hex(8)}{ENDING}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(part, flags, 0o666)
    try:
        try:
            if replaced is not None:
                _keep_permissions(descriptor, replaced)
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(final)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _keep_permissions(descriptor: int, replaced: os.stat_result) -> None:
    mode = stat.S_IMODE(replaced.st_mode) & 0o777
    if hasattr(os, "fchmod") and stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
        os.fchmod(descriptor, mode)


def _synchronise(folder: Path) -> None:
    """Make a new name in a folder last, where folders can be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in CANNOT_SYNC:
            raise
    finally:
        os.close(descriptor)


def _cause(error: OSError) -> str:
    return error.strerror or str(error)


def _failure(number: int | None, sentence: str) -> WriteFailed:
    failure = WriteFailed(sentence)
    failure.errno = number
    return failure
