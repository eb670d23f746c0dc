"""What was recognised of a table's columns, in words."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from onward.cli import shown
from onward.models.parted import Parted
from onward.tables.columns import Numeric
from onward.tables.schema import Schema
from onward.tables.table import Table
from onward.tables.targets import ClassTarget, Target

HEADER = ("column", "what it is", "what it becomes")


def describe(table: Table, parted: Parted, console: Console) -> None:
    """Print what was recognised: every column, what it is, and what it becomes; then the notes."""
    schema = parted.schema
    shown.say(console, f"{table.name}: {table.rows} rows, {len(table.columns)} columns")
    shown.print_table(console, HEADER, rows(table, schema))
    for note in schema.notes:
        shown.say(console, f"Note: {note}.")
    features = len(schema.feature_names)
    shown.say(
        console,
        f"{schema.target.task.capitalize()}: {features} feature{'s' * (features > 1)}; {len(parted.train_y)} rows to learn "
        f"from, {len(parted.test_y)} held out",
    )


def rows(table: Table | None, schema: Schema) -> list[tuple[str, str, str]]:
    """Give name, kind and use of every column of a table, or of those that a schema names."""
    known = {column.name: column for column in schema.columns}
    found = []
    for name in (*known, schema.target.name) if table is None else table.columns:
        if name == schema.target.name:
            found.append((name, *_target_words(schema.target)))
        elif name not in known:
            found.append((name, "left out", "-"))
        else:
            column = known[name]
            features = column.feature_names
            count = f"{len(features)} feature{'s' * (len(features) > 1)}"
            if isinstance(column, Numeric):
                what = "number"
                count += f", missing values filled with {column.fill:g} and marked" if column.indicator else ""
            else:
                levels = [level for level in column.levels if level is not None]
                what = f"text: {_some(levels)}"
                count += ", one of them for missing values" if None in column.levels else ""
            found.append((name, what, count))
    return found


def _target_words(target: Target) -> tuple[str, str]:
    if isinstance(target, ClassTarget):
        return f"target, {len(target.classes)} classes", _some(target.classes)
    return "target", "a number"


def _some(texts: Sequence[str], most: int = 6) -> str:
    cut = [text if len(text) <= 24 else text[:23] + "…" for text in texts[:most]]
    return ", ".join(cut) + (f" and {len(texts) - most} more" if len(texts) > most else "")
