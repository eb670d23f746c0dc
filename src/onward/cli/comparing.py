"""Every solver, any rule for layered nets, and their rivals on a person's own table: tuned alike, judged on the same rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from onward.cli import columns, files, ruled, shown, structures
from onward.cli.tables import outputs_of
from onward.experiments.statistics import Mean, mean
from onward.learners.by_name import Rule
from onward.models import judging, rivals
from onward.models.judging import Judged
from onward.models.parted import part
from onward.models.rivals import Contestant
from onward.models.scores import CLASSES, METRICS, NUMBERS
from onward.reports import figures, page
from onward.reports.artefact import Picture, Table
from onward.tables.reading import read_csv
from onward.tables.targets import recognise

HELD_OUT = 0.2
RAREST = 5  # rows of a class: one held out, and enough for every fold to learn it
HEADER = ("parameters", "seconds")
ENDS = {CLASSES: (0.0, 1.0), NUMBERS: (-math.inf, 1.0)}  # what the first metric of a task can be


@dataclass(frozen=True)
class Comparison:
    """What `onward compare` was asked for; `app` says what each option means."""

    data: Path
    target: str
    to: Path
    splits: int = 5
    seed: int = 0
    hidden: int = 10
    task: str | None = None
    drop: Sequence[str] = ()
    missing: str = "impute"
    force: bool = False
    rules: Sequence[str] = ()
    layers: str | None = None


def compare(asked: Comparison, console: Console) -> Path:
    """Run all contestants on all splits, print what came of them, and write a page; give its path.

    Raises:
        ValueError: a table, an option or a place to write to that cannot be used; nothing is written then.
        TrainingFailed: a contestant that cannot be trained; nothing is written then.
    """
    rules, layers = ruled.rules_of(asked.rules), ruled.layers_of(asked.layers, asked.rules)
    to = asked.to / "index.html"
    files.check_new_folder(asked.to)
    if asked.to.exists():
        files.check(to, force=asked.force, sources=[asked.data])
    table = read_csv(asked.data)
    target = recognise(table, asked.target, task=asked.task, least=RAREST)
    ruled.check(rules, target)
    seeds = range(asked.seed, asked.seed + asked.splits)
    parts = [part(table, target, held=HELD_OUT, seed=seed, missing=asked.missing, drop=asked.drop) for seed in seeds]
    teams = [
        contestants(
            target.task, asked.hidden, len(one.schema.feature_names), outputs_of(target), len(one.train_y), rules, layers
        )
        for one in parts
    ]
    columns.describe(table, parts[0], console)
    torch.set_num_threads(1)  # so small a net gains nothing from a second thread, and a busy machine loses a lot by it
    matches = [
        (number, seed, parted, one)
        for number, (seed, parted, team) in enumerate(zip(seeds, parts, teams, strict=True), 1)
        for one in team
    ]
    judged = shown.one_by_one(
        matches,
        lambda match: judging.judge(match[3], match[2], seed=match[1]),
        lambda match: f"split {match[0]}, {match[3].name}",
        console,
    )
    arms: dict[str, list[Judged]] = {}
    for one in judged:
        arms.setdefault(one.name, []).append(one)
    header, rows = summary(target.task, list(arms.values()))
    shown.print_table(console, header, rows, right=True)
    how = " ".join([_how(asked, len(parts[0].train_y), len(parts[0].test_y)), *ruled.how(target.task, rules, layers)])
    shown.say(console, how)
    title = f"Predicting {asked.target} of {table.name}"
    scores = Table("What every arm scored on rows held out.", header, rows)
    files.write_together({to: lambda path: _page(title, how, target.task, arms, scores, path)})
    shown.say(console, f"The same with a figure: {to}")
    return to


def contestants(
    task: str,
    hidden: int,
    features: int,
    outputs: int,
    rows: int,
    rules: Sequence[Rule] = (),
    layers: Sequence[int] = ruled.LAYERS,
) -> list[Contestant]:
    """Give everybody who takes part; the first is the one that the others are compared with.

    Raises:
        ValueError: a mesh of more edges than can be trained.
    """
    edges = structures.edges("mesh", hidden, "lm", features=features, outputs=outputs)
    meshes = [("mesh", "lm"), ("mesh", "adam"), ("mesh", "sgd"), ("cascade", "lm")]
    return [
        *(rivals.mesh(task, f"{kind}, {solver}", kind=kind, solver=solver, hidden=hidden, tuned=True) for kind, solver in meshes),
        *(rivals.taught(task, one, layers) for one in rules),
        rivals.linear(task, rows=rows, tuned=True),
        rivals.perceptron(task, features=features, outputs=outputs, edges=edges, rows=rows, tuned=True),
        rivals.baseline(task),
    ]  # fmt: skip


def summary(task: str, arms: Sequence[Sequence[Judged]]) -> tuple[list[str], list[list[str]]]:
    """Give header and rows of the table: metrics over splits, difference to the first arm, parameters and seconds.

    Args:
        task: "classification" or "regression".
        arms: what came of every contestant, one entry a split; the splits are the same for all.
    """
    main, first = METRICS[task][0], arms[0]
    header = ["", *METRICS[task], f"{main}, less that of {first[0].name}", *HEADER]
    rows = []
    for arm in arms:
        found = [_shown(mean([one.scores[metric] for one in arm])) for metric in METRICS[task]]
        differences = [one.scores[main] - other.scores[main] for one, other in zip(arm, first, strict=True)]
        difference = "" if arm is first else _shown(mean(differences), sign="+")
        learned = mean([one.parameters for one in arm]).value
        rows.append([arm[0].name, *found, difference, f"{learned:.0f}", f"{mean([one.seconds for one in arm]).value:.2f}"])
    return header, rows


def _shown(found: Mean, sign: str = "") -> str:
    """Show a mean with its interval, both with the decimals that the larger of them asks for."""
    decimals = 3 if abs(found.value) < 100 else 1
    half = f" ± {found.half:.{decimals}f}" if found.n > 1 else ""
    return f"{found.value:{sign}.{decimals}f}{half}"


def _how(asked: Comparison, train: int, test: int) -> str:
    """Say how the numbers came about."""
    penalties = ", ".join(f"{penalty:g}" for penalty in rivals.PENALTIES)
    return (
        f"Mean ± 95 % over {asked.splits} random split{'s' * (asked.splits > 1)} into {train} rows to learn from and {test} "
        f"held out (seeds {asked.seed} to {asked.seed + asked.splits - 1}). In each, every arm but the last"
        f"{' and the rules' * bool(asked.rules)} chose one of the penalties {penalties} by {judging.FOLDS} folds of the training rows. Splits of one table share rows, so the "
        f"intervals are narrower than those for new tables would be. Seconds are of one training."
    )


def _page(title: str, how: str, task: str, arms: Mapping[str, Sequence[Judged]], table: Table, path: Path) -> None:
    """Write the page: how it was done, the table, and a figure of the first metric."""
    metric = METRICS[task][0]
    values = {name: [one.scores[metric] for one in found] for name, found in arms.items()}
    *drawn, last = values  # the baseline may lie so far off that the others could not be told apart
    figure = figures.draw_arms({name: values[name] for name in drawn}, x=f"{metric} on rows held out", ends=ENDS[task])
    words = (
        f"{metric} on rows held out: means with their 95 % intervals, cut where {metric} ends, and every split faintly below. "
        f"Not drawn: {last}, {shown.number(mean(values[last]).value)}."
    )
    page.to_html(title, how, [table, Picture(words, figure)], path)
