"""What was learned of a table: which columns are features, what they become, and what is to be predicted.

A schema is learned of training rows alone, encodes any later table in the same way, and is plain data that can be
stored. Axes: n rows, i features.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from onward.naming import suggest
from onward.tables import stored
from onward.tables.cells import listed, shown
from onward.tables.columns import Column, Numeric
from onward.tables.learning import learn_columns
from onward.tables.table import Table, TableError
from onward.tables.targets import Target, recognise

MISSING = ("impute", "refuse")
UNKNOWN = ("refuse", "ignore")


@dataclass(frozen=True)
class Schema:
    """How the rows of a table become arrays.

    Attributes:
        columns: the feature columns, in the order of the training table.
        target: what is predicted.
        missing: "impute" if missing values are filled, "refuse" if they are errors.
        notes: sentences for the user about columns that were left out or look odd.

    Raises:
        ValueError: no columns; two of one name, or of the target's; an unknown way with missing values.
    """

    columns: tuple[Column, ...]
    target: Target
    missing: str = "impute"
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError(f"a schema needs at least one feature column beside the target {shown(self.target.name)}")
        names = [column.name for column in self.columns]
        seen = {self.target.name}
        for name in names:
            if name in seen:
                raise ValueError(f"a schema names the column {shown(name)} twice")
            seen.add(name)
        _one_of("missing", self.missing, MISSING)

    @classmethod
    def learn(
        cls,
        table: Table,
        target: str,
        *,
        rows: Iterable[int] | np.ndarray | None = None,
        task: str | None = None,
        missing: str = "impute",
        drop: Iterable[str] = (),
    ) -> Schema:
        """Learn a schema of training rows; no other row is looked at.

        Args:
            table: the rows to learn from, and perhaps others.
            target: name of the column to predict.
            rows: numbers of the training rows; all if left out, and then every class needs two.
            task: "classification" or "regression"; if left out, as `recognise` finds.
            missing: "impute" fills missing numbers with the median and makes missing text a level; "refuse" refuses.
            drop: names of columns to leave out.

        Raises:
            TableError: a column, task or way with missing values that is not known; no rows; a target or a column that
                cannot be used; no column that is left.
        """
        _one_of("missing", missing, MISSING)
        table.column(target)
        known = table if rows is None else table.take(rows)
        if not known.rows:
            raise TableError(f"no rows of {table.name} were given to learn from")
        what = recognise(known, target, task=task, least=2 if rows is None else 1)
        columns, notes = learn_columns(known, target, drop, missing)
        return cls(tuple(columns), what, missing, tuple(notes))

    @property
    def feature_names(self) -> list[str]:
        """The names of the encoded features: "age", "age is missing", "colour=red"."""
        return [name for column in self.columns for name in column.feature_names]

    def encode(self, table: Table, *, unknown: str = "refuse") -> Float[np.ndarray, "n i"]:
        """Encode the features of every row; columns are found by name, and others are passed over.

        Args:
            table: the rows; a target is not needed.
            unknown: "refuse" or "ignore" a text that was not seen in training; ignored, it is none of the levels.

        Raises:
            TableError: missing columns; text where numbers were; a text not seen in training; a missing value where
                those are refused, or where training had none and the column is text.
        """
        _one_of("unknown", unknown, UNKNOWN)
        self._check_columns(table)
        if self.missing == "refuse":
            self._refuse_missing(table)
        return np.hstack([column.encode(table, unknown=unknown) for column in self.columns])

    def encode_target(self, table: Table) -> Shaped[np.ndarray, " n"]:
        """Encode the target of every row: class numbers (int64), or numbers (float64); errors as `encode`."""
        return self.target.encode(table)

    def decode_target(self, values: Shaped[np.ndarray, " n"]) -> list[str] | list[float]:
        """Give the classes of class numbers, or numbers as they are."""
        return self.target.decode(values)

    def to_dict(self) -> dict[str, Any]:
        """Give the schema as plain data for JSON."""
        return stored.write(self.columns, self.target, self.missing, self.notes)

    @classmethod
    def from_dict(cls, data: object) -> Schema:
        """Read what `to_dict` gave; anything else is refused with a `ValueError`."""
        return cls(*stored.read(data))

    def _check_columns(self, table: Table) -> None:
        absent = [column.name for column in self.columns if column.name not in table.columns]
        if absent:
            near = next((found for name in absent if (found := suggest(name, table.columns))), "")
            raise TableError(f"{table.name} lacks the column{'s' * (len(absent) > 1)} {listed(absent, 20)}{near}")

    def _refuse_missing(self, table: Table) -> None:
        for column in self.columns:
            texts = table.column(column.name)
            if None in texts:
                kind = "number" if isinstance(column, Numeric) else "text"
                raise TableError(
                    f"{table.place(texts.index(None))} has no value in column {shown(column.name)}; expected a {kind}, as "
                    f"missing values are refused"
                )


def _one_of(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise TableError(f"{what} is {' or '.join(map(repr, known))}, got {shown(value)}{suggest(value, known)}")
