"""Data sets that are not on the disk are fetched from the official host, and believed only if their hash is the known one.

A file is written under a temporary name in the cache and takes its own only when its hash was right, so that whatever has
its name is whole.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from onward.datasets.errors import DataUnavailable
from onward.datasets.source import CACHE, FOLDER, Content, Found, Remote, Source, cache_folder, find, own_folder

PATIENCE = 30.0  # seconds without a byte after which a host counts as silent


def obtain(source: Source[Content]) -> Found[Content]:
    """Give the files of a data set; fetch them if they are not there.

    Raises:
        DataUnavailable: they are neither here nor to be fetched.
    """
    found = find(source)
    return fetch(source) if found is None else found


def fetch(source: Source[Content]) -> Found[Content]:
    """Fetch a data set into the cache; a file that is there and has the known hash is kept.

    Raises:
        DataUnavailable: the host is out of reach, the transfer breaks, the hash is wrong, or the cache cannot be written.
    """
    folder = cache_folder(source)
    if folder is None or find_spec("pooch") is None:
        raise DataUnavailable(f"{missing(source)}; fetching needs pooch, which pip install 'onward[app]' brings")
    for remote in source.remotes:
        _fetch(source, remote, folder)
    found = find(source)
    if found is None:
        raise DataUnavailable(f"{missing(source)}; what was fetched into {folder} has other names than are known")
    return found


def missing(source: Source[Content]) -> str:
    """Say what of a data set was looked for, and where."""
    first, *others = source.layouts[0].names
    own, cached = own_folder(), cache_folder(source)
    files = first[0] + (f" and {len(others)} more" if others else "")
    places = [f"{own} ({FOLDER})" if own else f"no folder of yours, as {FOLDER} is not set"]
    places += [f"the cache {cached}"] if cached else []
    return f"{source.title} is not here: looked for {files} in {', and in '.join(places)}"


def _fetch(source: Source[Content], remote: Remote, folder: Path) -> None:
    import pooch
    import requests

    target = folder / remote.file
    try:
        with _quiet(pooch.get_logger()), _progress(f"{source.title}: {remote.file}") as bar:
            downloader: Any = pooch.HTTPDownloader(progressbar=bar, timeout=PATIENCE)
            pooch.retrieve(remote.url, remote.hash, fname=target.name, path=target.parent, downloader=downloader)
    except requests.exceptions.HTTPError as error:
        why = f"the host answered {getattr(error.response, 'status_code', 'with an error')}"
    except requests.exceptions.Timeout:
        why = f"the host was silent for {PATIENCE:g} s"
    except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
        why = "the transfer broke off"
    except requests.exceptions.ConnectionError:
        why = "the connection failed"
    except requests.exceptions.RequestException as error:
        why = str(error)
    except OSError as error:
        raise DataUnavailable(
            f"{source.title} cannot be written to {folder}: {error.strerror or error}; {CACHE} names another folder"
        ) from error
    except ValueError:
        why = f"what came is not the file of the known hash {remote.hash}, and was thrown away"
    else:
        return
    raise DataUnavailable(
        f"{missing(source)}, and {remote.url} could not be fetched ({why}); try again, or put the files into a folder that "
        f"{FOLDER} names"
    )


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep what pooch says of files and hashes to itself; what goes wrong is said once, by us."""
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Bar:
    """What pooch tells of a transfer, shown by rich."""

    def __init__(self, bars: Any, words: str) -> None:
        self._bars = bars
        self._task = bars.add_task(words, total=None)

    @property
    def total(self) -> int:
        return self._bars.tasks[0].total or 0

    @total.setter
    def total(self, size: int) -> None:
        self._bars.update(self._task, total=size or None)

    def update(self, size: int) -> None:
        self._bars.update(self._task, advance=size)

    def reset(self) -> None:
        self._bars.reset(self._task, total=self.total or None)

    def close(self) -> None:
        """The bar ends with the block around it."""


@contextmanager
def _progress(words: str) -> Iterator[Any]:
    """Give a bar on the standard error, or none where it is no terminal."""
    try:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
    except ModuleNotFoundError:
        yield False
        return
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    if not console.is_terminal:
        yield False
        return
    with Progress(*columns, console=console) as bars:
        yield _Bar(bars, words)
