"""Every data set by name: what it is, and whether it is here, comes along, or has to be fetched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from onward.datasets.errors import DataUnavailable
from onward.datasets.fetching import fetch
from onward.datasets.source import Source, find, own_folder
from onward.datasets.sources import SOURCES
from onward.naming import suggest

BROUGHT_ALONG = {
    "iris": "150 flowers, 4 features, 3 classes",
    "breast-cancer": "569 tumours, 30 features, 2 classes",
    "digits": "1797 pictures of 8 x 8, 10 classes",
    "wine": "178 wines, 13 features, 3 classes",
}


@dataclass(frozen=True)
class Entry:
    """A data set in the listing.

    Attributes:
        name: what it is fetched by.
        about: what it holds.
        place: where it is, in words; of one that is not here, how it is got and how large that is.
        here: whether its files are; those that were fetched or put there are not read for the listing, so they may be damaged.
        read: whether they are known to be good.
    """

    name: str
    about: str
    place: str
    here: bool
    read: bool = False


def entries() -> list[Entry]:
    """List all data sets, those that may have to be fetched first.

    Raises:
        DataUnavailable: ONWARD_DATA names no folder.
    """
    own_folder()
    brought = [Entry(name, about, "comes with scikit-learn", here=True, read=True) for name, about in BROUGHT_ALONG.items()]
    return [_entry(source) for source in SOURCES.values()] + brought


def get(name: str) -> Path:
    """Fetch a data set by name, unless the folder that ONWARD_DATA names has it; read it, and give where it is.

    What the cache has already is checked by hash, and fetched anew if it is damaged; the user's own files are left as
    they are.

    Raises:
        DataUnavailable: it cannot be fetched, or a file of the user's own is damaged.
        ValueError: there is no such data set to fetch.
    """
    source = fetchable(name)
    found = find(source)
    if found is None or found.place != own_folder():
        found = fetch(source)
    found.read()
    return found.where


def fetchable(name: str) -> Source[Any]:
    """Give a data set that can be fetched.

    Raises:
        ValueError: there is none of that name.
    """
    if name in BROUGHT_ALONG:
        raise ValueError(f"{name} comes with scikit-learn; there is nothing to fetch")
    if name not in SOURCES:
        raise ValueError(f"unknown data set {name!r}, expected one of {', '.join(SOURCES)}{suggest(name, SOURCES)}")
    return SOURCES[name]


def _entry(source: Source) -> Entry:
    try:
        found = find(source)
    except DataUnavailable as error:
        return Entry(source.name, source.about, str(error), here=False)
    if found is not None:
        return Entry(source.name, source.about, str(found.where), here=True)
    size = sum(remote.size for remote in source.remotes) / 1e6
    host = urlsplit(source.remotes[0].url).hostname
    return Entry(source.name, source.about, f"{size:.0f} MB from {host}", here=False)
