"""Table 4: what a prediction costs, in time, parameters and multiply-adds, and how it grows with the number of classes.

Times are taken side by side, in turns of many repetitions, on one thread; what does not depend on the machine is their ratio
to BP. Accuracies are those of the nets that the other experiments trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median

import torch
from torch import Tensor

from onward.experiments.result import Result
from onward.experiments.spec import Experiment, Outcome, Progress
from onward.experiments.statistics import mean, values
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_forward import ForwardForward
from onward.learners.mono_forward import MonoForward
from onward.learners.one_pass_forward_forward import OnePassForwardForward
from onward.nets.builders import mlp
from onward.nets.cost import counted
from onward.nets.layered import LayeredNet
from onward.nets.readouts import total
from onward.papers.mono_forward import accuracy_cells, forward_forward
from onward.papers.mono_forward.words import percent
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes
from onward.reports.crowded import draw_spreads

CLASSES = (2, 5, 10, 20, 50, 100)
BATCH = 128
REPETITIONS = {"single": 30, "batch": 3}  # in a turn

PREDICTORS: dict[str, Callable[[LayeredNet], AbstractLearner]] = {
    "ff": ForwardForward,
    "one-pass-ff": OnePassForwardForward,
    "bp": Backprop,
    "mf-total": partial(MonoForward, readout=total),
    "mf-last": MonoForward,
}
NAMES = {
    "ff": "FF",
    "one-pass-ff": "one-pass FF",
    "bp": "BP",
    "mf-total": "Mono-Forward (FF prediction)",
    "mf-last": "Mono-Forward (BP prediction)",
}
# Single (ms), batch (ms), accuracy (%), parameters in thousands.
PRINTED = {
    "ff": (5.6, 13.2, 97.33, 1784),
    "one-pass-ff": (0.5, 1.8, 95.54, 1804),
    "bp": (0.3, 1.1, 98.75, 1794),
    "mf-total": (1.7, 3.1, 98.75, 1804),
    "mf-last": (0.3, 1.1, 98.76, 1794),
}


def measure(
    seeds: Sequence[int],
    progress: Progress,
    *,
    features: tuple[int, ...],
    widths: tuple[int, ...],
    classes: tuple[int, ...],
    batch: int,
    turns: int,
    predictors: Mapping[str, Callable[[LayeredNet], AbstractLearner]],
    repetitions: Mapping[str, int],
) -> list[Outcome]:
    """Time every predictor on one example and on a batch, on one thread, for every number of classes.

    The metrics are medians over the turns, in milliseconds, and parameters and multiply-adds of an example, as
    `bp_single_10`, `bp_batch_10`, `bp_parameters_10`, `bp_products_10`.

    Args:
        seeds: of weights and inputs.
        progress: told the part that is done.
        features: shape of an example.
        widths: of the hidden layers.
        classes: numbers of classes.
        batch: examples in a batch.
        turns: of all predictors one after another.
        predictors: by name, what makes a learner of a net.
        repetitions: of a prediction in a turn, for a `single` example and for a `batch`.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return [
            _measured(seed, progress, features, widths, classes, batch, turns, predictors, repetitions) for seed in seeds
        ]
    finally:
        torch.set_num_threads(threads)


def _measured(
    seed: int,
    progress: Progress,
    features: tuple[int, ...],
    widths: tuple[int, ...],
    classes: tuple[int, ...],
    batch: int,
    turns: int,
    predictors: Mapping[str, Callable[[LayeredNet], AbstractLearner]],
    repetitions: Mapping[str, int],
) -> Outcome:
    metrics: dict[str, float | int] = {}
    for number, count in enumerate(classes):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(batch, *features, generator=generator)
        learners = {}
        for name, rule in predictors.items():
            net = mlp(features, widths, count, bias=False, generator=torch.Generator().manual_seed(seed))
            learners[name] = rule(net).eval()
        for name, learner in learners.items():
            metrics[f"{name}_parameters_{count}"] = _predicting(learner)
            metrics[f"{name}_products_{count}"] = counted(partial(learner.scores, x[:1]))
        for words, part in (("single", x[:1]), ("batch", x)):
            taken: dict[str, list[float]] = {name: [] for name in learners}
            for turn in range(turns + 1):
                for name, learner in learners.items():
                    milliseconds = _time(learner, part, repetitions[words])
                    if turn:  # the first turn warms up
                        taken[name].append(milliseconds)
            metrics |= {f"{name}_{words}_{count}": median(each) for name, each in taken.items()}
        progress((number + 1) / len(classes))
    return Outcome(metrics, {})


def _time(learner: AbstractLearner, x: Tensor, repetitions: int) -> float:
    began = time.perf_counter()
    for _ in range(repetitions):
        learner.scores(x)
    return 1000 * (time.perf_counter() - began) / repetitions


def _predicting(learner: AbstractLearner) -> int:
    """Count the parameters that predicting reads."""
    kept = learner.net if isinstance(learner, MonoForward) and learner.readout is not total else learner
    return sum(parameter.numel() for parameter in kept.parameters())


EXPERIMENT = Experiment(
    "mf/prediction-cost",
    partial(
        measure,
        features=(1, 28, 28),
        widths=(1000, 1000),
        classes=CLASSES,
        batch=BATCH,
        turns=15,
        predictors=PREDICTORS,
        repetitions=REPETITIONS,
    ),
    seeds=3,
    together=1,
)
TRAINED: dict[str, tuple[Experiment | None, str]] = {
    "ff": (forward_forward.CELLS.get("ff"), "test_accuracy"),
    "one-pass-ff": (forward_forward.SHORT[12], "test_accuracy"),
    "bp": (accuracy_cells.CELLS.get(("mnist", "bp")), "test_accuracy"),
    "mf-total": (accuracy_cells.CELLS.get(("mnist", "mf")), "test_accuracy_total"),
    "mf-last": (accuracy_cells.CELLS.get(("mnist", "mf")), "test_accuracy_last"),
}


def render(results: Results) -> list[Element]:
    """Show cost and accuracy beside the paper's, the ratios to BP, and the growth with the number of classes."""
    found = results[EXPERIMENT.name]
    if not found:
        return [Text("Not run: times want an idle machine.")]
    rows = []
    for name, words in NAMES.items():
        experiment, metric = TRAINED[name]
        trained = [] if experiment is None else results[experiment.name]
        single, batch = (mean(values(found, f"{name}_{size}_10")).value for size in ("single", "batch"))
        bp_single, bp_batch = (mean(values(found, f"bp_{size}_10")).value for size in ("single", "batch"))
        printed = PRINTED[name]
        rows.append(
            [
                words,
                f"{printed[0]} / {printed[1]}",
                f"{single:.2f} / {batch:.2f}",
                f"{printed[0] / PRINTED['bp'][0]:.1f} / {printed[1] / PRINTED['bp'][1]:.1f}",
                f"{single / bp_single:.1f} / {batch / bp_batch:.1f}",
                f"{values(found, f'{name}_products_10')[0] / 1e6:.2f}",
                f"{printed[3]}k / {values(found, f'{name}_parameters_10')[0] / 1000:.0f}k",
                f"{printed[2]:.2f}",
                percent(mean(values(trained, metric))) if trained else "not run",
                passes(experiment),
            ]
        )
    header = [
        "predictor", "paper: one / batch, ms", f"onward: one / {BATCH}, ms", "paper: times BP", "onward: times BP",
        "10⁶ multiply-adds", "parameters, paper / onward", "paper, %", "onward, % ± 95 %", "passes",
    ]  # fmt: skip
    return [
        Text(
            "A perceptron of 784, 1000, 1000 and 10 neurons without biases. The paper states neither its machine nor its batch. "
            f"Times are medians of turns taken side by side on one thread ({found[0].environment['processor']}), {len(found)} runs."
        ),
        Table(
            "Table 4: the cost of a prediction on MNIST. Accuracies are of trainings of the pages on accuracy and on Forward-Forward, after "
            "the passes of the last column; those of one-pass FF are the ones that validation chose.",
            header,
            rows,
        ),
        Picture(
            f"Time of a prediction against the number of classes, median of {len(found)} runs with the lowest and the highest; FF tries every label.",
            _figure(found),
        ),
        *(_against_classes(found, size) for size in SIZES),
        *(Text(growth(found, size)) for size in SIZES),
    ]


SIZES = {"single": "one example", "batch": f"{BATCH} examples"}


def passes(experiment: Experiment | None) -> str:
    """Say how many passes the training of an experiment makes, as it is declared."""
    return "" if experiment is None else f"{experiment.spec['trial']['recipe']['epochs']}"


def _against_classes(found: Sequence[Result], size: str) -> Table:
    """Show times at every number of classes."""
    rows = []
    for name, words in NAMES.items():
        times = [values(found, f"{name}_{size}_{count}") for count in CLASSES]
        rows.append([words, *(f"{median(one):.2f} ({min(one):.2f} to {max(one):.2f})" for one in times)])
    caption = f"Milliseconds for {SIZES[size]}, by the number of classes: median of {len(found)} runs (lowest to highest)."
    return Table(caption, ["predictor", *(f"{count} classes" for count in CLASSES)], rows)


def _figure(found: Sequence[Result]) -> Figure:
    axes = row_of_axes(len(SIZES), (9, 3.8))
    for axis, (size, words) in zip(axes, SIZES.items(), strict=True):
        arms = {NAMES[name]: {count: values(found, f"{name}_{size}_{count}") for count in CLASSES} for name in NAMES}
        draw_spreads(arms, x="classes", y=f"{words}, ms", axes=axis)
    whole = figure_of(axes[0])
    whole.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return whole


def growth(found: Sequence[Result], size: str) -> str:
    """Say how times stand to BP's with the fewest and with the most classes."""

    def times(name: str, count: int) -> str:
        ratio = mean([r.metrics[f"{name}_{size}_{count}"] / r.metrics[f"bp_{size}_{count}"] for r in found])
        return f"{ratio.value:.2f} ± {ratio.half:.2f}" if ratio.n > 1 else f"{ratio.value:.2f} (one run)"

    told = [
        f"{words} takes {times(name, CLASSES[0])} times BP with {CLASSES[0]} classes, {times(name, CLASSES[-1])} with {CLASSES[-1]}"
        for name, words in NAMES.items()
        if name != "bp"
    ]
    return f"For {SIZES[size]}: {'; '.join(told)}."


ARTEFACT = Artefact(
    "prediction-cost",
    "What a prediction costs: FF, one-pass FF, BP and Mono-Forward",
    "Mono-Forward, table 4",
    (EXPERIMENT, *(experiment for experiment, _ in dict.fromkeys(TRAINED.values()) if experiment is not None)),
    render,
)
