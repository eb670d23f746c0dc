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
from onward.papers.mono_forward.forward_forward import LABELS
from onward.papers.mono_forward.words import against, percent, told
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes
from onward.training.data import Dataset
from onward.training.fit import Recipe

RATE, BATCH, WIDTH = 0.001, 256, 1000
EPOCHS, SEEDS = 15, 5  # of the curves
DEEP_EPOCHS, DEEP_SEEDS = 8, 3
DEPTHS = (2, 4, 8, 16)
READ = 1024  # examples whose gradient is read
RULES: dict[str, Callable[[LayeredNet], AbstractLearner]] = {
    "mf": MonoForward,
    "bp": Backprop,
    "ff": partial(ForwardForward, **LABELS),
}
NAMES = {"mf": "Mono-Forward", "bp": "BP", "ff": "Forward-Forward"}
RECIPE = Recipe(partial(torch.optim.Adam, lr=RATE, fused=True), EPOCHS, BATCH, products=torch.bfloat16)
DEEP_RECIPE = Recipe(partial(torch.optim.Adam, lr=RATE, fused=True), DEEP_EPOCHS, BATCH, products=torch.bfloat16)


def _net(depth: int) -> Callable[..., LayeredNet]:
    return partial(mlp, (1, 28, 28), (WIDTH,) * depth, 10, bias=False)


def gradient_norms(learner: AbstractLearner, data: Dataset, *, examples: int) -> dict[str, float]:
    """Give the norm of the gradient of every block's weights, heads left out, on some examples that were learned from."""
    x, y = data.train.x[:examples], data.train.y[:examples]
    found: dict[str, list[Tensor]] = {}
    for credit in learner.credit(x, y):
        for name, gradient in credit.gradients.items():
            if name.startswith("net.blocks."):
                found.setdefault(name.split(".")[2], []).append(gradient.float().norm())
    return {f"gradient_norm_{int(block) + 1}": float(torch.stack(norms).norm()) for block, norms in found.items()}


def _experiment(name: str, rule: str, depth: int, recipe: Recipe, seeds: int) -> Experiment:
    also = partial(gradient_norms, examples=READ)
    trial = partial(train_layers, data=images.mnist, net=_net(depth), rule=RULES[rule], recipe=recipe, also=also)
    return Experiment(f"mf/convergence/{name}", trial, seeds=seeds, together=1)


CURVES = {rule: _experiment(rule, rule, 4, RECIPE, SEEDS) for rule in RULES}
DEEP = {
    (rule, depth): _experiment(f"depth-{depth:02}/{rule}", rule, depth, DEEP_RECIPE, DEEP_SEEDS)
    for rule in ("mf", "bp")
    for depth in DEPTHS
}


def passes_until(result: Result, accuracy: float) -> float:
    """Give the passes after which validation accuracy first was that high; one more than all if it never was."""
    curve = result.history["validation_accuracy"]
    return float(next((k for k, one in enumerate(curve, 1) if one >= accuracy), len(curve) + 1))


def render(results: Results) -> list[Element]:
    """Show the curves of the three rules, those of nets of some depths, and the gradients of their blocks; judge the sentence."""
    curves = {rule: results[one.name] for rule, one in CURVES.items()}
    deep = {key: results[one.name] for key, one in DEEP.items()}
    elements: list[Element] = [Text(PROTOCOL), _finals(curves)]
    if any(curves.values()):
        elements.append(Picture("4 x 1000: validation accuracy, mean over the seeds with its 95 % band.", _drawn(curves)))
    elements += [Text("## Depth"), _depths(deep), Text(verdict(deep))]
    if any(deep.values()):
        elements += [Picture("Validation accuracy by depth, mean with its 95 % band.", _drawn_deep(deep))]
        elements += [
            Picture(
                f"Norm of the gradient of each block's weights after training, on {READ} examples; mean with its 95 % interval.",
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


LEVEL = 0.97


def _depths(deep: Mapping[tuple[str, int], Sequence[Result]]) -> Table:
    rows = [
        [
            NAMES[rule],
            f"{depth}",
            percent(mean(values(ours, "test_accuracy"))),
            f"{mean([passes_until(result, LEVEL) for result in ours])}",
        ]
        for (rule, depth), ours in deep.items()
        if ours
    ]
    header = ["rule", "layers", "test accuracy, %", f"passes until {100 * LEVEL:.0f} % on validation"]
    caption = f"Mean ± 95 % over the seeds; {DEEP_EPOCHS + 1} passes stand for never."
    return Table(caption, header, rows)


def verdict(deep: Mapping[tuple[str, int], Sequence[Result]]) -> str:
    """Judge "not inhibited by depth" by the accuracy of the deepest net against that of the shallowest and by the passes that either needs to
    come to a level, paired by seed.
    """
    told_so = []
    for rule in ("mf", "bp"):
        shallow, deepest = (deep.get((rule, depth), []) for depth in (DEPTHS[0], DEPTHS[-1]))
        if shallow and deepest:
            change = told(against(deepest, shallow, "test_accuracy", "test_accuracy"))
            told_so.append(
                f"{NAMES[rule]} with {DEPTHS[-1]} layers against {DEPTHS[0]}: {change}, {_later(deepest, shallow)}"
            )
    return f"*Not inhibited by depth*, after as many passes: {'; '.join(told_so)}." if told_so else "Not run."


def _later(deepest: Sequence[Result], shallow: Sequence[Result]) -> str:
    """Say how many passes later the deepest net comes to the level."""
    first = {result.seed: passes_until(result, LEVEL) for result in shallow}
    change = mean([passes_until(result, LEVEL) - first[result.seed] for result in deepest if result.seed in first])
    never = sum(max(result.history["validation_accuracy"]) < LEVEL for result in deepest)
    spread = f" ± {change.half:.1f}" if change.n > 1 else " in one seed"
    never_so = f" ({never} of {len(deepest)} never do, which counts as {DEEP_EPOCHS + 1})" if never else ""
    return f"{change.value:+.1f}{spread} passes to {100 * LEVEL:.0f} % on validation{never_so}"


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
    axes = row_of_axes(2, (8.4, 3.6))
    for axis, rule in zip(axes, ("mf", "bp"), strict=True):
        series = {
            f"{depth} layers": (list(range(1, DEEP_EPOCHS + 1)), [result.history["validation_accuracy"] for result in ours])
            for depth in DEPTHS
            if (ours := deep.get((rule, depth), []))
        }
        figures.draw_curves(series, x="passes", y="validation accuracy", axes=axis)
        axis.set_title(NAMES[rule], fontsize=9)
        axis.set_ylim(0.9, 1.0)
    return figure_of(axes[0])


def _norms(deep: Mapping[tuple[str, int], Sequence[Result]]) -> Figure:
    axes = row_of_axes(2, (8.4, 3.6))
    for axis, rule in zip(axes, ("mf", "bp"), strict=True):
        series = {
            f"{depth} layers": {block: mean(values(ours, f"gradient_norm_{block}")) for block in range(1, depth + 1)}
            for depth in DEPTHS
            if (ours := deep.get((rule, depth), []))
        }
        figures.draw_means(series, x="block", y="norm of the gradient", axes=axis)
        axis.set_title(NAMES[rule], fontsize=9)
        axis.set_xticks(DEPTHS)
        axis.set_yscale("log")
    return figure_of(axes[0])


ARTEFACT = Artefact(
    "convergence",
    "Convergence, and whether depth holds it up",
    "Mono-Forward, figures 4 and 5",
    (*CURVES.values(), *DEEP.values()),
    render,
)
