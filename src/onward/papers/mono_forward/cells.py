"""The cells of the paper's accuracy tables: which net on which data, by which rule, tuned how.

The paper chose its learning rate and batch by test accuracy and states neither, nor epochs, initial weights or
normalisation (section 4). Here the rate of every cell is chosen among the same three by validation accuracy after a short
run, and the test part is looked at once. Adam with cosine decay, no penalty, no augmentation, no biases (the paper's
parameter counts fit only without), the last weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from onward.datasets import images
from onward.experiments.layers import train_layers, tune
from onward.experiments.spec import Experiment
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.deep_supervision import DeepSupervision
from onward.learners.direct_feedback_alignment import DirectFeedbackAlignment
from onward.learners.feedback_alignment import FeedbackAlignment
from onward.learners.joint import Joint
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import cnn, mlp
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward.blocks import each_block
from onward.training.data import Dataset
from onward.training.fit import Recipe

BATCH = 128


@dataclass(frozen=True)
class Problem:
    """Data, a net, and how long it is trained.

    Attributes:
        name: as in the names of experiments.
        data: makes the data of a seed.
        net: makes the net.
        epochs: passes of a reported run, the same for all rules.
        tuning: passes of a run that chooses the rate.
        rates: learning rates to choose among, the same for all rules.
    """

    name: str
    data: Callable[[int], Dataset]
    net: Callable[..., LayeredNet]
    epochs: int
    tuning: int
    rates: tuple[float, ...] = (0.0003, 0.001, 0.003)


LOW = (0.0001, 0.0003, 0.001)  # for wide nets on photographs

MNIST = Problem("mnist", images.mnist, partial(mlp, (1, 28, 28), (1000, 1000), 10, bias=False), 20, 4)
FASHION = Problem("fashion-mnist", images.fashion_mnist, MNIST.net, 20, 4)
CIFAR_10 = Problem("cifar-10", images.cifar10, partial(mlp, (3, 32, 32), (2000, 2000, 2000), 10, bias=False), 15, 3, LOW)
CIFAR_100 = Problem(
    "cifar-100", images.cifar100, partial(mlp, (3, 32, 32), (2000, 2000, 2000), 100, bias=False), 15, 3, LOW
)
CNN_CIFAR_10 = Problem("cnn-cifar-10", images.cifar10, partial(cnn, (3, 32, 32), 10), 15, 2)

RULES: dict[str, Callable[[LayeredNet], AbstractLearner]] = {
    "bp": Backprop,
    "mf": MonoForward,
    "fa": FeedbackAlignment,
    "dfa": DirectFeedbackAlignment,
    "ds": DeepSupervision,
    "joint": Joint,
}


def recipe(rate: float, epochs: int, products: torch.dtype | None = torch.bfloat16, *, batch: int = BATCH) -> Recipe:
    """Adam with cosine decay; products in bfloat16 unless asked otherwise, weights and losses in float32."""
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=epochs)
    adam = partial(torch.optim.Adam, lr=rate, fused=True)
    return Recipe(adam, epochs, batch, schedule=decay, products=products)


def tuning(problem: Problem, rule: str) -> Experiment:
    """The short runs that choose the rate of a cell: one seed, validation data only."""
    trial = partial(
        tune,
        data=problem.data,
        net=problem.net,
        rule=RULES[rule],
        recipes=tuple(recipe(rate, problem.tuning) for rate in problem.rates),
    )
    return Experiment(f"mf/tuning/{problem.name}/{rule}", trial, seeds=1, together=1)


def cell(
    problem: Problem,
    rule: str,
    chosen: int,
    *,
    seeds: int,
    epochs: int | None = None,
    single: bool = False,
    beside: bool = False,
) -> Experiment:
    """A cell of a table, at the rate that its tuning chose, by its number; `epochs` if other than the problem's.

    `single` computes products in float32 too, to see what half precision does to the accuracy; `beside` is for a rate that was not
    chosen, to see what the choice does.
    """
    trial = partial(
        train_layers,
        data=problem.data,
        net=problem.net,
        rule=RULES[rule],
        recipe=recipe(problem.rates[chosen], epochs or problem.epochs, None if single else torch.bfloat16),
        also=each_block if rule == "mf" else None,
    )
    variant = ("" if epochs is None else f"-{epochs}-epochs") + ("-float32" if single else "")
    variant += f"-at-{problem.rates[chosen]:g}" if beside else ""
    return Experiment(f"mf/accuracy/{problem.name}/{rule}{variant}", trial, seeds=seeds, together=1)
