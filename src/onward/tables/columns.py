"""What was learned of one feature column, and the numbers that it becomes.

A numeric column is one feature, and a second one that says where it was missing, if training rows were; a categorical
column is one feature a level, 1 where the row has that level and 0 elsewhere. Axes: n rows, w features of the column.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from onward.tables.cells import listed, number, shown
from onward.tables.table import Table, TableError


@dataclass(frozen=True)
class Numeric:
    """A column of finite numbers.

    Attributes:
        name: of the column.
        fill: what stands in for a missing value, the median of the training rows.
        indicator: whether a second feature is 1 where the value was missing, because it was in training rows.

    Raises:
        ValueError: a fill that is not finite.
    """

    name: str
    fill: float
    indicator: bool = False

    def __post_init__(self) -> None:
        if not math.isfinite(self.fill):
            raise ValueError(f"the fill of column {shown(self.name)} must be finite, got {self.fill}")

    @property
    def feature_names(self) -> list[str]:
        """The names of the features that the column becomes."""
        return [self.name, f"{self.name} is missing"] if self.indicator else [self.name]

    def encode(self, table: Table, *, unknown: str) -> Float[np.ndarray, "n w"]:
        """Give the column's features of every row; `unknown` is for categorical columns.

        Raises:
            TableError: a value that is not a finite number.
        """
        encoded = np.zeros((table.rows, len(self.feature_names)))
        for row, text in enumerate(table.column(self.name)):
            value = self.fill if text is None else number(text)
            if value is None:
                raise TableError(
                    f"{table.place(row)} has {shown(text)} in column {shown(self.name)}, which held only finite numbers "
                    f"in training"
                )
            encoded[row, 0] = value
            if self.indicator:
                encoded[row, 1] = text is None
        return encoded


@dataclass(frozen=True)
class Categorical:
    """A column of texts, each one of a few levels.

    Attributes:
        name: of the column.
        levels: the different texts of the training rows; None among them if some were missing.

    Raises:
        ValueError: no levels, or one given twice.
    """

    name: str
    levels: tuple[str | None, ...]

    def __post_init__(self) -> None:
        if not self.levels:
            raise ValueError(f"column {shown(self.name)} needs at least one level, got none")
        if len(set(self.levels)) < len(self.levels):
            raise ValueError(f"column {shown(self.name)} has a level twice in {listed(self.levels, 10)}")

    @property
    def feature_names(self) -> list[str]:
        """The names of the features that the column becomes."""
        return [f"{self.name} is missing" if level is None else f"{self.name}={level}" for level in self.levels]

    def encode(self, table: Table, *, unknown: str) -> Float[np.ndarray, "n w"]:
        """Give the column's features of every row; with `unknown="ignore"` a level not seen in training is all zeros.

        Raises:
            TableError: a level not seen in training, with `unknown="refuse"`.
        """
        place = {level: k for k, level in enumerate(self.levels)}
        encoded = np.zeros((table.rows, len(self.levels)))
        for row, level in enumerate(table.column(self.name)):
            if level in place:
                encoded[row, place[level]] = 1
            elif unknown == "refuse":
                what = "no value" if level is None else shown(level)
                known = listed((one for one in self.levels if one is not None), 5)
                raise TableError(
                    f"{table.place(row)} has {what} in column {shown(self.name)}, which held {known} in training; to "
                    f"take it for none of them, say --unknown ignore (unknown='ignore')"
                )
        return encoded


Column = Numeric | Categorical
