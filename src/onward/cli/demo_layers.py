"""The demonstration's layers: one perceptron learns digits by Mono-Forward and by backpropagation, and what is shown of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from rich.progress import Progress
from sklearn.datasets import load_digits
from torch import Tensor

from onward.kernels.losses import cross_entropy
from onward.learners.base import AbstractLearner
from onward.learners.by_name import Rule, rule
from onward.learners.mono_forward import MonoForward
from onward.meters.retained import retained_bytes
from onward.nets.builders import mlp
from onward.reports import figures
from onward.reports.artefact import Element, Picture, Table, Text
from onward.training.data import Dataset, Split, partition
from onward.training.fit import Recipe, fit
from onward.training.metrics import accuracy

BLOCKS = (256, 256, 256)
EPOCHS, BATCH, RATE = 25, 100, 0.001
RULES = ("mf", "bp")
HEADER = ("digits, by", *(f"block {k}" for k in range(1, len(BLOCKS) + 1)), "kept for blame", "training")


@dataclass(frozen=True)
class Taught:
    """What came of a rule.

    Attributes:
        rule: by which the net was taught.
        curves: validation accuracy after every epoch, of each block that predicts by itself; of others, of the last.
        right: test accuracy, likewise.
        kept: bytes that are alive when a batch's loss is evaluated, beside weights and batch.
        seconds: of training.
    """

    rule: Rule
    curves: list[list[float]]
    right: list[float]
    kept: int
    seconds: float


def digits(seed: int) -> Dataset:
    """Handwritten digits (1797 images of 8 x 8, 10 classes; shipped with scikit-learn)."""
    x, y = map(np.asarray, load_digits(return_X_y=True))
    return partition("digits", x, y, seed=seed)


def taught(seed: int, bars: Progress) -> list[Taught]:
    """Teach the same net by every rule, in the same order of examples."""
    data = digits(seed)
    return [_teach(rule(name), data, seed, bars) for name in RULES]


def rows(found: Sequence[Taught]) -> list[list[str]]:
    """Give a row for every rule, under `HEADER`: the test accuracy of each block, what is kept, and seconds."""
    given = []
    for one in found:
        blocks = ["-"] * (len(BLOCKS) - len(one.right)) + [f"{right:.3f}" for right in one.right]
        given.append([one.rule.title, *blocks, f"{one.kept / 1000:.0f} kB", f"{one.seconds:.1f} s"])
    return given


def shown(found: Sequence[Taught]) -> list[Element]:
    """Show what came of the rules, in a table and a figure."""
    local, whole = found
    said = (
        f"The same perceptron of {len(BLOCKS)} blocks of {BLOCKS[0]} neurons, from the same first weights, on 8 x 8 images. "
        f"Mono-Forward teaches each block by its own scores while the batch passes, so every block predicts, and no more than the "
        f"input and the output of one block is kept at a time, however many there are. Backpropagation keeps the activities "
        f"of all blocks until the way back."
    )
    words = (
        f"Test accuracy by block, after {EPOCHS} epochs. Kept for blame is what is alive beside the weights when the loss of a "
        f"batch of {BATCH} is evaluated: {whole.kept} bytes by backpropagation, {local.kept} by Mono-Forward."
    )
    named = {f"Mono-Forward, block {k}": curve for k, curve in enumerate(local.curves, 1)}
    named[whole.rule.title] = whole.curves[-1]
    series = {name: (range(1, EPOCHS + 1), [curve]) for name, curve in named.items()}
    return [
        Text("## Digits, block by block"),
        Text(said),
        Table(words, HEADER, rows(found)),
        Picture(
            "Accuracy on validation data over the epochs.", figures.draw_curves(series, x="epoch", y="validation accuracy")
        ),
    ]


def _teach(chosen: Rule, data: Dataset, seed: int, bars: Progress) -> Taught:
    generator = torch.Generator().manual_seed(seed)
    net = mlp(data.train.x.shape[1], BLOCKS, 10, generator=generator)
    learner = chosen.teach(net, cross_entropy, generator)
    kept = retained_bytes(learner, data.train.x[:BATCH], data.train.y[:BATCH])
    recipe = Recipe(partial(torch.optim.Adam, lr=RATE), EPOCHS, BATCH)
    bar = bars.add_task(f"digits, {chosen.title}", total=EPOCHS, says="")
    assert data.validation is not None  # noqa: S101
    seen, began = [], time.perf_counter()
    for epoch in fit(learner, data, recipe, generator=torch.Generator().manual_seed(seed)):
        seen.append(_by_block(learner, data.validation))
        bars.update(bar, completed=epoch.number, says=f"loss {epoch.loss.item():.4f}, validation {seen[-1][-1]:.3f}")
    seconds = time.perf_counter() - began
    curves = [list(curve) for curve in zip(*seen, strict=True)]
    return Taught(chosen, curves, _by_block(learner, data.test), kept, seconds)


@torch.no_grad()
def _by_block(learner: AbstractLearner, split: Split) -> list[float]:
    scores: list[Tensor] = learner.goodness(split.x) if isinstance(learner, MonoForward) else [learner.scores(split.x)]
    return [accuracy(one, split.y).item() for one in scores]
