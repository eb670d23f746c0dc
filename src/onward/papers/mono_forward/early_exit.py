"""Predicting block by block: what examples that leave early save, and what that costs in accuracy.

The paper says that every block predicts on its own (section 3.3); early exit is what follows for prediction. Beside it stand the
whole net and the net that is simply cut: both ways may give away the same accuracy on validation data, and take the cheapest that does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch

from onward.blocks.early_exit import exit_costs
from onward.blocks.exit_curve import ExitPoint, cheapest, exit_curve
from onward.blocks.transparency import Transparency, judge_blocks
from onward.datasets import images
from onward.experiments.layers import train_layers
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, stands, values
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.nets.cost import multiply_adds
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward.cells import recipe
from onward.papers.mono_forward.words import percent, told, within
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, grid_of_axes
from onward.reports.crowded import Change, draw_changes
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe

SEEDS = 3
THRESHOLDS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999, float("inf"))
TOLERANCES = {"equal": 0.0, "near": 0.001}  # validation accuracy that may be given away
TOLD = {"equal": "no loss on validation", "near": "0.1 points lost on validation"}
BATCH = 200
DATA = {"mnist": images.mnist, "fashion-mnist": images.fashion_mnist}
TITLES = {"mnist": "MNIST, 3 x 1000", "fashion-mnist": "Fashion-MNIST, 3 x 1000"}
WIDTHS = (1000, 1000, 1000)
BLOCKS = range(1, len(WIDTHS) + 1)
NET = partial(mlp, (1, 28, 28), WIDTHS, 10, bias=False)
RECIPE = recipe(0.001, 5)


def exits(
    learner: AbstractLearner,
    data: Dataset,
    *,
    thresholds: Sequence[float],
    tolerances: Mapping[str, float],
    batch: int,
) -> dict[str, float]:
    """Measure every threshold and every depth on the test part, and what validation chooses of both for each tolerance.

    Args:
        learner: trained by Mono-Forward.
        data: its validation part chooses.
        thresholds: to leave at.
        tolerances: by name, validation accuracy that may be given away against the whole net.
        batch: examples that go through a net together.

    Raises:
        ValueError: data without a validation part, or a learner of another rule.
    """
    if not isinstance(learner, MonoForward) or data.validation is None:
        raise ValueError(f"early exit wants Mono-Forward and a part that chooses, got {type(learner).__name__}")
    before = exit_curve(learner, data.validation, thresholds, batch=batch, repeats=1)
    tested = exit_curve(learner, data.test, thresholds, batch=batch)
    judged = judge_blocks(learner, data.validation)
    depths = _depths(learner, data.test, batch)
    found: dict[str, float] = {}
    for k, point in enumerate(tested):
        found |= _named(f"point_{k}", point)
    for depth, one in depths.items():
        found |= {f"depth_{depth}_{what}": value for what, value in one.items()}
    for name, tolerance in tolerances.items():
        wanted = _accuracies(judged)[-1] - tolerance
        chosen = before.index(cheapest(before, wanted))
        found |= _named(name, tested[chosen]) | {f"{name}_threshold": min(thresholds[chosen], 2.0)}  # 2: none leaves
        depth = shallowest(_accuracies(judged), wanted)
        found |= {f"cut_{name}_{what}": value for what, value in depths[depth].items()} | {f"cut_{name}_blocks": depth}
    found |= {f"whole_{what}": value for what, value in depths[len(learner.net.blocks)].items()}
    return found | {f"cost_{k}": cost for k, cost in enumerate(exit_costs(learner), 1)}


def shallowest(accuracies: Sequence[float], wanted: float) -> int:
    """Give the fewest blocks, counted from 1, after which a net has at least an accuracy; all of them if none has."""
    return next((k for k, right in enumerate(accuracies, 1) if right >= wanted), len(accuracies))


def _accuracies(judged: Transparency) -> list[float]:
    return [one.accuracy for one in judged.blocks if one.accuracy is not None]


def _depths(learner: MonoForward, split: Split, batch: int) -> dict[int, dict[str, float]]:
    """Measure the plain net that is cut after each block."""
    found = {}
    for depth, right in enumerate(_accuracies(judge_blocks(learner, split)), 1):
        net = learner.truncate(depth)
        costs = {"multiply_adds": multiply_adds(net, net.shapes[0]), "seconds": _seconds(net, split, batch)}
        found[depth] = {"accuracy": right, **costs}
    return found


def _named(name: str, point: ExitPoint) -> dict[str, float]:
    found = {f"{name}_{what}": getattr(point, what) for what in ("accuracy", "multiply_adds", "seconds")}
    return found | {f"{name}_exits_{k}": part for k, part in enumerate(point.exits, 1)}


@torch.no_grad()
def _seconds(net: LayeredNet, split: Split, batch: int, repeats: int = 3) -> float:
    """Seconds an example of a plain net, the median of some runs."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        for x in split.x.split(batch):
            net(x)
        times.append(time.perf_counter() - began)
    return sorted(times)[repeats // 2] / len(split)


def experiment(
    name: str, data: Callable[[int], Dataset], net: Callable[..., LayeredNet] = NET, how: Recipe = RECIPE
) -> Experiment:
    """Train by Mono-Forward, then let examples leave early."""
    also = partial(exits, thresholds=THRESHOLDS, tolerances=TOLERANCES, batch=BATCH)
    trial = partial(train_layers, data=data, net=net, rule=MonoForward, recipe=how, also=also)
    return Experiment(f"mf/early-exit/{name}", trial, seeds=SEEDS, together=1)


EXPERIMENTS = {name: experiment(name, data) for name, data in DATA.items()}


def render(results: Results) -> list[Element]:
    """Show what is saved and lost, the curves, and whether leaving early beats cutting the net."""
    elements: list[Element] = [
        Text(
            f"Nets of three blocks without biases, {RECIPE.epochs} passes of Adam at 0.001 with cosine decay, {SEEDS} seeds; **reduced**. An example leaves "
            f"at the first block whose likeliest class has at least the threshold as probability; validation chooses the cheapest threshold, and "
            f"for the net that is cut the fewest blocks, that keep the accuracy of the last block within a tolerance. Multiply-adds are "
            f"counted exactly, projections included; time is of batches of {BATCH} with products in bfloat16 on a machine that may "
            f"have run other things."
        )
    ]
    for name, experiment in EXPERIMENTS.items():
        ours = results[experiment.name]
        if ours:
            elements += [Text(f"## {TITLES[name]}"), _table(ours), Text(" ".join(verdicts(ours)))]
        else:
            elements += [Text(f"## {TITLES[name]}"), Text("Not run.")]
    figure = _figure(results)
    caption = (
        "Test accuracy minus that of the whole net, paired by seed, mean ± 95 %, against the part of its multiply-adds, at every threshold (small "
        "numbers) and for nets cut after each block. The axis is spread towards the cost of the first block."
    )
    elements += [] if figure is None else [Picture(caption, figure)]
    return elements


WAYS = {
    "whole": "whole net",
    **{f"cut_{name}": f"cut net, {words}" for name, words in TOLD.items()},
    **{name: f"early exit, {words}" for name, words in TOLD.items()},
}


def _table(ours: Sequence[Result]) -> Table:
    rows = []
    for way, words in WAYS.items():
        spent = mean([r.metrics[f"{way}_multiply_adds"] / r.metrics["whole_multiply_adds"] for r in ours])
        time = mean([r.metrics[f"{way}_seconds"] / r.metrics["whole_seconds"] for r in ours])
        right = mean(values(ours, f"{way}_accuracy"))
        if way in TOLERANCES:
            left = " / ".join(f"{100 * mean(values(ours, f'{way}_exits_{k}')).value:.0f}" for k in BLOCKS)
        else:
            depths = (f"{r.metrics.get(f'{way}_blocks', len(WIDTHS))}" for r in ours)
            left = ", ".join(depths)
        rows.append([words, percent(right), f"{spent}", f"{time}", left])
    header = [
        "prediction",
        "test accuracy",
        "multiply-adds, of the whole",
        "time, of the whole",
        "% that leave at each block, or blocks",
    ]
    return Table("Mean ± 95 % over the seeds.", header, rows)


def verdicts(ours: Sequence[Result]) -> list[str]:
    """Say for every tolerance what early exit saves, whether accuracy suffers, and how it stands to the cut net that may lose as much."""
    sentences = []
    for way, words in TOLD.items():
        accuracy = told(within(ours, f"{way}_accuracy", "whole_accuracy"))
        saved = [_share(r, way, "seconds") - 1 for r in ours]
        sentences.append(
            f"With {words}, early exit takes {_third(mean([_share(r, way) for r in ours]))}, and its accuracy against the whole net is {accuracy}; "
            f"{_costs(saved, 'the whole net', 'time')}."
        )
        rival = told(within(ours, f"{way}_accuracy", f"cut_{way}_accuracy"))
        cheaper = [_share(r, way) - _share(r, f"cut_{way}") for r in ours]
        sooner = [_share(r, way, "seconds") - _share(r, f"cut_{way}", "seconds") for r in ours]
        sentences.append(
            f"Against the cut net, with {words}, its accuracy is {rival}; {_costs(cheaper, 'that net', 'multiply-adds')}; "
            f"{_costs(sooner, 'that net', 'time')}."
        )
    asked = mean([_share(r, f"point_{len(THRESHOLDS) - 1}", "seconds") for r in ours])
    return [
        *sentences,
        f"Asking every block, at a threshold that none reaches, takes {_with_interval(asked)} times the time of the whole net.",
    ]


def _third(share: Mean) -> str:
    """Say what part of the multiply-adds is taken, and whether its whole interval is below a third."""
    part = f"{_with_interval(share)} of the whole net's multiply-adds"
    if share.n < 2:
        return part
    return f"{part}, less than a third" if share.value + share.half < 1 / 3 else f"{part}, not surely less than a third"


def _costs(differences: Sequence[float], rival: str, unit: str) -> str:
    """Say how a cost stands to that of a rival, given as parts of the whole net's."""
    found = mean(differences)
    words = {
        "above": f"is above {rival}",
        "below": f"is below {rival}",
        "level": f"is not told apart from {rival}",
        "unknown": "has a cost in one seed, which says nothing about others",
    }
    return f"in {unit} it {words[stands(found)]} ({_with_interval(found, '+')} of the whole net's)"


def _with_interval(found: Mean, sign: str = "") -> str:
    return f"{found.value:{sign}.3f}" + (f" ± {found.half:.3f}" if found.n > 1 else "")


def _share(result: Result, way: str, what: str = "multiply_adds") -> float:
    return result.metrics[f"{way}_{what}"] / result.metrics[f"whole_{what}"]


def changes(ours: Sequence[Result], names: Mapping[str, str]) -> list[Change]:
    """Give what points, named, gain on the whole net in accuracy, in points, at what mean part of its multiply-adds."""
    return [
        Change(
            mean([_share(r, name) for r in ours]).value,
            mean([100 * (r.metrics[f"{name}_accuracy"] - r.metrics["whole_accuracy"]) for r in ours]),
            words,
        )
        for name, words in names.items()
    ]


def _figure(results: Results) -> Figure | None:
    """Draw the data sets that have results, a row each; None if none has."""
    there = {name: results[one.name] for name, one in EXPERIMENTS.items() if results[one.name]}
    if not there:
        return None
    grid = grid_of_axes(len(there), 1, (8.6, 3.4))
    thresholds = {f"point_{k}": f"{one:g}" if one <= 1 else "none leaves" for k, one in enumerate(THRESHOLDS)}
    for (axis,), (name, ours) in zip(grid, there.items(), strict=True):
        lines = {
            "early exit, by threshold": changes(ours, thresholds),
            "net cut after each block": changes(ours, {f"depth_{k}": "" for k in BLOCKS}),
        }
        x, y = "part of the whole net's multiply-adds", "accuracy minus the whole net's, points"
        draw_changes(lines, ticks=(0.29, 0.3, 0.32, 0.35, 0.4, 0.5, 0.6, 0.8, 1.0), x=x, y=y, axes=axis)
        axis.set_title(TITLES[name], fontsize=9)
    return figure_of(grid[0][0])


ARTEFACT = Artefact(
    "early-exit",
    "Early exit: predicting block by block",
    "Mono-Forward, section 3.3, on blocks that predict on their own",
    tuple(EXPERIMENTS.values()),
    render,
)
