"""One cell of a table: when it is missing, when it is a number, and how it is shown in a sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "None", "?"})
"""The texts that stand for a missing value, compared after spaces around them are taken away."""


def clean(text: str) -> str | None:
    """Take away the spaces around a cell's text; None if it stands for a missing value."""
    text = text.strip()
    return None if text in MISSING else text


def number(text: str) -> float | None:
    """Give the finite number that a text spells with ASCII digits and a decimal point, or None."""
    if "_" in text or not text.isascii():  # float() takes 1_000 and the digits of all scripts
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


_OTHERWISE = re.compile(r"[-+]?[$€£]?\s?[-+]?\d[\d.,'\s]*\s?[%$€£]?")


def otherwise(text: str) -> bool:
    """Tell whether a text looks like a number that is written in another way: 0,12 or 1'000 or $1,000 or 3 %."""
    return number(text) is None and _OTHERWISE.fullmatch(text) is not None


def shown(value: object) -> str:
    """Show a value in a sentence: on one line, in quotes if it is text, and cut if it is long."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def listed(values: Iterable[object], most: int) -> str:
    """List values for a sentence, at most so many of them."""
    values = list(values)
    rest = len(values) - most
    return ", ".join(shown(value) for value in values[:most]) + (f" and {rest} more" if rest > 0 else "")
