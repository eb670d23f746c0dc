"""Predicting block by block: what examples that leave early save, and what that costs in accuracy.

The paper says that every block predicts on its own (section 3.3); early exit is what follows for prediction. Beside it stand the
whole net and the net that is simply cut after the block that validation names as the best.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import torch

from onward.blocks.early_exit import exit_costs
from onward.blocks.exit_curve import ExitPoint, cheapest, exit_curve
from onward.blocks.transparency import judge_blocks
from onward.datasets import images
from onward.experiments.layers import train_layers
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import mean, values
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.nets.cost import multiply_adds
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward.cells import recipe
from onward.papers.mono_forward.claims import stands, told, within
from onward.papers.mono_forward.words import percent
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe

SEEDS = 3
THRESHOLDS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999, float("inf"))
TOLERANCES = {"equal": 0.0, "near": 0.001}  # validation accuracy that may be given away
TOLD = {"equal": "no loss on validation", "near": "0.1 points lost on validation"}
BATCH = 200
DATA = {"mnist": images.mnist, "fashion-mnist": images.fashion_mnist}
TITLES = {"mnist": "MNIST, 3 x 1000", "fashion-mnist": "Fashion-MNIST, 3 x 1000"}
NET = partial(mlp, (1, 28, 28), (1000, 1000, 1000), 10, bias=False)
RECIPE = recipe(0.001, 5)


def exits(learner: AbstractLearner, data: Dataset, *, thresholds: Sequence[float], batch: int) -> dict[str, float]:
    """Measure every threshold on the test part, with those that validation chooses, the whole net and the cut one.

    Raises:
        ValueError: data without a validation part, or a learner of another rule.
    """
    if not isinstance(learner, MonoForward) or data.validation is None:
        raise ValueError(f"early exit wants Mono-Forward and a part that chooses, got {type(learner).__name__}")
    before = exit_curve(learner, data.validation, thresholds, batch=batch, repeats=1)
    tested = exit_curve(learner, data.test, thresholds, batch=batch)
    found: dict[str, float] = {}
    for k, point in enumerate(tested):
        found |= _named(f"point_{k}", point)
    whole = judge_blocks(learner, data.validation)
    assert whole.last.accuracy is not None  # noqa: S101
    for name, tolerance in TOLERANCES.items():
        chosen = before.index(cheapest(before, whole.last.accuracy - tolerance))
        found |= _named(name, tested[chosen]) | {f"{name}_threshold": min(thresholds[chosen], 2.0)}  # 2: none leaves
    judged = judge_blocks(learner, data.test)
    for name, depth in (("whole", len(learner.net.blocks)), ("cut", whole.best + 1)):
        net, right = learner.truncate(depth), judged.blocks[depth - 1].accuracy
        assert right is not None  # noqa: S101
        found |= {f"{name}_accuracy": right, f"{name}_multiply_adds": multiply_adds(net, net.shapes[0])}
        found |= {f"{name}_seconds": _seconds(net, data.test, batch), f"{name}_blocks": depth}
    return found | {f"cost_{k}": cost for k, cost in enumerate(exit_costs(learner), 1)}


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
    also = partial(exits, thresholds=THRESHOLDS, batch=BATCH)
    trial = partial(train_layers, data=data, net=net, rule=MonoForward, recipe=how, also=also)
    return Experiment(f"mf/early-exit/{name}", trial, seeds=SEEDS, together=1)


EXPERIMENTS = {name: experiment(name, data) for name, data in DATA.items()}


def render(results: Results) -> list[Element]:
    """Show what is saved and lost, the curves, and whether leaving early beats cutting the net."""
    elements: list[Element] = [
        Text(
            f"Nets of three blocks without biases, {RECIPE.epochs} passes of Adam at 0.001 with cosine decay, {SEEDS} seeds; **reduced**. An example leaves "
            f"at the first block whose likeliest class has at least the threshold as probability; validation chooses the cheapest threshold that "
            f"keeps the accuracy of the last block. Multiply-adds are counted exactly, projections included; time is of batches of "
            f"{BATCH} with products in bfloat16 on a machine that may have run other things."
        )
    ]
    for name, experiment in EXPERIMENTS.items():
        ours = results[experiment.name]
        if ours:
            elements += [Text(f"## {TITLES[name]}"), _table(ours), Text(" ".join(verdicts(ours)))]
        else:
            elements += [Text(f"## {TITLES[name]}"), Text("Not run.")]
    elements.append(
        Picture("Test accuracy against multiply-adds over the thresholds, mean with its 95 % band.", _figure(results))
    )
    return elements


WAYS = {
    "whole": "whole net",
    "cut": "cut after the best block",
    **{name: f"early exit, {words}" for name, words in TOLD.items()},
}


def _table(ours: Sequence[Result]) -> Table:
    rows = []
    for way, words in WAYS.items():
        spent = mean([r.metrics[f"{way}_multiply_adds"] / r.metrics["whole_multiply_adds"] for r in ours])
        time = mean([r.metrics[f"{way}_seconds"] / r.metrics["whole_seconds"] for r in ours])
        right = mean(values(ours, f"{way}_accuracy"))
        if way in TOLERANCES:
            left = " / ".join(f"{100 * mean(values(ours, f'{way}_exits_{k}')).value:.0f}" for k in (1, 2, 3))
        else:
            left = ", ".join(f"{r.metrics[f'{way}_blocks']}" for r in ours)
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
    """Say what early exit saves, whether accuracy suffers, and whether a cut net does as well for less."""
    sentences = []
    for way, words in TOLD.items():
        change = within(ours, f"{way}_accuracy", "whole_accuracy")
        saved = mean([r.metrics["whole_multiply_adds"] / r.metrics[f"{way}_multiply_adds"] for r in ours])
        sentences.append(
            f"With {words}, early exit takes 1/{saved.value:.2f} of the multiply-adds; its accuracy against the whole net is {told(change)}."
        )
    rival = within(ours, "equal_accuracy", "cut_accuracy")
    cheaper = mean([r.metrics["equal_multiply_adds"] - r.metrics["cut_multiply_adds"] for r in ours])
    costs = {"above": "costs more than", "below": "costs less than", "level": "costs as much as"}.get(
        stands(cheaper), "of one seed"
    )
    sentences.append(f"Against the net that is cut after its best block it is {told(rival)} and {costs} it.")
    return sentences


def _figure(results: Results) -> Figure:
    axes = row_of_axes(len(EXPERIMENTS), (8.4, 3.6))
    for axis, (name, experiment) in zip(axes, EXPERIMENTS.items(), strict=True):
        ours = results[experiment.name]
        if ours:
            points = range(len(THRESHOLDS))
            places = [mean(values(ours, f"point_{k}_multiply_adds")).value / 1e6 for k in points]
            series = [[result.metrics[f"point_{k}_accuracy"] for k in points] for result in ours]
            figures.draw_curves({"early exit": (places, series)}, x="million multiply-adds", y="test accuracy", axes=axis)
        axis.set_title(TITLES[name], fontsize=9)
    return figure_of(axes[0])


ARTEFACT = Artefact(
    "early-exit",
    "Early exit: predicting block by block",
    "Mono-Forward, section 3.3, on blocks that predict on their own",
    tuple(EXPERIMENTS.values()),
    render,
)
