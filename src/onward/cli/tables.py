"""A person's table on the command line: train a model of it, and predict with that model.

The model that is kept is the one that the printed numbers speak of: it learned from the training rows alone.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from onward import models
from onward.cli import columns, files, ruled, shown, structures
from onward.cli.exporting import FORMS, check_rule, export_model
from onward.files import atomic
from onward.learners.by_name import Rule
from onward.models import judging, rivals
from onward.models.judging import Judged
from onward.models.parted import Parted, part
from onward.models.rivals import Contestant
from onward.models.scores import METRICS, NUMBERS, class_scores, number_scores
from onward.models.table_model import TableModel
from onward.tables.columns import Numeric
from onward.tables.reading import read_csv
from onward.tables.table import Table, TableError
from onward.tables.targets import ClassTarget, Target, recognise
from onward.tables.writing import to_csv

ENDING = ".onward"


@dataclass(frozen=True)
class Training:
    """What `onward train` was asked for; `app` says what each option means."""

    data: Path
    target: str
    to: Path | None = None
    solver: str = "lm"
    hidden: int = 10
    ticks: int | None = None
    kind: str = "mesh"
    task: str | None = None
    drop: Sequence[str] = ()
    missing: str = "impute"
    held_out: float = 0.2
    seed: int = 0
    starts: int = 1
    penalty: float | None = None
    with_rivals: bool = True
    exports: Sequence[Path] = field(default=())
    force: bool = False
    rule: str | None = None
    layers: str | None = None


OF_MESHES = ("solver", "hidden", "ticks", "kind", "starts", "penalty")  # options that a net taught by a rule has not


def train(asked: Training, console: Console) -> Path:
    """Train a model of a table, print how it does beside its rivals, and write it; give its path.

    Raises:
        ValueError: a table, an option or a place to write to that cannot be used; nothing is written then.
        TrainingFailed: the loss or the weights are no longer finite; nothing is written then.
    """
    structures.check_names(asked.solver, asked.kind)
    rule, layers = _rule(asked)
    to = Path(f"{asked.data.stem}{ENDING}") if asked.to is None else asked.to
    files.check_suffix(to, "--to", [ENDING])
    for target in asked.exports:
        files.check_suffix(target, "--export", FORMS)
    if rule is not None:
        check_rule(rule, asked.exports)
    written = [to, *asked.exports]
    for k, target in enumerate(written):
        if target in written[:k]:
            raise ValueError(f"{target} is asked for twice")
        files.check(target, force=asked.force, sources=[asked.data])
    table = read_csv(asked.data)
    target = recognise(table, asked.target, task=asked.task)
    ruled.check([] if rule is None else [rule], target)
    parted = part(table, target, held=asked.held_out, seed=asked.seed, missing=asked.missing, drop=asked.drop)
    features, outputs = len(parted.schema.feature_names), outputs_of(target)
    if rule is None:
        edges = structures.edges(asked.kind, asked.hidden, asked.solver, features=features, outputs=outputs)
    else:
        edges = _weights([features + rule.appended, *layers, outputs])
    columns.describe(table, parted, console)

    torch.set_num_threads(1)  # so small a net gains nothing from a second thread, and a busy machine loses a lot by it
    task, tuned = target.task, _can_be_tuned(asked, parted)
    contestants = [_mesh(asked, task, tuned=tuned) if rule is None else rivals.taught(task, rule, layers)]
    if not tuned:
        contestants = [replace(one, settings=()) for one in contestants]
    if asked.with_rivals:
        rows = len(parted.train_y)
        contestants += [
            rivals.linear(task, rows=rows, tuned=tuned),
            rivals.perceptron(task, features=features, outputs=outputs, edges=edges, rows=rows, tuned=tuned),
            rivals.baseline(task),
        ]
    judged = shown.one_by_one(
        contestants, lambda one: judging.judge(one, parted, seed=asked.seed), lambda one: one.name, console
    )
    print_scores(task, judged, console)
    shown.say(console, _verdict(asked, task, parted, judged, tuned=tuned))
    model = TableModel(parted.schema, judged[0].model, report(asked, table, parted, judged))
    writers = {to: partial(models.save, model)}
    writers |= {target: partial(export_model, model) for target in asked.exports}
    files.write_together(writers)
    shown.say(console, f"The model, as judged above (trained on the {len(parted.train_y)} training rows): {to}")
    for target in asked.exports:
        shown.say(console, f"Exported: {target}")
    return to


def _rule(asked: Training) -> tuple[Rule | None, tuple[int, ...]]:
    """Give the rule and the neurons of the blocks that are asked for; none for a mesh.

    Raises:
        ValueError: an unknown rule, layers without a rule, or a rule beside an option of meshes.
    """
    named = [] if asked.rule is None else [asked.rule]
    layers = ruled.layers_of(asked.layers, named)
    if asked.rule is None:
        return None, layers
    (rule,) = ruled.rules_of(named)
    default = {field.name: field.default for field in fields(asked)}
    for name in OF_MESHES:
        value = getattr(asked, name)
        if value != default[name]:
            raise ValueError(f"--{name} is for meshes, and --rule {rule.name} trains layers, got --{name} {value}")
    return rule, layers


def _weights(sizes: Sequence[int]) -> int:
    """Count the weights and biases of layers in a row, of which the last has no biases."""
    return sum((before + 1) * size for before, size in pairwise(sizes)) - sizes[-1]


def _mesh(asked: Training, task: str, *, tuned: bool) -> Contestant:
    """Give the mesh that is asked for."""
    given = {} if asked.penalty is None else {"penalty": asked.penalty}
    built = {"hidden": asked.hidden, "kind": asked.kind, "ticks": asked.ticks, "solver": asked.solver}
    return rivals.mesh(task, f"{asked.kind}, {asked.solver}", starts=asked.starts, tuned=tuned, **built, **given)


def predict(model: Path, data: Path, to: Path | None, *, unknown: str, force: bool, notes: Console) -> None:
    """Predict the rows of a table, as CSV on the standard output or in a file; what else is to be said goes to `notes`.

    Raises:
        ValueError: a model, a table or a place to write to that cannot be used.
    """
    if to is not None:
        files.check(to, force=force, sources=[model, data])
    found = load_table_model(model)
    table = read_csv(data)
    torch.set_num_threads(1)
    predicted = found.predict(table, unknown=unknown)
    text = io.StringIO(newline="")
    to_csv(predicted, text)
    filled = filled_without_warning(found, table)
    if filled:
        shown.say(notes, f"Missing values were filled where training had none: {filled}.")
    if to is None:
        _print(text.getvalue().encode())
    else:
        atomic.write(to, text.getvalue().encode())
        shown.say(notes, f"{table.rows} predictions: {to}")
    if found.schema.target.name in table.columns:
        shown.say(notes, _scored(found, table, predicted))


def filled_without_warning(model: TableModel, table: Table) -> str:
    """List the number columns with missing values of which training had none, as "age (3 rows)"; empty if there are none."""
    gaps = {
        column.name: table.rows - len(table.rows_with(column.name))
        for column in model.schema.columns
        if isinstance(column, Numeric) and not column.indicator
    }
    return ", ".join(f"{name!r} ({count} of {table.rows} rows)" for name, count in gaps.items() if count)


def load_table_model(path: Path) -> TableModel:
    """Load a model that knows the columns of a table, or refuse any other with a `ValueError`."""
    found = models.load(path)
    if not isinstance(found, TableModel):
        raise ValueError(
            f"{path} holds a {type(found).__name__} that does not know the columns of a table; `onward train` makes models "
            f"that do"
        )
    return found


def outputs_of(target: Target) -> int:
    """Count the output neurons that a target needs."""
    return len(target.classes) if isinstance(target, ClassTarget) else 1


def print_scores(task: str, judged: Sequence[Judged], console: Console) -> None:
    """Print what contestants scored on the rows held out."""
    rows = [
        (
            one.name,
            *(shown.number(one.scores[metric]) for metric in METRICS[task]),
            f"{one.parameters}",
            f"{one.seconds:.2f}",
        )
        for one in judged
    ]
    shown.print_table(console, ("held out", *METRICS[task], "parameters", "seconds"), rows, right=True)


def _can_be_tuned(asked: Training, parted: Parted) -> bool:
    """Whether penalties are to be chosen by folds of the training rows, and every class has a row for each fold."""
    if asked.penalty is not None:
        return False
    rarest = len(parted.train_y) if parted.schema.target.task == NUMBERS else int(np.bincount(parted.train_y).min())
    return rarest >= judging.FOLDS


def _verdict(asked: Training, task: str, parted: Parted, judged: Sequence[Judged], *, tuned: bool) -> str:
    """Say what the scores rest on, and what to do where the mesh learned nothing that holds for other rows."""
    train, test = len(parted.train_y), len(parted.test_y)
    words = f"Learned from {train} rows, judged on the other {test}."
    if asked.with_rivals:
        what = "penalties" if asked.rule is None else "learning rates and penalties"
        how = f"{what} chosen alike by {judging.FOLDS} folds of the training rows" if tuned else "nothing tuned"
        words = (
            f"All learned from the same {train} rows, {how}, and are judged on the other {test}: one split. "
            f"`onward compare` takes several, and other solvers. Seconds are of one training."
        )
        metric = METRICS[task][0]
        if not judged[0].scores[metric] > judged[-1].scores[metric]:
            words += (
                f" On other rows this {'mesh' if asked.rule is None else 'net'} is no better than {judged[-1].name!r}, which "
                f"looks at no column: try fewer "
                + (
                    "--layers or neurons in them."
                    if asked.rule
                    else "--hidden" + ("." if tuned else ", or another --penalty.")
                )
            )
    return words


def report(asked: Training, table: Table, parted: Parted, judged: Sequence[Judged]) -> dict[str, Any]:
    """Give what is kept beside a model, as plain data; a score that is not a number is None."""
    return {
        "table": table.name,
        "rows": {"training": len(parted.train_y), "held out": len(parted.test_y)},
        "held out": asked.held_out,
        "seed": asked.seed,
        "judged": [
            {
                "name": one.name,
                "scores": {metric: value if np.isfinite(value) else None for metric, value in one.scores.items()},
                "parameters": one.parameters,
                "seconds": one.seconds,
                "chosen": dict(one.chosen),
            }
            for one in judged
        ],
    }


def _scored(model: TableModel, table: Table, predicted: Any) -> str:
    """Say how well predictions meet the targets of a table, or why that cannot be said."""
    target = model.schema.target
    rows = table.rows_with(target.name)
    if not rows:
        return f"Not scored: no row has a value of {target.name!r}."
    try:
        true = target.encode(table.take(rows))
    except TableError as error:
        return f"Not scored: {error}."
    if isinstance(target, ClassTarget):
        found = [np.asarray(predicted[f"probability of {name}"])[rows] for name in target.classes]
        scores = class_scores(true, np.stack(found, 1))
    else:
        scores = number_scores(true, np.asarray(predicted[target.name])[rows])
    counted = f"{len(rows)} rows" if len(rows) == table.rows else f"the {len(rows)} of {table.rows} rows that have a target"
    return f"On {counted}: " + ", ".join(f"{metric} {shown.number(value)}" for metric, value in scores.items())


def _print(data: bytes) -> None:
    """Write to the standard output; whoever reads it may stop at any moment, as `head` does."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it ends
