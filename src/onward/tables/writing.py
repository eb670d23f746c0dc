"""Write columns as CSV that `read_csv` and spreadsheets read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from onward.tables.cells import shown
from onward.tables.table import TableError


@runtime_checkable
class Stream(Protocol):
    """What text can be written to."""

    def write(self, text: str, /) -> object:
        """Write."""


def to_csv(columns: Mapping[str, Sequence[Any] | np.ndarray], stream: Stream) -> None:
    r"""Write columns with a header, parted by commas, a line a row ended by `\n`; open files with `newline=""`.

    None becomes an empty field; a number is written so that it reads back exactly. Nothing is written if anything is
    refused.

    Raises:
        TableError: no columns, a column without a name, columns of different lengths, or a value that is neither text,
            a number nor None.
    """
    if not columns:
        raise TableError("a CSV file needs at least one column, got none")
    rows = len(next(iter(columns.values())))
    for name, values in columns.items():
        if not name.strip():
            raise TableError(f"a column of a CSV file needs a name, got {name!r}")
        if len(values) != rows:
            raise TableError(f"column {shown(name)} has {len(values)} values where the first column has {rows}")
    alone = len(columns) == 1
    lines = [[_field(name, alone) for name in columns]]
    fields = [[_field(_text(name, value), alone) for value in values] for name, values in columns.items()]
    lines += [list(row) for row in zip(*fields, strict=True)]
    stream.write("".join(",".join(line) + "\n" for line in lines))


def _text(column: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str | bool | int | float | np.bool_ | np.integer | np.floating):
        return str(value)
    raise TableError(f"column {shown(column)} holds {shown(value)}; expected text, numbers or None")


def _field(text: str, alone: bool) -> str:
    # a lone empty field would be a blank line; semicolons and tabs could be taken for the delimiter
    special = any(mark in text for mark in '",;\t\r\n') or text != text.strip() or text.startswith("\ufeff")
    if special or (alone and not text):
        return '"' + text.replace('"', '""') + '"'
    return text
