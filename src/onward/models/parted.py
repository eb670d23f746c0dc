"""A person's table, parted into rows to learn from and rows to judge on. Axes: n rows to learn from, m to judge on, i features."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Shaped

from onward.tables.parting import held_out
from onward.tables.schema import Schema
from onward.tables.table import Table
from onward.tables.targets import ClassTarget, Target


@dataclass(frozen=True)
class Parted:
    """A table as arrays, parted into rows to learn from and rows to judge on.

    Attributes:
        schema: learned of the training rows alone.
        train_x: features to learn from, n x i.
        train_y: their class numbers or numbers, n.
        test_x: features of the rows held out, m x i; a text that training did not see is none of the levels.
        test_y: their targets, m.
    """

    schema: Schema
    train_x: Float[np.ndarray, "n i"] = field(repr=False)
    train_y: Shaped[np.ndarray, " n"] = field(repr=False)
    test_x: Float[np.ndarray, "m i"] = field(repr=False)
    test_y: Shaped[np.ndarray, " m"] = field(repr=False)


def part(
    table: Table, target: Target, *, held: float, seed: int, missing: str = "impute", drop: Iterable[str] = ()
) -> Parted:
    """Part a table by a seed, every class alike, and learn the schema of the training rows.

    Raises:
        TableError: rows or columns that cannot be used; too few rows; a part or a seed out of range.
    """
    stratify = isinstance(target, ClassTarget)
    train, test = held_out(target.encode(table), part=held, seed=seed, stratify=stratify)
    schema = Schema.learn(table, target.name, rows=train, task=target.task, missing=missing, drop=drop)
    known, new = table.take(train), table.take(test)
    return Parted(
        schema,
        schema.encode(known),
        schema.encode_target(known),
        schema.encode(new, unknown="ignore"),
        schema.encode_target(new),
    )
