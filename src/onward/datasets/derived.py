"""Arrays that were computed of a data set at some cost, kept in the cache beside what was fetched, so that they are computed once.

A file is named by a digest of all that decides its content, and written whole or not at all; one that is damaged, or of another
key, is computed anew and replaced.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from onward.datasets.errors import DataUnavailable
from onward.datasets.source import CACHE, cache_root
from onward.files import atomic

FOLDER = "derived"
KEY = "key"  # the array that holds the key itself

Arrays = Mapping[str, np.ndarray]


def kept(name: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """Give what was computed before for a key, or compute and keep it; without a cache folder it is computed only.

    Args:
        name: what the file is called by, before the digest of the key.
        key: all that decides the arrays, in any form; equal keys must mean equal arrays.
        make: computes them; none may be called "key".

    Raises:
        DataUnavailable: the cache cannot be written, which is seen before anything is computed.
    """
    path = path_of(name, key)
    if path is None:
        return make()
    found = _read(path, key)
    if found is not None:
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataUnavailable(
            f"{path.parent} cannot be made to keep what is computed: {error.strerror or error}; {CACHE} names another folder"
        ) from error
    made = make()
    written = io.BytesIO()
    np.savez(written, allow_pickle=False, **{KEY: np.array(key)}, **made)
    atomic.write(path, written.getvalue())
    return made


def path_of(name: str, key: str) -> Path | None:
    """Tell where the arrays of a key are kept; None where there is no cache folder."""
    cache = cache_root()
    return None if cache is None else cache / FOLDER / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"


def _read(path: Path, key: str) -> Arrays | None:
    """Give the arrays of a file that is there, whole and of this key; otherwise None."""
    if not path.is_file():
        return None
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except Exception:  # whatever a damaged archive raises, its content can be computed again
        return None
    return found if str(found.pop(KEY, "")) == key else None
