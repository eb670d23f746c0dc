"""The papers' tables and figures: list what can be regenerated, run what is missing, write pages of what is stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from onward.cli.shown import print_table
from onward.experiments import run as running
from onward.experiments.result import Result, seeds_of
from onward.experiments.spec import Experiment
from onward.naming import suggest
from onward.papers.registry import ARTEFACTS, find
from onward.reports import page


def show(results: Path, console: Console) -> None:
    """List what can be regenerated, and how much of it is stored under `results`."""
    rows = []
    for artefact in ARTEFACTS.values():
        have = sum(len(running.stored(experiment, results)) for experiment in artefact.experiments)
        declared = sum(experiment.seeds for experiment in artefact.experiments)
        counts = (str(len(artefact.experiments)), f"{have} of {declared}")
        rows.append((artefact.name, artefact.title, artefact.source, *counts))
    print_table(console, ("name", "what", "source", "experiments", "seeds stored"), rows)
    console.print("`onward run NAME` runs what is missing, `onward report NAME` shows it.", markup=False)


def run(name: str, seeds: int | None, results: Path, console: Console) -> None:
    """Run what is missing of some experiments, with a bar for each.

    Args:
        name: of an artefact, an experiment or the start of its name, or `all`.
        seeds: how many; those declared if None.
        results: folder of what is stored.
        console: shows the bars.

    Raises:
        ValueError: nothing has such a name.
    """
    todo = [(one, missing) for one in _experiments(name) if (missing := running.missing(one, results, one.reported(seeds)))]
    if not todo:
        console.print(
            f"Nothing to run: every result of {name} is stored under {results} as it is declared; {_shows(name)}.",
            markup=False,
        )
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        total = bars.add_task("experiments", total=len(todo))
        for experiment, missing in todo:
            bar = bars.add_task(experiment.name, total=len(missing))

            def tell(part: float, bar: TaskID = bar, count: int = len(missing)) -> None:
                bars.update(bar, completed=int(part * count))

            deque(running.run(experiment, results, missing, tell), maxlen=0)
            bars.update(bar, visible=not console.is_terminal)
            bars.advance(total)
    console.print(f"Stored under {results}; {_shows(name)}.", markup=False)


def report(name: str, to: Path, results: Path, console: Console) -> None:
    """Write pages of stored results, as Markdown and as self-contained HTML.

    Args:
        name: of an artefact, or `all`.
        to: folder of the pages.
        results: folder of what is stored.
        console: told what is written.

    Raises:
        ValueError: there is no such artefact, or nothing of it is stored.
    """
    for artefact in ARTEFACTS.values() if name == "all" else [find(name)]:
        found = {experiment.name: running.stored(experiment, results) for experiment in artefact.experiments}
        have = sum(map(len, found.values()))
        if not have and name == "all":
            console.print(
                f"{artefact.name}: no results under {results} yet; `onward run {artefact.name}` makes them", markup=False
            )
            continue
        if not have:
            if any(seeds_of(results, experiment.name) for experiment in artefact.experiments):
                raise ValueError(
                    f"results of {artefact.name} are stored under {results}, but of another declaration of it; `onward run {artefact.name}` makes them anew"
                )
            raise ValueError(
                f"no results of {artefact.name} are stored under {results}; `onward run {artefact.name}` makes them"
            )
        missing = sum(len(running.missing(experiment, results)) for experiment in artefact.experiments)
        source = provenance(artefact.name, artefact.source, found, missing)
        elements = artefact.render(found)
        page.to_html(artefact.title, source, elements, to / f"{artefact.name}.html")
        written = page.to_markdown(artefact.title, source, elements, to, artefact.name)
        console.print(f"{written.with_suffix('.html')}, {written}", soft_wrap=True)


def provenance(name: str, source: str, found: Mapping[str, Sequence[Result]], missing: int) -> str:
    """Say which command, code and machine the numbers of a report come from."""
    results = [result for group in found.values() for result in group]
    commits = sorted({result.commit[:10] + ("+" if result.commit.endswith("+") else "") for result in results})
    machines = sorted(
        {f"{made['processor']}, {made['cores']} cores; torch {made['torch']}" for made in (r.environment for r in results)}
    )
    together = {(result.experiment, tuple(result.beside)): result.seconds for result in results}
    reduced = f" **Reduced: {missing} of the declared seeds are missing.**" if missing else ""
    return (
        f"{source}. Made by `onward run {name}` and `onward report {name}`; {len(results)} results, "
        f"{sum(together.values()) / 60:.1f} minutes on {' and '.join(machines)}; "
        f"commit {', '.join(commits)}.{reduced}"
    )


def _experiments(name: str) -> list[Experiment]:
    """The experiments that a name means: all, those of an artefact, or those whose name starts so."""
    every = {experiment.name: experiment for artefact in ARTEFACTS.values() for experiment in artefact.experiments}
    if name == "all":
        return list(every.values())
    if name in ARTEFACTS:
        return list(ARTEFACTS[name].experiments)
    found = [experiment for known, experiment in every.items() if known == name or known.startswith(f"{name}/")]
    if not found:
        known = ", ".join((*ARTEFACTS, "all"))
        near = suggest(name, (*ARTEFACTS, "all", *every))
        raise ValueError(f"unknown artefact or experiment {name!r}, expected one of {known}, or an experiment's name{near}")
    return found


def _shows(name: str) -> str:
    """Say which report shows what a name means to `run`."""
    meant = {experiment.name for experiment in _experiments(name)}
    holding = [one.name for one in ARTEFACTS.values() if any(each.name in meant for each in one.experiments)]
    report = name if name in ARTEFACTS else holding[0] if len(holding) == 1 else "all"
    return f"`onward report {report}` shows them"
