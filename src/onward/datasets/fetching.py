"""Data sets that are not on the disk are fetched from the official host, and believed only if their hash is the known one."""

from __future__ import annotations

from onward.datasets.errors import DataUnavailable
from onward.datasets.source import Content, Found, Source, find


def obtain(source: Source[Content]) -> Found[Content]:
    """Give the files of a data set; fetch them if they are not there.

    Raises:
        DataUnavailable: they cannot be had.
    """
    found = find(source)
    if found is None:
        raise DataUnavailable(f"{source.title} is not here")
    return found
