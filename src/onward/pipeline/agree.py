"""How ranks begin a run together: they see that they mean the same one, share out the blocks, and go on from a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from onward.description import describe
from onward.learners.base import AbstractLearner
from onward.learners.local import LocalRule
from onward.pipeline import cut, holding
from onward.pipeline.drive import Drive, Intervals
from onward.pipeline.measuring import measured
from onward.pipeline.partition import Partition, balanced, check_partition, check_ranks, even
from onward.pipeline.ranks import Ranks
from onward.pipeline.stage import Stage
from onward.pipeline.worker import Worker
from onward.training.alike import check_keys
from onward.training.belonging import belonging, difference
from onward.training.data import Learnable
from onward.training.fit import Recipe, Training
from onward.training.second_order import LevenbergMarquardt


def prepared(
    learner: AbstractLearner,
    data: Learnable | None,
    recipe: Recipe,
    ranks: Ranks,
    generator: torch.Generator | None,
    partition: Partition | None,
    folder: Path | None,
    intervals: Intervals | None,
    places: int,
) -> Worker:
    """Bring a rank to where it can handle its first frame. Arguments and errors as for `run.fit`."""
    rule = holding.local(learner)
    blocks = len(rule.net.blocks)
    check_ranks(blocks, ranks.size)
    check_recipe(recipe)
    check_partition(partition)
    if partition is not None:
        partition.check(blocks, ranks.size)
    prefix = f"run/{ranks.runs}"
    ranks.runs += 1
    drive, about = None, None
    if ranks.first:
        drive, about = _begun(learner, data, recipe, generator, intervals)
    _compare(learner, rule, recipe, ranks, prefix)
    partition, examples = _shared_out(learner, rule, recipe, ranks, prefix, partition, drive)
    own = partition.blocks(ranks.rank)
    for block in own:
        if not holding.held(rule, block):
            raise ValueError(f"this rank is to hold block {block}, whose weights are on another rank since an earlier run")
    holding.release(rule, [block for block in range(blocks) if block not in own])
    stage = Stage(learner, own, recipe)
    worker = Worker(ranks, stage, prefix=prefix, examples=examples, folder=folder, places=places)
    worker.drive, worker.belonging = drive, about
    if folder is not None:
        _go_on(worker, folder, about)
    return worker


def check_recipe(recipe: Recipe) -> None:
    """Refuse optimisers that look at all parameters together: `ValueError`."""
    kind = getattr(recipe.optimiser, "func", recipe.optimiser)
    if isinstance(recipe.optimiser, LevenbergMarquardt) or kind is torch.optim.LBFGS:
        name = getattr(kind, "__name__", type(recipe.optimiser).__name__)
        raise ValueError(
            f"{name} steps all parameters together, but here they are on several ranks; take one such as Adam or SGD"
        )


def _begun(
    learner: AbstractLearner,
    data: Learnable | None,
    recipe: Recipe,
    generator: torch.Generator | None,
    intervals: Intervals | None,
) -> tuple[Drive, dict[str, Any] | None]:
    """Make the drive of rank 0, and what the run belongs to."""
    if data is None or generator is None:
        raise ValueError(f"rank 0 needs {'data to learn from' if data is None else 'a generator of the orders'}, got None")
    if data.train.nets:
        raise ValueError(f"a pipeline trains one net, got data of {data.train.nets[0]} side by side")
    rule = holding.local(learner)
    whole = all(holding.held(rule, block) for block in range(len(rule.net.blocks)))
    if intervals is not None and not whole:
        raise ValueError(
            "a run that is stored begins with the whole learner on rank 0; gather(learner, ranks) brings it there"
        )
    about = None
    if whole:
        training = Training(learner, data, recipe, generator=generator)
        about = None if intervals is None else belonging(training)
    return Drive(data, recipe, generator, intervals), about


def _compare(learner: AbstractLearner, rule: LocalRule, recipe: Recipe, ranks: Ranks, prefix: str) -> None:
    """See that this rank means what rank 0 means: `ValueError`."""
    if ranks.size == 1:
        return
    try:
        told = json.dumps(describe(recipe))
    except (TypeError, AttributeError):  # a lambda
        told = None
    blocks = range(len(rule.net.blocks))
    weights = [holding.digest(holding.tensors(rule, block)) if holding.held(rule, block) else None for block in blocks]
    own = {
        "rule": type(learner).__name__,
        "parameters": [[name, list(one.shape), str(one.dtype)] for name, one in learner.named_parameters()],
        "recipe": told,
        "weights": [holding.digest(holding.shared(learner, rule)), *weights],
    }
    if ranks.first:
        ranks.note(f"{prefix}/about", json.dumps(own))
        return
    its = json.loads(ranks.read(f"{prefix}/about"))
    for what in ("rule", "parameters", "recipe"):
        if None not in (its[what], own[what]) and its[what] != own[what]:
            raise ValueError(f"this rank has another {what.removesuffix('s')} than rank 0; all must call fit alike")
    if any(None not in pair and pair[0] != pair[1] for pair in zip(its["weights"], own["weights"], strict=True)):
        raise ValueError(
            "this rank begins with other weights than rank 0; make the net from a generator of the same seed on all"
        )


def _shared_out(
    learner: AbstractLearner,
    rule: LocalRule,
    recipe: Recipe,
    ranks: Ranks,
    prefix: str,
    partition: Partition | None,
    drive: Drive | None,
) -> tuple[Partition, int]:
    """Give the partition that all ranks have, and the number of examples."""
    if drive is not None:
        train, blocks = drive.data.train, len(rule.net.blocks)
        if partition is None and ranks.size == 1:
            partition = even(blocks, 1)
        elif partition is None:
            size = min(len(train), recipe.batch or len(train))
            share = None if train.share is None else train.share[:size]
            times = measured(learner, recipe, train.x[:size], train.y[:size], share)
            partition = balanced(times, ranks.size)
        ranks.note(f"{prefix}/partition", json.dumps([list(partition.sizes), len(train)]))
        return partition, len(train)
    sizes, examples = json.loads(ranks.read(f"{prefix}/partition"))
    if partition is not None and list(partition.sizes) != sizes:
        raise ValueError(f"this rank was given the partition {list(partition.sizes)}, but rank 0 {sizes}")
    return Partition(tuple(sizes)), examples


def _go_on(worker: Worker, folder: Path, about: dict[str, Any] | None) -> None:
    """Take up the checkpoint in a folder, if there is one; rank 0 says which."""
    ranks, stage, key = worker.ranks, worker.stage, f"{worker.prefix}/checkpoint"
    blocks = len(stage.rule.net.blocks)
    if ranks.first:
        found = cut.published(folder, blocks)
        if found is not None:
            cut.read_part(folder, found[0], cut.ORDER, lambda state: _check_order(worker, state, about))
        ranks.note(key, json.dumps(None if found is None else found[0]))
    step = json.loads(ranks.read(key))
    if step is None:
        return
    found = cut.published(folder, blocks)
    if found is None or found[0] != step:
        raise ValueError(
            f"{folder} holds no checkpoint of step {step} for rank {ranks.rank}; all ranks need the same folder"
        )
    epochs = len(found[1]["history"])
    more = epochs < stage.recipe.epochs
    cut.read_part(folder, step, cut.ORDER, lambda state: stage.load(-1, state["shared"], more=more))
    for block in stage.blocks:
        cut.read_part(folder, step, cut.block_name(block), lambda state, block=block: stage.load(block, state, more=more))
    worker.go_on(step, found[1], epochs)


def _check_order(worker: Worker, state: Any, about: dict[str, Any] | None) -> None:
    check_keys(state, ("drive", "shared", "belonging"), "state")
    if about is not None:
        differs = difference(state["belonging"], about)
        if differs is not None:
            raise ValueError(f"it {differs}")
    assert worker.drive is not None  # noqa: S101
    worker.drive.load(state["drive"])
