"""The trials of memory: one step of Mono-Forward and of its rivals, counted on tensors without memory, against depth and batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from onward.experiments.spec import Outcome, Progress
from onward.learners.accumulated import Accumulated
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.nets.layered import LayeredNet
from onward.training.fit import Recipe
from onward.training.step_cost import StepCost, step_cost
from onward.training.ways import Rule

OPTIMISERS: dict[str, Recipe] = {
    "adam": Recipe(partial(torch.optim.Adam, fused=True), 1),
    "sgd": Recipe(partial(torch.optim.SGD, lr=0.1, fused=True), 1),
}


def perceptron(depth: int, *, features: int, width: int, outputs: int) -> LayeredNet:
    """Make hidden layers of one width without biases; no numbers are drawn, as none are looked at."""
    with torch.device("meta"):
        sizes = [features, *[width] * depth]
        pairs = itertools.pairwise(sizes)
        blocks = [nn.Sequential(nn.Linear(i, o, bias=False), nn.ReLU(inplace=True)) for i, o in pairs]
        return LayeredNet(blocks, nn.Linear(width, outputs, bias=False), features=(features,))


def convolutional(depth: int, *, maps: int, side: int, outputs: int) -> LayeredNet:
    """Make 3x3 convolutions of one number of maps on pictures of three channels, no pooling between, without biases."""
    with torch.device("meta"):
        depths = [3, *[maps] * depth]
        pairs = itertools.pairwise(depths)
        blocks = [nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.ReLU(inplace=True)) for i, o in pairs]
        head = nn.Sequential(nn.Flatten(), nn.Linear(maps * side * side, outputs, bias=False))
        return LayeredNet(blocks, head, features=(3, side, side))


def in_pieces(net: LayeredNet, *, pieces: int) -> Accumulated:
    """Mono-Forward of a batch in pieces, as its rival has it: the gradients of all blocks are summed, and none is freed before the last."""
    return Accumulated(MonoForward(net), pieces)


def over_a_step(
    seeds: Sequence[int],
    progress: Progress,
    *,
    net: Callable[[], LayeredNet],
    batch: int,
    ways: Mapping[str, Rule],
    recipe: Recipe,
) -> list[Outcome]:
    """Count the bytes after every operation of one step, for every way; nothing is drawn, so all seeds are alike."""
    metrics: dict[str, float | int] = {}
    history: dict[str, list[float | int]] = {}
    for done, (way, rule) in enumerate(ways.items()):
        cost = _cost(rule(net()), recipe, batch)
        metrics |= {f"{way}_peak": cost.peak, f"{way}_valley": cost.course.valley, f"{way}_products": cost.products[-1]}
        history[f"{way}_bytes"], history[f"{way}_updates"] = list(cost.course.bytes), list(cost.course.marks)
        history[f"{way}_products"] = list(cost.products)
        progress((done + 1) / len(ways))
    return [Outcome(metrics, history) for _ in seeds]


def against_depth(
    seeds: Sequence[int],
    progress: Progress,
    *,
    net: Callable[[int], LayeredNet],
    depths: tuple[int, ...],
    batches: tuple[int, ...],
    ways: Mapping[str, Rule],
    recipes: Mapping[str, Recipe],
) -> list[Outcome]:
    """Count the peak of a step for every way, optimiser, batch and depth, as `mf_adam_128_peaks` over the depths.

    Beside it stands the peak of the very first step (`first`), in which an optimiser has no state yet, and that of a step which
    holds its gradients to the end (`kept`), as steps do where nobody frees them.
    """
    history: dict[str, list[float | int]] = {"depths": list(depths)}
    todo = [(way, name, batch) for way in ways for name in recipes for batch in batches]
    for done, (way, name, batch) in enumerate(todo):
        for kind, flags in (("peaks", {}), ("first", {"first": True}), ("kept", {"keep_gradients": True})):
            costs = [_cost(ways[way](net(depth)), recipes[name], batch, **flags) for depth in depths]
            history[f"{way}_{name}_{batch}_{kind}"] = [cost.peak for cost in costs]
        progress((done + 1) / len(todo))
    return [Outcome({}, history) for _ in seeds]


def _cost(learner: AbstractLearner, recipe: Recipe, batch: int, **flags: Any) -> StepCost:
    net = getattr(learner, "net", None) or learner.get_submodule("learner.net")
    assert isinstance(net, LayeredNet)  # noqa: S101
    return step_cost(learner, recipe, net.shapes[0], batch, net.outputs, **flags)
