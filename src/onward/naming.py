"""Help with names that are not known: find the nearest one that is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(name: object, known: Iterable[object]) -> str:
    """Give the end of an error sentence, `; did you mean 'x'?`, or nothing if no known name is near."""
    close = get_close_matches(str(name), [str(one) for one in known], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
