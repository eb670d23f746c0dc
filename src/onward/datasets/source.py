"""Where the files of a data set may lie, and finding them: the user's folder first, then the cache.

A `Source` is a frozen value, so that a test, or a mirror, can stand in for the official one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from onward.datasets.errors import DataUnavailable

FOLDER, CACHE = "ONWARD_DATA", "ONWARD_CACHE"

Content = TypeVar("Content")


class File(NamedTuple):
    """A file in memory: its bytes, unpacked, and what messages call it."""

    data: bytes
    name: str


@dataclass(frozen=True)
class Remote:
    """A file on the official host, or on a mirror that its makers name.

    Attributes:
        url: address.
        file: name in the cache, relative to the folder of the data set.
        hash: `algorithm:digest` of the whole file.
        size: in bytes, for the listing; the hash decides.
    """

    url: str
    file: str
    hash: str
    size: int


@dataclass(frozen=True)
class Layout(Generic[Content]):
    """One way in which the files of a data set lie in a place.

    Attributes:
        names: the files (or folders) needed, in the order in which `read` wants them; each as its possible spellings.
        folders: where they may lie together, relative to the place.
        archives: tar files that may hold them instead, relative to the place.
        read: makes the content of what was found.
    """

    names: tuple[tuple[str, ...], ...]
    read: Callable[[Found[Content]], Content]
    folders: tuple[str, ...] = ("",)
    archives: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source(Generic[Content]):
    """A data set that is found on the disk, or else fetched.

    Attributes:
        name: on the command line, and of its folder in the cache.
        title: in messages and reports.
        about: what it holds, in a few words.
        layouts: tried in this order in every place.
        remotes: what is fetched; in the cache it lies as one of the layouts.
    """

    name: str
    title: str
    about: str
    layouts: tuple[Layout[Content], ...]
    remotes: tuple[Remote, ...]


@dataclass(frozen=True)
class Found(Generic[Content]):
    """Files of a data set that are there.

    Attributes:
        name: of the data set, on the command line.
        title: in messages.
        place: the user's folder, or the data set's in the cache.
        layout: how the files lie in it.
        paths: one a name of the layout, or the one archive that holds them all.
        archived: whether it is an archive.
    """

    name: str
    title: str
    place: Path
    layout: Layout[Content]
    paths: tuple[Path, ...]
    archived: bool = False

    @property
    def where(self) -> Path:
        """The archive, or the folder that all files are in."""
        return self.paths[0] if self.archived else Path(os.path.commonpath([path.parent for path in self.paths]))

    def stamps(self) -> tuple[tuple[int, int], ...]:
        """When each file was changed last, and its size: what was read before holds as long as these are the same.

        Raises:
            DataUnavailable: a file is gone.
        """
        try:
            told = [path.stat() for path in self.paths]
        except OSError as error:
            raise DataUnavailable(f"{self.title} cannot be read from {self.where}: {error.strerror or error}") from error
        return tuple((one.st_mtime_ns, one.st_size) for one in told)

    def read(self) -> Content:
        """Read and decode the files.

        Raises:
            DataUnavailable: they are damaged, or cannot be read; the sentence says how good ones are got.
        """
        try:
            return self.layout.read(self)
        except DataUnavailable as error:
            raise DataUnavailable(f"{error}; {self._remedy()}") from error
        except OSError as error:
            raise DataUnavailable(f"{self.title} cannot be read from {self.where}: {error.strerror or error}") from error

    def _remedy(self) -> str:
        fetch = f"`onward data --fetch {self.name}` fetches a good one"
        if self.place != own_folder():
            return f"remove it, and {fetch}"
        return f"put a good copy into its place, or take the data set out of the folder that {FOLDER} names, and {fetch}"


def find(source: Source[Content]) -> Found[Content] | None:
    """Give the files of a data set: those in the folder that ONWARD_DATA names, else those in the cache, else None.

    Raises:
        DataUnavailable: ONWARD_DATA names no folder, or one that holds the data set in part; a place cannot be looked at.
    """
    own, cached = own_folder(), cache_folder(source)
    for place in (own, cached):
        for layout in source.layouts if place is not None else ():
            found = _find_in(place, layout, source)
            if found is not None:
                return found
        if own is not None and place == own:
            _refuse_part(own, source)
    return None


def own_folder() -> Path | None:
    """The folder that the environment variable ONWARD_DATA names; None without one.

    Raises:
        DataUnavailable: what it names is not there, or no folder.
    """
    named = os.environ.get(FOLDER)
    if not named:
        return None
    folder = Path(named).expanduser()
    if not _is_there(folder) or not folder.is_dir():
        what = "a file" if _is_there(folder) else "not there"
        raise DataUnavailable(
            f"{FOLDER} names {folder}, which is {what}; expected the folder that your data sets lie in, or no {FOLDER} at all"
        )
    return folder


def cache_folder(source: Source[Content]) -> Path | None:
    """The folder of a fetched data set: below ONWARD_CACHE, or the user's cache folder; None where pooch is missing."""
    cache = cache_root()
    return None if cache is None else cache / source.name


def cache_root() -> Path | None:
    """The folder that holds what was fetched or computed: ONWARD_CACHE, or the user's cache folder; None where pooch is missing."""
    named = os.environ.get(CACHE)
    if named:
        return Path(named).expanduser()
    try:
        import pooch
    except ModuleNotFoundError:
        return None
    return Path(pooch.os_cache("onward"))


def _find_in(place: Path | None, layout: Layout[Content], source: Source[Content]) -> Found[Content] | None:
    if place is None:
        return None
    for folder in layout.folders:
        paths = [_first(place / folder, spellings) for spellings in layout.names]
        whole = [path for path in paths if path is not None]
        if len(whole) == len(paths):
            return Found(source.name, source.title, place, layout, tuple(whole))
    archive = _first(place, layout.archives)
    return None if archive is None else Found(source.name, source.title, place, layout, (archive,), archived=True)


def _refuse_part(own: Path, source: Source[Content]) -> None:
    """Refuse a folder of the user's that holds some files of a data set but not all; the fullest is named."""
    parts: list[tuple[int, Path, list[str]]] = []
    for layout in source.layouts:
        for folder in layout.folders:
            lacking = [names[0] for names in layout.names if _first(own / folder, names) is None]
            if len(lacking) < len(layout.names):
                parts.append((len(layout.names) - len(lacking), own / folder, lacking))
    if parts:
        _, folder, lacking = max(parts, key=lambda part: part[0])
        raise DataUnavailable(
            f"{source.title} is in {folder} only in part: {', '.join(lacking)} not found; put what is missing there, or take the "
            f"rest out of the folder that {FOLDER} names, and `onward data --fetch {source.name}` fetches all"
        )


def _first(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if _is_there(folder / name)), None)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise DataUnavailable(f"{path} cannot be looked at: {error.strerror or error}") from error
    return True
