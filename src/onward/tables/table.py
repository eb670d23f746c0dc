"""A table as it was found: columns of text, in order, with None where a value is missing.

What the columns mean is not known yet; `Schema` learns that. Every row remembers the line of the file that it came
from, so that whatever is wrong with a value later on can be said with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from onward.naming import suggest
from onward.tables.cells import clean, shown


class TableError(ValueError):
    """A table, or a file that should hold one, is not what was expected; one sentence with the place and the value."""


@dataclass(frozen=True)
class Table:
    """Columns of text of equal length.

    Attributes:
        name: of the file, for sentences.
        columns: the values of every column by its name, in order; None where a value is missing.
        lines: where every row starts in the file, counted from 1.
        unit: what `lines` counts: the lines of a file, or the rows of data that came from no file (from 0).

    Raises:
        TableError: no column, columns of different lengths, or a column without a name.
    """

    name: str
    columns: Mapping[str, tuple[str | None, ...]]
    lines: tuple[int, ...]
    unit: str = "line"

    def __post_init__(self) -> None:
        if not self.columns:
            raise TableError(f"{self.name} has no columns")
        for name, values in self.columns.items():
            if not name.strip():
                raise TableError(f"{self.name} has a column without a name, {name!r}")
            if len(values) != len(self.lines):
                raise TableError(f"column {shown(name)} of {self.name} has {len(values)} values for {self.rows} rows")

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.lines)

    def place(self, row: int) -> str:
        """Say where a row stands: "line 17 of data.csv"."""
        return f"{self.unit} {self.lines[row]} of {self.name}"

    def column(self, name: str) -> tuple[str | None, ...]:
        """Give one column, or refuse a name that is not there with a `TableError`."""
        if name not in self.columns:
            raise TableError(f"{self.name} has no column {shown(name)}{suggest(name, self.columns)}")
        return self.columns[name]

    def rows_with(self, name: str) -> list[int]:
        """Give the numbers of the rows in which a column has a value, for `take`."""
        return [row for row, value in enumerate(self.column(name)) if value is not None]

    def take(self, rows: Iterable[int] | np.ndarray) -> Table:
        """Give the table of some rows, in the order asked for; they keep their line numbers.

        Raises:
            TableError: a row number that is not a whole number, or not one of a row.
        """
        index = list(rows)
        for row in index:
            if isinstance(row, bool | np.bool_) or not isinstance(row, int | np.integer) or not 0 <= row < self.rows:
                raise TableError(f"the rows of {self.name} are 0 to {self.rows - 1}, got {shown(row)}")
        columns = {name: tuple(values[row] for row in index) for name, values in self.columns.items()}
        return Table(self.name, columns, tuple(self.lines[row] for row in index), self.unit)


def from_columns(columns: Mapping[str, Iterable[Any]], name: str = "the table") -> Table:
    """Make a table of columns in memory.

    Args:
        columns: numbers, truth values, text or None by column name; NaN and the texts that `read_csv` takes for
            missing are missing.
        name: what sentences call it.

    Raises:
        TableError: no columns, no rows, columns of different lengths, infinity, or a value of another type.
    """
    cells = {
        column: tuple(_cell(column, row, value) for row, value in enumerate(values)) for column, values in columns.items()
    }
    rows = len(next(iter(cells.values()), ()))
    table = Table(name, cells, tuple(range(rows)), "row")
    if not rows:
        raise TableError(f"{name} has no rows")
    return table


def _cell(column: str, row: int, value: object) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else clean(value)
    if isinstance(value, bool | np.bool_ | int | np.integer):
        return str(value)
    if isinstance(value, float | np.floating) and not np.isinf(value):
        return clean(repr(float(value)))
    raise TableError(f"column {shown(column)} holds {shown(value)} at row {row}; expected text, finite numbers or None")
