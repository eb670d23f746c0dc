"""Run experiments: only what is missing, one JSON a seed, each stored as soon as it is there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from onward.experiments.result import Result, check_writable, commit, environment, load, seeds_of
from onward.experiments.spec import Experiment, Progress


def stored(experiment: Experiment, root: Path, seeds: Sequence[int] | None = None) -> list[Result]:
    """Give the results that are there and whose spec is unchanged, by seed; of all reported seeds if none are named."""
    wanted = seeds_of(root, experiment.name) if seeds is None else seeds
    found = (load(root, experiment.name, seed) for seed in wanted)
    return [result for result in found if result is not None and result.digest == experiment.digest]


def missing(experiment: Experiment, root: Path, seeds: Sequence[int] | None = None) -> list[int]:
    """Give the seeds that have no stored result of this spec."""
    wanted = experiment.reported() if seeds is None else seeds
    have = {result.seed for result in stored(experiment, root, wanted)}
    return [seed for seed in wanted if seed not in have]


def run(
    experiment: Experiment, root: Path, seeds: Sequence[int] | None = None, progress: Progress = lambda part: None
) -> Iterator[Result]:
    """Run the seeds that are missing, in groups of at most `experiment.together`, and yield each stored result.

    Left at any moment it loses at most the group that it was in; called again it goes on with what is missing.

    Args:
        experiment: what to run.
        root: folder of the stored results.
        seeds: which; left out, those that the experiment declares.
        progress: told the part that is done, 0 to 1.
    """
    todo = missing(experiment, root, seeds)
    if todo:
        check_writable(root)
    made_with, made_by = environment(), commit()
    for start in range(0, len(todo), experiment.together):
        group = todo[start : start + experiment.together]
        began = time.perf_counter()

        def inside(part: float, start: int = start, group: Sequence[int] = group) -> None:
            progress((start + part * len(group)) / len(todo))

        outcomes = experiment.trial(group, inside)
        seconds = time.perf_counter() - began
        for seed, outcome in zip(group, outcomes, strict=True):
            result = Result(
                experiment=experiment.name,
                seed=seed,
                beside=list(group),
                digest=experiment.digest,
                spec=experiment.spec,
                metrics=outcome.metrics,
                history=outcome.history,
                seconds=seconds,
                environment=made_with,
                commit=made_by,
            )
            result.save(root)
            yield result
    progress(1.0)
