"""What is to be predicted: a class, or a number.

A target is a class if it is text, or if it has at most 10 different values that are all whole numbers and occur twice
on average; every other number is predicted as a number. Axis: n rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from onward.naming import suggest
from onward.tables.cells import listed, number, shown
from onward.tables.table import Table, TableError

TASKS = ("classification", "regression")
FEW = 10
"""Whole numbers with more different values than this are predicted as numbers."""


@dataclass(frozen=True)
class ClassTarget:
    """A target that is one of some classes.

    Attributes:
        name: of the column.
        classes: their texts, as in the file; class number k is `classes[k]`.

    Raises:
        ValueError: fewer than two classes, or one given twice.
    """

    name: str
    classes: tuple[str, ...]
    task = "classification"

    def __post_init__(self) -> None:
        if len(set(self.classes)) < max(2, len(self.classes)):
            given = listed(self.classes, 10) or "none"
            raise ValueError(f"target {shown(self.name)} needs two or more different classes, got {given}")

    def encode(self, table: Table) -> Int[np.ndarray, " n"]:
        """Give the class number of every row; 1.0 is the class "1" if all classes are numbers.

        Raises:
            TableError: a missing value, or a class that was not seen in training.
        """
        refuse_missing(table, self.name)
        return np.array([self._number(table, row, text) for row, text in enumerate(table.column(self.name))], np.int64)

    def decode(self, numbers: Int[np.ndarray, " n"]) -> list[str]:
        """Give the class of every class number, or refuse a number that is no class with a `ValueError`."""
        for outside in numbers[(numbers < 0) | (numbers >= len(self.classes))]:
            raise ValueError(f"the classes of {shown(self.name)} are numbered 0 to {len(self.classes) - 1}, got {outside}")
        return [self.classes[k] for k in numbers]

    @cached_property
    def _by_text(self) -> dict[str | None, int]:
        return {text: k for k, text in enumerate(self.classes)}

    @cached_property
    def _by_number(self) -> dict[float | None, int]:
        values = {number(text): k for k, text in enumerate(self.classes)}
        return {} if None in values else values

    def _number(self, table: Table, row: int, text: str | None) -> int:
        found = self._by_text.get(text, self._by_number.get(number(text or "")))
        if found is None:
            raise TableError(
                f"{table.place(row)} has {shown(text)} in the target {shown(self.name)}, which is none of the classes of "
                f"training, {listed(self.classes, 5)}"
            )
        return found


@dataclass(frozen=True)
class NumberTarget:
    """A target that is a finite number.

    Attributes:
        name: of the column.
    """

    name: str
    task = "regression"

    def encode(self, table: Table) -> Float[np.ndarray, " n"]:
        """Give the number of every row.

        Raises:
            TableError: a missing value, or one that is not a finite number.
        """
        refuse_missing(table, self.name)
        values = []
        for row, text in enumerate(table.column(self.name)):
            value = number(text or "")
            if value is None:
                raise TableError(
                    f"{table.place(row)} has {shown(text)} in the target {shown(self.name)}; expected a finite number"
                )
            values.append(value)
        return np.array(values, np.float64)

    def decode(self, numbers: Float[np.ndarray, " n"]) -> list[float]:
        """Give the numbers as they are."""
        return numbers.tolist()


Target = ClassTarget | NumberTarget


def recognise(table: Table, name: str, *, task: str | None = None, least: int = 2) -> Target:
    """Learn what a target is from all rows of a table.

    Classes are sorted, as numbers if all of them are; texts of one number ("1", "1.0") are one class, by its shortest.

    Args:
        table: rows that all have a target.
        name: of the column.
        task: "classification" or "regression"; recognised as described above if left out.
        least: how many rows a class must have; 2, so that one can be held out.

    Raises:
        TableError: an unknown column or task; a missing value; the same value in all rows; a class of fewer rows than
            the least; text where numbers are asked for.
    """
    if task not in (None, *TASKS):
        raise TableError(f"the task is 'classification' or 'regression', got {shown(task)}{suggest(task, TASKS)}")
    refuse_missing(table, name)
    texts = [text for text in table.column(name) if text is not None]
    if not texts:
        raise TableError(f"{table.name} has no rows to learn the target {shown(name)} from")
    numbers = [number(text) for text in texts]
    values = {value for value in numbers if value is not None}
    if task == "regression" or (task is None and None not in numbers and not _few_whole(values, len(texts))):
        target = NumberTarget(name)
        target.encode(table)  # refuses text
        if len(values) == 1:
            raise TableError(_same(table, name, texts[0]))
        return target
    classes = _classes(texts)
    if len(classes) == 1:
        raise TableError(_same(table, name, classes[0]))
    target = ClassTarget(name, classes)
    _refuse_rare(table, target, least)
    return target


def refuse_missing(table: Table, name: str) -> None:
    """Refuse rows that have no target with a `TableError` that counts them and names the first."""
    missing = [row for row, value in enumerate(table.column(name)) if value is None]
    if missing:
        count = "1 row has" if len(missing) == 1 else f"{len(missing)} rows have"
        raise TableError(
            f"{count} no value of the target {shown(name)}, the first at {table.place(missing[0])}; leave such rows out"
        )


def _few_whole(values: Iterable[float], rows: int) -> bool:
    values = set(values)
    return all(value.is_integer() for value in values) and len(values) <= FEW and 2 * len(values) <= rows


def _classes(texts: list[str]) -> tuple[str, ...]:
    by_number: dict[float, str] = {}
    for text in sorted(set(texts), key=lambda text: (len(text), text), reverse=True):
        value = number(text)
        if value is None:
            return tuple(sorted(set(texts)))
        by_number[value] = text
    return tuple(by_number[value] for value in sorted(by_number))


def _refuse_rare(table: Table, target: ClassTarget, least: int) -> None:
    row_classes = target.encode(table).tolist()
    counts = Counter(row_classes)
    rare = [k for k in range(len(target.classes)) if counts[k] < least]
    if rare:
        first = rare[0]
        others = f" (and {len(rare) - 1} more of {len(target.classes)} classes)" if len(rare) > 1 else ""
        raise TableError(
            f"class {shown(target.classes[first])} of the target {shown(target.name)}{others} has fewer than {least} rows, "
            f"one at {table.place(row_classes.index(first))}; {_way_on(table, target)}"
        )


def _way_on(table: Table, target: ClassTarget) -> str:
    texts = [text for text in target.classes if number(text) is None]
    if not texts:
        return "leave its rows out, or predict a number with --task regression"
    if len(texts) > len(target.classes) / 2:
        return "leave its rows out"
    row = table.column(target.name).index(texts[0])
    return f"the target is taken for classes because {shown(texts[0])} at {table.place(row)} is not a finite number"


def _same(table: Table, name: str, text: str) -> str:
    return f"the target {shown(name)} is {shown(text)} in all {table.rows} rows of {table.name}, so nothing can be learned"
