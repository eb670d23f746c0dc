"""The trial of streams: a net learns while one passes, goes on without learning through what chooses the rate, and what is judged on.

All seeds that are given are trained side by side. Every learning rate is tried from the same first weights; a seed keeps the one with
its lowest loss on the stretch after what it learned from, and the stretch after that judges. Axes: b streams, t ticks, i features, k targets,
o outputs; `*nets` seeds side by side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from onward.experiments.spec import Outcome, Progress
from onward.learners.streams import AbstractStreamLearner
from onward.meters import over_time
from onward.nets.mesh import MeshNet
from onward.training.fit import TrainingFailed
from onward.training.streaming import Streaming

POINTS = 60  # of a stored series

Rule = Callable[[MeshNet, int], AbstractStreamLearner[Any]]  # of a net, and the number of streams


@dataclass(frozen=True)
class Stretch:
    """A stretch of streams with a target every so many ticks, the first of them at tick `every`.

    Attributes:
        x: inputs.
        y: class numbers, or target vectors.
        every: ticks from one target to the next.
    """

    x: Float[Tensor, "*nets b t i"]
    y: Shaped[Tensor, "*nets b k ..."]
    every: int = 1


@dataclass(frozen=True)
class Passage:
    """What a stream brings, in its order."""

    learned: Stretch
    chosen_by: Stretch
    judged_on: Stretch


def learn_streams(
    seeds: Sequence[int],
    progress: Progress,
    *,
    data: Callable[[int], Passage],
    net: Callable[..., MeshNet],
    rule: Rule,
    rates: Sequence[float],
    keep: int = 0,
) -> list[Outcome]:
    """Learn from streams with Adam, a step a target, choose the rate and judge.

    Args:
        seeds: trained together.
        progress: told the part that is done.
        data: gives the streams of a seed, of the same shape for all.
        net: makes a net, given a `generator`.
        rule: makes a learner of a net and a number of streams.
        rates: of Adam.
        keep: how many of the last targets of the first stream are stored, with what was said of them.
    """
    passages = [data(seed) for seed in seeds]
    learned, chosen_by, judged_on = (
        _stacked([getattr(one, part) for one in passages]) for part in ("learned", "chosen_by", "judged_on")
    )
    nets = [net(generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    streams = learned.x.shape[1]
    lowest = torch.full((len(seeds),), torch.inf)
    metrics: list[dict[str, float | int]] = [{} for _ in seeds]
    histories: list[dict[str, list[float | int]]] = [{} for _ in seeds]
    seconds = 0.0
    for number, rate in enumerate(rates):
        learner = rule(MeshNet.stack(nets), streams)
        began = time.perf_counter()
        try:
            losses = learn(learner, learned, rate, lambda part, n=number: progress((n + part) / len(rates)))
        except TrainingFailed:  # at this rate some seed's net does not stay finite
            continue
        seconds += time.perf_counter() - began
        both = Stretch(torch.cat([chosen_by.x, judged_on.x], 2), judged_on.y, learned.every)
        said = learner.outlook(both.x)[..., learned.every - 1 :: learned.every, :]
        first, last = said[..., : chosen_by.y.shape[2], :], said[..., chosen_by.y.shape[2] :, :]
        loss = _loss(learner, first, chosen_by.y)
        found = {"validation_loss": loss, **_measures(learner, last, judged_on.y)}
        for k in range(len(seeds)):
            if loss[k] < lowest[k]:
                lowest[k] = loss[k]
                metrics[k] = {name: value[k].item() for name, value in found.items()} | {"rate": number}
                histories[k] = {"tick": _places(losses.shape[-1], learned.every), "loss": _binned(losses[k])}
                if keep:
                    histories[k] |= {"said": last[k, 0, -keep:, 0].tolist(), "true": judged_on.y[k, 0, -keep:, 0].tolist()}
    if not lowest.isfinite().all():
        raise TrainingFailed(f"at none of the rates {list(rates)} did the nets of all seeds stay finite")
    alone = rule(nets[0], streams)
    shared = {**bytes_of(alone, streams), "parameters": nets[0].topology.edges, "window": getattr(alone, "window", 0)}
    timed = {"seconds": seconds / len(seeds)}
    return [Outcome({**own, **shared, **timed}, history) for own, history in zip(metrics, histories, strict=True)]


def learn(
    learner: AbstractStreamLearner[Any], stretch: Stretch, rate: float, progress: Progress
) -> Float[Tensor, "*nets k"]:
    """Learn from a stretch, a step of Adam a target; give the losses of the targets, each before its step."""
    streaming = Streaming(learner, partial(torch.optim.Adam, lr=rate, fused=True))
    every, count = stretch.every, stretch.y.shape[2]
    losses = []
    for k in range(count):
        end = (k + 1) * every
        if every > 1:
            streaming.watch(stretch.x[..., end - every : end - 1, :])
        losses.append(streaming.learn(stretch.x[..., end - 1 : end, :], stretch.y[:, :, k : k + 1]))
        if k % 100 == 0:
            progress(k / count)
    return torch.cat(losses, dim=-1)


def bytes_of(learner: AbstractStreamLearner[Any], streams: int) -> dict[str, int]:
    """Count what a learner of one net keeps between two ticks, and the most that is alive within one, its weights included."""
    net = learner.net
    x = net.weight.new_zeros(streams, net.topology.features)
    y = torch.zeros(streams, dtype=torch.int64) if learner.loss.classes else x.new_zeros(streams, net.topology.outputs)
    learner.reset()
    learner.train()

    def ticks(mark: Callable[[], None]) -> None:
        for _ in range(getattr(learner, "window", 1)):
            learner.watch(x)
        list(learner.credit(x, y))

    found = over_time.course(ticks, [net.weight, *net.buffers(), x, y])
    assert learner.past is not None  # noqa: S101
    return {"kept_bytes": learner.past.nbytes, "peak_bytes": found.peak}


def _loss(learner: AbstractStreamLearner[Any], said: Tensor, y: Tensor) -> Float[Tensor, "*nets"]:
    """Give the mean loss over streams and targets."""
    return torch.stack([learner.loss(said[:, :, k], y[:, :, k])[0] for k in range(said.shape[2])]).mean(0)


def _measures(learner: AbstractStreamLearner[Any], said: Tensor, y: Tensor) -> dict[str, Tensor]:
    if learner.loss.classes:
        return {"test_accuracy": (said.argmax(-1) == y).float().mean((1, 2)), "test_loss": _loss(learner, said, y)}
    error = (said - y).square().mean((1, 2, 3))
    return {"test_mse": error, "test_nrmse": (error / y.var((1, 2), correction=0).mean(-1)).sqrt()}


def _stacked(stretches: Sequence[Stretch]) -> Stretch:
    x, y = torch.stack([one.x for one in stretches]), torch.stack([one.y for one in stretches])
    return Stretch(x, y, stretches[0].every)


def _places(count: int, every: int) -> list[float | int]:
    """Give the tick at the end of every bin of targets."""
    return [round((k + 1) * count / min(POINTS, count)) * every for k in range(min(POINTS, count))]


def _binned(losses: Float[Tensor, " k"]) -> list[float | int]:
    """Give the mean loss of every bin of targets."""
    count = len(losses)
    ends = [round((k + 1) * count / min(POINTS, count)) for k in range(min(POINTS, count))]
    return [losses[a:b].mean().item() for a, b in zip([0, *ends[:-1]], ends, strict=True)]
