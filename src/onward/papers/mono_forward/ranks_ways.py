"""What a rank of a trial does: it takes turns with the other at Mono-Forward and BP, alone and together, or shows how much memory one way takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import HashStore  # pyright: ignore[reportPrivateImportUsage]

from onward import pipeline
from onward.learners.mono_forward import MonoForward
from onward.meters.process import peak_resident, resident
from onward.papers.mono_forward import ranks_alone
from onward.papers.mono_forward.ranks_alone import Whole
from onward.papers.mono_forward.ranks_backprop import SCHEDULES, Piped, cut_bytes, part_times
from onward.papers.mono_forward.ranks_case import Case, backward_products
from onward.pipeline.measuring import measured
from onward.pipeline.partition import Partition, balanced
from onward.pipeline.ranks import Ranks
from onward.pipeline.watch import Watch
from onward.pipeline.wire import receive, send
from onward.training.allocator import keep_freed_memory
from onward.training.data import Lesson, Split

PATIENCE = 60.0
ROUNDS, AT_ONCE = 5, 4  # of the wire
TRIED = 3  # steps of a try
WIRE = 2  # the tag of what is sent to time it
Found = dict[str, Any]


def timed(case: Found, seed: int, tell: Callable[[float], None]) -> Found:
    """Time all ways in turns on two ranks; rank 0 finds all but the steady state, which the last rank knows.

    Gives `partition` and `bp_partition`, `bytes` and `bp_bytes` a step, `tries` of a step in some numbers of micro-batches by schedule, the
    quickest of which as `pieces`, and `turns`, each with seconds by way.
    """
    own = _case(case)
    keep_freed_memory()
    with pipeline.joined(patience=PATIENCE) as ranks:
        data = own.data(seed, own.steps)
        x, y = data.train.x[: own.batch], data.train.y[: own.batch]
        partition = _agreed(ranks, "partition", lambda: _blocks(own, seed, x, y))
        rival = _agreed(ranks, "rival", lambda: backward_products(own.net(seed), x))
        piped = Piped(own.net(seed), rival, ranks)
        tries, chosen = _tried(own, piped, ranks, x, y)
        schedules = {name: piped.schedule(name, pieces) for name, pieces in chosen.items()}
        alone = ranks_alone.ways(own, seed, x, y) if ranks.first else {}
        cut = own.net(seed).shapes[partition.sizes[0]]
        turns, sent = [], 0
        for turn in range(own.turns):
            found: Found = {}
            before = ranks.sent
            if ranks.first:
                found["blocks"] = _blocks(own, seed, x, y)
                found["mf_1"] = _alone(own, seed, data)
            dist.barrier()
            together = _together(own, seed, data, ranks, partition)
            sent = ranks.sent - before
            dist.barrier()
            if ranks.last:
                found["mf_2"] = together
            for name, way in alone.items():
                with ranks_alone.threads(way.threads):
                    found[name] = _seconds(way.step, own.few)
            dist.barrier()
            for name, schedule in schedules.items():
                found[name] = _seconds(partial(piped.step, schedule, x, y), own.few, apart=True)
            if ranks.first:
                found["parts"] = part_times(own.net(seed), x, y, own.passes)
            dist.barrier()
            found["wire"] = _wire(ranks, x.new_zeros(own.batch, *cut))
            turns.append(found)
            tell((turn + 1) / own.turns)
        return {
            "partition": list(partition.sizes),
            "bp_partition": list(rival.sizes),
            "bytes": sent / (own.steps * EPOCHS),
            "bp_bytes": cut_bytes(own.net(seed), rival, x),
            "tries": tries,
            "pieces": chosen,
            "turns": turns,
        }


def occupied(case: Found, seed: int, way: str, pieces: int, sizes: list[int], tell: Callable[[float], None]) -> Found:
    """Take a few steps in one way and give the `peak` of this process's resident set in bytes, and what it was `before`.

    Args:
        case: fields of a `Case`.
        seed: of weights and data.
        way: `mf`, `bp`, `gpipe` or `1f1b`.
        pieces: micro-batches of a pipeline of BP.
        sizes: of the partition.
        tell: told when it is done.
    """
    own = _case(case)
    keep_freed_memory()
    before = sum(resident().values())
    with pipeline.joined(patience=PATIENCE) as ranks:
        data = own.data(seed, own.steps) if ranks.first else None
        if way == "mf":
            fitted = pipeline.fit(
                MonoForward(own.net(seed)), data, own.recipe(1), ranks=ranks, generator=torch.Generator(), ahead=1,
                partition=Partition(tuple(sizes)),
            )  # fmt: skip
            list(fitted)
        else:
            x = None if data is None else data.train.x[: own.batch]
            y = torch.zeros(own.batch, dtype=torch.int64) if data is None else data.train.y[: own.batch]
            _learn(way, pieces, own, seed, sizes, ranks, x, y)
    tell(1.0)
    return {"before": before, "peak": peak_resident()}


def _learn(
    way: str, pieces: int, case: Case, seed: int, sizes: list[int], ranks: Ranks, x: Tensor | None, y: Tensor
) -> None:
    if way == "bp":
        assert x is not None  # noqa: S101
        whole = Whole(case.net(seed))
        for _ in range(3):
            whole.step(x, y)
        return
    piped = Piped(case.net(seed), Partition(tuple(sizes)), ranks)
    schedule = piped.schedule(way, pieces)
    for _ in range(3):
        piped.step(schedule, x, y)


def differentiated(
    case: Found, seed: int, name: str, pieces: int, sizes: list[int], tell: Callable[[float], None]
) -> Found:
    """Give the `gradients` of BP's pipeline for one batch, and the `weights` after a step, of the part of this rank.

    Args:
        case: fields of a `Case`.
        seed: of weights and data.
        name: of the schedule.
        pieces: its micro-batches.
        sizes: of the partition.
        tell: told when it is done.
    """
    own = _case(case)
    with pipeline.joined(patience=PATIENCE) as ranks:
        piped = Piped(own.net(seed), Partition(tuple(sizes)), ranks)
        schedule, train = piped.schedule(name, pieces), own.data(seed, 1).train
        piped.gradients(schedule, train.x, train.y)
        gradients = [one.grad.tolist() for one in piped.part.parameters() if one.grad is not None]
        piped.step(schedule, train.x, train.y)
        weights = [one.tolist() for one in piped.part.parameters()]
    tell(1.0)
    return {"gradients": gradients, "weights": weights}


EPOCHS = 4  # of Mono-Forward's pipeline
TASKS: dict[str, Callable[..., Found]] = {"timed": timed, "occupied": occupied, "differentiated": differentiated}


def _case(found: Found) -> Case:
    return Case(**{**found, **{name: tuple(found[name]) for name in ("features", "sizes", "pieces")}})


def _agreed(ranks: Ranks, key: str, times: Callable[[], list[Any]]) -> Partition:
    """Give the partition that rank 0 balances."""
    if ranks.first:
        ranks.note(f"trial/{key}", json.dumps(balanced(times(), ranks.size).sizes))
    return Partition(tuple(json.loads(ranks.read(f"trial/{key}"))))


def _blocks(case: Case, seed: int, x: Tensor, y: Tensor) -> list[float]:
    return measured(MonoForward(case.net(seed)), case.recipe(1), x, y)


def _tried(case: Case, piped: Piped, ranks: Ranks, x: Tensor, y: Tensor) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Give the seconds of a step in every number of micro-batches by schedule, and the number that rank 0 finds the quickest."""
    tries = {
        name: [
            _seconds(partial(piped.step, piped.schedule(name, pieces), x, y), TRIED, apart=True) for pieces in case.pieces
        ]
        for name in SCHEDULES
    }
    if ranks.first:
        ranks.note(
            "trial/pieces", json.dumps({name: case.pieces[times.index(min(times))] for name, times in tries.items()})
        )
    return tries, json.loads(ranks.read("trial/pieces"))


def _alone(case: Case, seed: int, data: Lesson) -> float:
    """Give the seconds a step of Mono-Forward on one rank: of its second epoch, from yield to yield."""
    store: Any = HashStore()
    ranks = Ranks(0, 1, store, Watch(store, 0, 1, patience=PATIENCE))
    count = case.few * case.batch
    short = Lesson(data.name, Split(data.train.x[:count], data.train.y[:count]))
    fitted = pipeline.fit(
        MonoForward(case.net(seed)), short, case.recipe(2), ranks=ranks, generator=torch.Generator(),
        partition=Partition((len(case.sizes),)),
    )  # fmt: skip
    first, second = _yields(fitted)
    return (second - first) / case.few


def _together(case: Case, seed: int, data: Lesson, ranks: Ranks, partition: Partition) -> float:
    """Give the seconds a step of Mono-Forward over the ranks in steady state, as the last rank sees it.

    With `ahead=1` the last rank yields an epoch when it has ended the next one. Between its first two yields it ends the third epoch:
    it was filled in the first, and while it works on the third, the rank before it has the fourth to do.
    """
    fitted = pipeline.fit(
        MonoForward(case.net(seed)), data if ranks.first else None, case.recipe(EPOCHS), ranks=ranks,
        generator=torch.Generator() if ranks.first else None, partition=partition, ahead=1,
    )  # fmt: skip
    first, second, *_ = _yields(fitted)
    return (second - first) / case.steps


def _yields(epochs: Iterator[Any]) -> list[float]:
    return [time.perf_counter() for _ in epochs]


def _seconds(step: Callable[[], None], count: int, *, apart: bool = False) -> float:
    """Give the seconds of a step, after one that warms up; with ranks apart, until all have ended the last."""
    step()
    if apart:
        dist.barrier()
    began = time.perf_counter()
    for _ in range(count):
        step()
    if apart:
        dist.barrier()
    return (time.perf_counter() - began) / count


def _wire(ranks: Ranks, activity: Tensor) -> float:
    """Give the seconds that a byte takes from rank to rank, nobody computing: the median of some rounds of activities, each with an answer."""
    answer, taken = torch.zeros(1), []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(AT_ONCE):
            send(activity, 1, WIRE) if ranks.first else receive(activity, 0, WIRE)
        receive(answer, 1, WIRE) if ranks.first else send(answer, 0, WIRE)
        taken.append((time.perf_counter() - began) / (AT_ONCE * activity.nbytes))
    return median(taken)
