"""What a column of training rows is: numbers, levels, or nothing that can be learned from.

A column is numeric if all its values are finite numbers, and categorical otherwise. Nothing is left out in silence:
each decision that a person may want to know of comes with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from onward.naming import suggest
from onward.tables.cells import number, otherwise, shown
from onward.tables.columns import Categorical, Column, Numeric
from onward.tables.table import Table, TableError

MOST_LEVELS = 50
"""Texts of more different kinds than this are not made into features."""

_IDENTIFIER = re.compile(r"(.*[^a-zA-Z])?([iI][dD]|(?i:idx|index|uuid|row|nr))|.*[a-z]I[dD]")


def learn_columns(table: Table, target: str, drop: Iterable[str], missing: str) -> tuple[list[Column], list[str]]:
    """Learn all columns of a table but the target and those to drop; give them and the sentences for the user.

    Raises:
        TableError: an unknown or double role of a column in `drop`; a column that cannot be used; none that is left.
    """
    drop = list(drop)
    for name in drop:
        if name == target:
            raise TableError(f"{shown(name)} is the target and cannot be dropped")
        if name not in table.columns:
            raise TableError(
                f"{table.name} has no column {shown(name)} that could be dropped{suggest(name, table.columns)}"
            )
    columns: list[Column] = []
    notes: list[str] = []
    for name in table.columns:
        if name != target and name not in drop:
            column, said = _learn(table, name, missing)
            columns += [] if column is None else [column]
            notes += said
    if not columns:
        reasons = "; ".join(notes) or "it is the only column, or all others are dropped"
        raise TableError(f"nothing is left to predict {shown(target)} from: {reasons}")
    return columns, notes


def _learn(table: Table, name: str, missing: str) -> tuple[Column | None, list[str]]:
    texts = table.columns[name]
    present = [text for text in texts if text is not None]
    gap = texts.index(None) if len(present) < len(texts) else None
    if not present:
        raise TableError(f"column {shown(name)} of {table.name} has no value in any row; leave it out with {_drop(name)}")
    if gap is not None and missing == "refuse":
        gaps = len(texts) - len(present)
        raise TableError(
            f"{gaps} of {len(texts)} rows have no value in column {shown(name)}, the first at {table.place(gap)}; "
            f"fill it in, or leave the column out with {_drop(name)}"
        )
    values = [number(text) for text in present]
    numbers = [value for value in values if value is not None]
    numeric = len(numbers) == len(present)
    if len(set(numbers if numeric else present)) == 1 and gap is None:
        return None, [f"column {shown(name)} was left out: it is {shown(present[0])} in all {table.rows} rows"]
    foreign = [row for row, text in enumerate(texts) if text is not None and otherwise(text)]
    if 2 * len(foreign) > len(present):
        raise TableError(
            f"column {shown(name)} holds numbers that are not written as numbers, such as {shown(texts[foreign[0]])} at "
            f"{table.place(foreign[0])}; write them with a decimal point and nothing else, or leave the column out with "
            f"{_drop(name)}"
        )
    if numeric:
        return Numeric(name, _median(numbers), gap is not None), _identifier(name, numbers)
    return _categorical(table, name, present, gap is not None, 2 * len(numbers) >= len(present))


def _categorical(
    table: Table, name: str, present: list[str], gaps: bool, mostly_numbers: bool
) -> tuple[Column | None, list[str]]:
    levels = sorted(set(present))
    notes: list[str] = []
    if mostly_numbers:
        row = next(row for row, text in enumerate(table.columns[name]) if text is not None and number(text) is None)
        reason = f"{shown(table.columns[name][row])} at {table.place(row)} is not a finite number, though most others are"
        if len(levels) == table.rows or len(levels) > MOST_LEVELS:
            raise TableError(
                f"column {shown(name)} cannot be read: {reason}; correct it, or leave the column out with {_drop(name)}"
            )
        notes.append(f"column {shown(name)} is taken for text: {reason}")
    elif len(levels) == table.rows:
        return None, [f"column {shown(name)} was left out: its {len(levels)} texts are all different, as of an identifier"]
    if len(levels) > MOST_LEVELS:
        raise TableError(
            f"column {shown(name)} of {table.name} has {len(levels)} different texts, such as {shown(levels[0])}, and at "
            f"most {MOST_LEVELS} can become features; leave it out with {_drop(name)}"
        )
    return Categorical(name, (*levels, None) if gaps else tuple(levels)), notes


def _identifier(name: str, numbers: list[float]) -> list[str]:
    different = len(set(numbers)) == len(numbers) and all(value.is_integer() for value in numbers)
    if not different or not _IDENTIFIER.fullmatch(name):
        return []
    return [f"column {shown(name)} is learned from, though it looks like an identifier; leave it out with {_drop(name)}"]


def _median(values: list[float]) -> float:
    values = sorted(values)
    middle = len(values) // 2
    if len(values) % 2:
        return values[middle]
    return values[middle - 1] / 2 + values[middle] / 2  # their sum could overflow


def _drop(name: str) -> str:
    return f"--drop {name}" if re.fullmatch(r"[\w.]{1,60}", name) else f"--drop {shown(name)}"
