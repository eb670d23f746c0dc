"""Figures 4 and 5: how fast Mono-Forward, BP and Forward-Forward learn, and whether depth holds them up.

The paper's setting where it is stated: four layers of 1000, Adam at 0.001, batches of 256; the data are not named, here MNIST. Its
sentence is that Mono-Forward's convergence is "not inhibited" by depth while BP's is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from onward.datasets import images
from onward.experiments.layers import train_layers
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import mean, values
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_forward import ForwardForward
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward import depth
from onward.papers.mono_forward.depth import DEEP_EPOCHS, DEPTHS, LEVEL, NAMES, passes_until
from onward.papers.mono_forward.forward_forward import LABELS
from onward.papers.mono_forward.words import percent
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, grid_of_axes, row_of_axes
from onward.training.data import Dataset
from onward.training.fit import Recipe

RATE, BATCH, WIDTH = 0.001, 256, 1000
EPOCHS, SEEDS = 15, 5  # of the curves
DEEP_SEEDS = 5
ALL, UPPER = (0.0, 1.0), (0.85, 1.0)  # of the axis of accuracy
READ = 1024  # examples whose gradient is read
RULES: dict[str, Callable[[LayeredNet], AbstractLearner]] = {
    "mf": MonoForward,
    "bp": Backprop,
    "ff": partial(ForwardForward, **LABELS),
}
RECIPE = Recipe(partial(torch.optim.Adam, lr=RATE, fused=True), EPOCHS, BATCH, products=torch.bfloat16)
DEEP_RECIPE = Recipe(partial(torch.optim.Adam, lr=RATE, fused=True), DEEP_EPOCHS, BATCH, products=torch.bfloat16)


def _net(layers: int) -> Callable[..., LayeredNet]:
    return partial(mlp, (1, 28, 28), (WIDTH,) * layers, 10, bias=False)


def gradient_norms(learner: AbstractLearner, data: Dataset, *, examples: int) -> dict[str, float]:
    """Give the norm of the gradient of every block's weights, heads left out, on some examples that were learned from."""
    x, y = data.train.x[:examples], data.train.y[:examples]
    found: dict[str, list[Tensor]] = {}
    for credit in learner.credit(x, y):
        for name, gradient in credit.gradients.items():
            if name.startswith("net.blocks."):
                found.setdefault(name.split(".")[2], []).append(gradient.float().norm())
    return {f"gradient_norm_{int(block) + 1}": float(torch.stack(norms).norm()) for block, norms in found.items()}


def _experiment(name: str, rule: str, layers: int, recipe: Recipe, seeds: int) -> Experiment:
    also = partial(gradient_norms, examples=READ)
    trial = partial(train_layers, data=images.mnist, net=_net(layers), rule=RULES[rule], recipe=recipe, also=also)
    return Experiment(f"mf/convergence/{name}", trial, seeds=seeds, together=1)


CURVES = {rule: _experiment(rule, rule, 4, RECIPE, SEEDS) for rule in RULES}
DEEP = {
    (rule, layers): _experiment(f"depth-{layers:02}/{rule}", rule, layers, DEEP_RECIPE, DEEP_SEEDS)
    for rule in ("mf", "bp")
    for layers in DEPTHS
}


def render(results: Results) -> list[Element]:
    """Show the curves of the three rules, those of nets of some depths, and the gradients of their blocks; judge the sentence."""
    curves = {rule: results[one.name] for rule, one in CURVES.items()}
    deep = {key: results[one.name] for key, one in DEEP.items()}
    elements: list[Element] = [Text(PROTOCOL), _finals(curves)]
    if any(curves.values()):
        elements.append(Picture("4 x 1000: validation accuracy, mean over the seeds with its 95 % band.", _drawn(curves)))
    elements += [Text("## Depth"), _depths(deep), depth.table(deep), Text(depth.verdict(deep))]
    if any(deep.values()):
        elements += [
            Picture(
                "Validation accuracy by depth, mean with its 95 % band: all of it above, the upper part below.",
                _drawn_deep(deep),
            )
        ]
        elements += [
            Picture(
                f"Norm of the gradient of each block's weights after training, on {READ} examples; geometric mean with the 95 % interval of the "
                "mean of the logarithm. A block of Mono-Forward learns the same whatever is behind it, so its curves lie on one another.",
                _norms(deep),
            )
        ]
    return elements


PROTOCOL = (
    f"MNIST, layers of {WIDTH} without biases, Adam at {RATE} without decay, batches of {BATCH}, products in bfloat16, rates not tuned, as in the paper; "
    f"curves of {EPOCHS} passes and {SEEDS} seeds (the paper: 10 or more), depths of {DEEP_EPOCHS} passes and {DEEP_SEEDS} seeds: **reduced**. Nets are read by "
    "their last block."
)


def _finals(curves: Mapping[str, Sequence[Result]]) -> Table:
    rows = [[NAMES[rule], percent(mean(values(ours, "test_accuracy")))] for rule, ours in curves.items() if ours]
    return Table("Test accuracy after all passes, per cent: mean ± 95 %.", ["rule", "4 x 1000"], rows)


def _depths(deep: Mapping[tuple[str, int], Sequence[Result]]) -> Table:
    rows = [
        [
            NAMES[rule],
            f"{layers}",
            percent(mean(values(ours, "test_accuracy"))),
            f"{mean([passes_until(result, LEVEL) for result in ours])}",
        ]
        for (rule, layers), ours in deep.items()
        if ours
    ]
    header = ["rule", "layers", "test accuracy, %", f"passes until {100 * LEVEL:.0f} % on validation"]
    caption = f"Mean ± 95 % over the seeds; {DEEP_EPOCHS + 1} passes stand for never."
    return Table(caption, header, rows)


def _drawn(curves: Mapping[str, Sequence[Result]]) -> Figure:
    axes = row_of_axes(2, (8.4, 3.6))
    for axis, (metric, words) in zip(axes, {"validation_accuracy": "validation accuracy", "loss": "training loss"}.items(), strict=True):  # fmt: skip
        series = {
            NAMES[rule]: (list(range(1, EPOCHS + 1)), [result.history[metric] for result in ours])
            for rule, ours in curves.items()
            if ours and (metric != "loss" or rule != "ff")  # Forward-Forward's loss is of another kind
        }
        figures.draw_curves(series, x="passes", y=words, axes=axis, log=metric == "loss")
    return figure_of(axes[0])


def _drawn_deep(deep: Mapping[tuple[str, int], Sequence[Result]]) -> Figure:
    grid = grid_of_axes(2, 2, (4.6, 2.9))
    for row, (low, high) in zip(grid, (ALL, UPPER), strict=True):
        for axis, rule in zip(row, ("mf", "bp"), strict=True):
            series = {
                f"{layers} layers": (
                    list(range(1, DEEP_EPOCHS + 1)),
                    [result.history["validation_accuracy"] for result in ours],
                )
                for layers in DEPTHS
                if (ours := deep.get((rule, layers), []))
            }
            figures.draw_curves(series, x="passes", y="validation accuracy", axes=axis)
            axis.set_ylim(low, high)
            axis.set_title(NAMES[rule], fontsize=9)
            if row is not grid[-1]:  # the lowest says it for all
                axis.set_xlabel("")
                if (legend := axis.get_legend()) is not None:
                    legend.remove()
    return figure_of(grid[0][0])


def _norms(deep: Mapping[tuple[str, int], Sequence[Result]]) -> Figure:
    axes = row_of_axes(2, (8.4, 3.6))
    for axis, rule in zip(axes, ("mf", "bp"), strict=True):
        series = {
            f"{layers} layers": {block: values(ours, f"gradient_norm_{block}") for block in range(1, layers + 1)}
            for layers in DEPTHS
            if (ours := deep.get((rule, layers), []))
        }
        figures.draw_geometric_means(series, x="block", y="norm of the gradient", axes=axis)
        axis.set_title(NAMES[rule], fontsize=9)
        axis.set_xticks(DEPTHS)
    return figure_of(axes[0])


ARTEFACT = Artefact(
    "convergence",
    "Convergence, and whether depth holds it up",
    "Mono-Forward, figures 4 and 5",
    (*CURVES.values(), *DEEP.values()),
    render,
)
