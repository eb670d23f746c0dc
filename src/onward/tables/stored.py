"""A schema as plain data for JSON, and back, believing nothing of what is read.

Types and sizes are checked here, before anything is made of them; what must hold among values is checked by the
dataclasses themselves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from onward.tables.cells import shown
from onward.tables.columns import Categorical, Column, Numeric
from onward.tables.targets import ClassTarget, NumberTarget, Target

MOST = 100_000
"""More features, classes or notes than this are not read."""


def write(columns: Sequence[Column], target: Target, missing: str, notes: Sequence[str]) -> dict[str, Any]:
    """Give the parts of a schema as plain data."""
    return {
        "columns": [_column_data(column) for column in columns],
        "target": _target_data(target),
        "missing": missing,
        "notes": list(notes),
    }


def read(data: object) -> tuple[tuple[Column, ...], Target, str, tuple[str, ...]]:
    """Read the parts of a schema.

    Raises:
        ValueError: an entry that is absent, not known or of a wrong type; a fill that is not finite; too many features.
    """
    entries = _entries(data, "a schema", ("columns", "target", "missing", "notes"))
    columns = tuple(_column(column) for column in _list(entries["columns"], "columns"))
    features = sum(len(column.levels) if isinstance(column, Categorical) else 1 for column in columns)
    if features > MOST:
        raise ValueError(f"a stored schema may have {MOST} features, got {features}")
    notes = tuple(_text(note, "a note") for note in _list(entries["notes"], "notes"))
    return columns, _target(entries["target"]), _text(entries["missing"], "missing"), notes


def _column_data(column: Column) -> dict[str, Any]:
    if isinstance(column, Numeric):
        return {"kind": "numeric", "name": column.name, "fill": column.fill, "indicator": column.indicator}
    return {"kind": "categorical", "name": column.name, "levels": list(column.levels)}


def _target_data(target: Target) -> dict[str, Any]:
    if isinstance(target, ClassTarget):
        return {"kind": "classes", "name": target.name, "classes": list(target.classes)}
    return {"kind": "number", "name": target.name}


def _column(data: object) -> Column:
    if _kind(data, "a stored column", ("numeric", "categorical")) == "numeric":
        entries = _entries(data, "a stored column", ("kind", "name", "fill", "indicator"))
        name = _name(entries["name"])
        if not isinstance(entries["indicator"], bool):
            raise ValueError(f"indicator of column {shown(name)} must be true or false, got {_cut(entries['indicator'])}")
        return Numeric(name, _finite(entries["fill"], f"fill of column {shown(name)}"), entries["indicator"])
    entries = _entries(data, "a stored column", ("kind", "name", "levels"))
    name = _name(entries["name"])
    levels = _list(entries["levels"], "levels")
    return Categorical(name, tuple(None if level is None else _text(level, "a level") for level in levels))


def _target(data: object) -> Target:
    if _kind(data, "a stored target", ("classes", "number")) == "number":
        return NumberTarget(_name(_entries(data, "a stored target", ("kind", "name"))["name"]))
    entries = _entries(data, "a stored target", ("kind", "name", "classes"))
    classes = tuple(_text(one, "a class") for one in _list(entries["classes"], "classes"))
    return ClassTarget(_name(entries["name"]), classes)


def _kind(data: object, what: str, known: tuple[str, ...]) -> str:
    kind = data.get("kind") if isinstance(data, dict) else data
    if not isinstance(kind, str) or kind not in known or not isinstance(data, dict):
        raise ValueError(f"{what} is of the kind {' or '.join(map(repr, known))}, got {_cut(kind)}")
    return kind


def _entries(data: object, what: str, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{what} must be a mapping with {', '.join(names)}, got {_cut(data)}")
    for name in names:
        if name not in data:
            raise ValueError(f"{what} must have {', '.join(names)}, but {name!r} is absent")
    for name in data:
        if name not in names:
            raise ValueError(f"{what} has the entry {_cut(name)}; expected {', '.join(names)}")
    return data


def _list(value: object, what: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > MOST:
        got = f"{len(value)} entries" if isinstance(value, list) else _cut(value)
        raise ValueError(f"{what} of a schema must be a list of at most {MOST} entries, got {got}")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"{what} of a schema must be text, got {_cut(value)}")
    return value


def _name(value: object) -> str:
    if not _text(value, "a name").strip():
        raise ValueError(f"a name of a schema must not be blank, got {_cut(value)}")
    return str(value)


def _finite(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{what} must be a number, got {_cut(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{what} must be finite, got {_cut(value) if isinstance(value, float) else 'a huge whole number'}")
    return number


def _cut(value: object) -> str:
    return shown(value) if isinstance(value, str | bool | float | None) else f"a value of type {type(value).__name__}"
