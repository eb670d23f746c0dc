"""Every solver, any rule for layered nets, and their rivals on a person's own table: tuned alike, judged on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from onward.cli import columns, files, shown, structures
from onward.cli.tables import outputs_of
from onward.experiments.statistics import Mean, mean
from onward.learners.by_name import RULES, Rule, rule
from onward.models import judging, rivals
from onward.models.judging import Judged
from onward.models.parted import part
from onward.models.rivals import Contestant
from onward.models.scores import CLASSES, METRICS
from onward.reports import figures, page
from onward.reports.artefact import Picture, Table
from onward.tables.reading import read_csv
from onward.tables.targets import Target, recognise

HELD_OUT = 0.2
RAREST = 5  # rows of a class: one held out, and enough for every fold to learn it
HEADER = ("parameters", "seconds")
LAYERS = (64, 64)
WIDEST = 10_000  # neurons of a block


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
    rules, layers = [rule(name) for name in asked.rules], layers_of(asked)
    to = asked.to / "index.html"
    files.check_new_folder(asked.to)
    if asked.to.exists():
        files.check(to, force=asked.force, sources=[asked.data])
    table = read_csv(asked.data)
    target = recognise(table, asked.target, task=asked.task, least=RAREST)
    check_rules(rules, target)
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
    how = " ".join([_how(asked, len(parts[0].train_y), len(parts[0].test_y)), *_how_rules(target.task, rules, layers)])
    shown.say(console, how)
    title = f"Predicting {asked.target} of {table.name}"
    scores = Table("What every arm scored on rows held out.", header, rows)
    files.write_together({to: lambda path: _page(title, how, target.task, arms, scores, path)})
    shown.say(console, f"The same with a figure: {to}")
    return to


def layers_of(asked: Comparison) -> tuple[int, ...]:
    """Read the neurons of the blocks of layered nets.

    Raises:
        ValueError: what is no such list, too many neurons, a rule that is asked for twice, or layers without a rule.
    """
    for k, name in enumerate(asked.rules):
        if name in asked.rules[:k]:
            raise ValueError(f"--rule {name} is asked for twice")
    if asked.layers is None:
        return LAYERS
    if not asked.rules:
        raise ValueError(f"--layers is for nets that a --rule teaches, and none is asked for; got {asked.layers!r}")
    parts = asked.layers.split(",")
    if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= WIDEST for part in parts):
        raise ValueError(f"--layers takes whole numbers from 1 to {WIDEST}, as 64,64, got {asked.layers!r}")
    return tuple(int(part) for part in parts)


def check_rules(rules: Sequence[Rule], target: Target) -> None:
    """Refuse rules that cannot predict a target: `ValueError`."""
    for one in rules:
        if target.task != CLASSES and not one.numbers:
            known = ", ".join(name for name, other in RULES.items() if other.numbers)
            raise ValueError(
                f"--rule {one.name} predicts classes only, but {target.name!r} is a number; numbers are predicted by {known}"
            )


def contestants(
    task: str,
    hidden: int,
    features: int,
    outputs: int,
    rows: int,
    rules: Sequence[Rule] = (),
    layers: Sequence[int] = LAYERS,
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


def _how_rules(task: str, rules: Sequence[Rule], layers: Sequence[int]) -> list[str]:
    """Say how layered nets were trained; nothing where there is none."""
    if not rules:
        return []
    named = ", ".join(f"{one.name} ({one.title})" for one in rules)
    rates = ", ".join(f"{rate:g}" for rate in rivals.RATES)
    said = [
        f"Rules: {named}; all teach the same net of {'-'.join(map(str, layers))} ReLU neurons by Adam for {rivals.EPOCHS} "
        f"epochs, and chose one of the learning rates {rates} by the same folds."
    ]
    odd = [one.name for one in rules if not one.calibrated]
    if odd and task == CLASSES:
        said.append(
            f"The scores of {', '.join(odd)} are no log-odds: these chose by accuracy, and their log loss says little."
        )
    return said


def _page(title: str, how: str, task: str, arms: Mapping[str, Sequence[Judged]], table: Table, path: Path) -> None:
    """Write the page: how it was done, the table, and a figure of the first metric."""
    metric = METRICS[task][0]
    values = {name: [one.scores[metric] for one in found] for name, found in arms.items()}
    *drawn, last = values  # the baseline may lie so far off that the others could not be told apart
    figure = figures.draw_arms({name: values[name] for name in drawn}, x=f"{metric} on rows held out")
    words = (
        f"{metric} on rows held out: means with their 95 % intervals, and every split faintly below. Not drawn: {last}, "
        f"{shown.number(mean(values[last]).value)}."
    )
    page.to_html(title, how, [table, Picture(words, figure)], path)
