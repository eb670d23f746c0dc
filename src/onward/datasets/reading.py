"""Bytes from the disk: plain or packed by gzip, told apart by their content, and members of tar archives.

Archives are read where they are; nothing is unpacked onto the disk, so nothing of them can land in a wrong place.
"""

from __future__ import annotations

import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from onward.datasets.errors import DataUnavailable
from onward.datasets.source import File, Found

GZIP = b"\x1f\x8b"
CHUNK = 1 << 20
BROKEN = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, UnicodeError, ValueError)


def files(found: Found) -> list[File]:
    """Read the files of a data set, in the order of its layout's names.

    Raises:
        DataUnavailable: one is damaged, or missing from its archive.
    """
    if not found.archived:
        return [File(unpacked(path.read_bytes(), str(path)), str(path)) for path in found.paths]
    wanted = {name.rpartition("/")[2]: k for k, names in enumerate(found.layout.names) for name in names}
    got: dict[int, File] = {}
    for name, data in members(found.paths[0], lambda name: name.rpartition("/")[2] in wanted):
        got.setdefault(wanted[name.rpartition("/")[2]], File(data, f"{name} in {found.paths[0]}"))
    for k, spellings in enumerate(found.layout.names):
        if k not in got:
            raise DataUnavailable(f"{found.paths[0]} is damaged: expected {spellings[0]} in it, which is missing")
    return [got[k] for k in range(len(got))]


def unpacked(data: bytes, name: str) -> bytes:
    """Give bytes as they are, or unpacked if they are gzip's.

    Raises:
        DataUnavailable: they begin like gzip's, but are damaged.
    """
    if data[:2] != GZIP:
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataUnavailable(f"{name} is damaged: it is no whole gzip file ({error})") from error


def members(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield the names and bytes of those files of a tar archive, packed or not, whose name is wanted.

    Raises:
        DataUnavailable: it is no tar archive, or damaged.
    """
    try:
        with tarfile.open(archive, "r:*") as opened:
            for member in opened:
                if member.isfile() and wanted(member.name):
                    stream = opened.extractfile(member)
                    data = b"" if stream is None else stream.read()
                    if len(data) != member.size:
                        raise DataUnavailable(f"{archive} is damaged: {member.name} in it is cut short")
                    yield member.name, data
            while opened.fileobj is not None and opened.fileobj.read(CHUNK):
                """The check sum of what packs the archive stands at its end."""
    except DataUnavailable:
        raise
    except (*BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of the disk; bz2 and gzip know no better for damage
            raise
        what = " ".join(str(error).split())
        raise DataUnavailable(f"{archive} is damaged: it is no whole tar archive ({what})") from error
