"""Solvers by name: what "lm", "adam" and "sgd" mean for so many examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from onward.training.fit import Recipe
from onward.training.second_order import LevenbergMarquardt
from onward.training.steps import Optimiser


@dataclass(frozen=True)
class Solver:
    """What a name stands for.

    Attributes:
        epochs: passes over the data if nothing else is asked for.
        whole: up to so many examples are taken in one step.
        batch: examples a step beyond that.
        optimiser: makes the optimiser, given learning rate and penalty; None for Levenberg-Marquardt.
        learning_rate: if nothing else is asked for.
    """

    epochs: int
    whole: int
    batch: int
    optimiser: Callable[[float, float], Optimiser] | None = None
    learning_rate: float = 0.0


def _adam(rate: float, penalty: float) -> Optimiser:
    return partial(torch.optim.Adam, lr=rate, weight_decay=penalty, fused=True)


def _sgd(rate: float, penalty: float) -> Optimiser:
    return partial(torch.optim.SGD, lr=rate, weight_decay=penalty, momentum=0.9, fused=True)


SOLVERS = {
    "lm": Solver(epochs=100, whole=2000, batch=1000),
    "adam": Solver(epochs=200, whole=32, batch=32, optimiser=_adam, learning_rate=0.01),
    "sgd": Solver(epochs=200, whole=32, batch=32, optimiser=_sgd, learning_rate=0.02),
}


def recipe(
    name: str,
    *,
    examples: int,
    epochs: int | None = None,
    batch: int | None = None,
    learning_rate: float | None = None,
    penalty: float = 0.0,
    damping: float = 0.01,
    patience: int | None = None,
) -> Recipe:
    """Give the recipe of a solver; what is left out is the solver's own.

    Args:
        name: one of `SOLVERS`.
        examples: that are learned from.
        epochs: passes over them, at the most.
        batch: examples a step.
        learning_rate: of Adam or SGD.
        penalty: c of `c/2 |w|^2`, added to the mean loss.
        damping: of Levenberg-Marquardt, at the start.
        patience: epochs without a lower validation loss.
    """
    solver = SOLVERS[name]
    size = batch or (examples if examples <= solver.whole else solver.batch)
    if solver.optimiser is None:
        optimiser = LevenbergMarquardt(damping=damping, penalty=penalty)
    else:
        optimiser = solver.optimiser(learning_rate or solver.learning_rate, penalty)
    part = size < examples  # a step that sees all examples sees them in any order
    return Recipe(optimiser, epochs or solver.epochs, size if part else None, patience=patience, shuffle=part)
