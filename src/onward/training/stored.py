"""The state of a training run as a file holds it, and back again, with nothing believed that was not checked.

A state from a file is compared, entry by entry, with that of the run which is to take it; only what fits is given back.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from onward.training import rehearsal
from onward.training.alike import check_keys, like, plain, shown
from onward.training.fit import Training, steps_an_epoch
from onward.training.steps import GradientSteps

LOSSES = ("loss", "validation_loss", "validation_accuracy")
NUMBERS = ("seconds", "passes")
KEYS = {"weights", "stepper", "best", "generators", "order_from", "position", "losses", "history", "seconds"}


def to_store(training: Training) -> dict[str, Any]:
    """Give a run's state in plain types, the history as columns: a thousand epochs are no more entries than one.

    Raises:
        ValueError: the last step was cut short.
    """
    state, history = training.state(), training.history
    columns: dict[str, Tensor | None] = {
        name: torch.tensor([getattr(epoch, name) for epoch in history], dtype=torch.float64) for name in NUMBERS
    }
    for name in LOSSES:
        column = [getattr(epoch, name) for epoch in history]
        columns[name] = torch.stack(column) if column and column[0] is not None else None
    losses = torch.stack(state["losses"]) if state["losses"] else None
    return plain({**state, "history": columns, "losses": losses})


def from_store(training: Training, found: Any) -> dict[str, Any]:
    """Give what `training.load` takes; the training is left as it is.

    Raises:
        ValueError: something is missing, of the wrong type or shape, or cannot be; as the end of a sentence about a file.
    """
    check_keys(found, KEYS, "state")
    recipe, nets = training.recipe, training.data.train.nets
    epochs, history = _history(training, found["history"])
    position, steps = found["position"], steps_an_epoch(training.data.train, recipe)
    if type(position) is not int or not 0 <= position < steps:
        raise ValueError(f"its position must be a step from 0 to {steps - 1} of an epoch, got {shown(position)}")
    if epochs + bool(position) > recipe.epochs:
        raise ValueError(f"it has {epochs} epochs and {position} steps, but the recipe ends after {recipe.epochs} epochs")
    if (found["best"] is None) != (training.best is None):
        raise ValueError(f"its best weights are {'missing' if training.best else 'of another recipe'}")
    if isinstance(training.stepper, GradientSteps):
        stepper = rehearsal.checked(found["stepper"], training.stepper, recipe, more=epochs < recipe.epochs)
    else:
        stepper = like(found["stepper"], training.stepper.state(), "stepper")
    if type(stepper["seen"]) is not int or stepper["seen"] < 0:
        raise ValueError(f"its count of examples must be a whole number from 0, got {shown(stepper['seen'])}")
    if type(found["seconds"]) is not float or not 0 <= found["seconds"] < math.inf:
        raise ValueError(f"its seconds must be a number from 0, got {shown(found['seconds'])}")
    return {
        "weights": like(found["weights"], training.learner.state_dict(), "weights"),
        "stepper": stepper,
        "best": None if training.best is None else like(found["best"], training.best.state(), "best weights"),
        "generators": _generators(training, found["generators"], "generators"),
        "order_from": _generators(training, found["order_from"], "orders"),
        "position": position,
        "losses": _column(found["losses"], (position, *nets), "losses").clone().unbind() if position else [],
        "history": history,
        "seconds": found["seconds"],
    }


def _history(training: Training, found: Any) -> tuple[int, list[dict[str, Any]]]:
    """Give the number of epochs and the history as `Training.state` has it."""
    check_keys(found, {*LOSSES, *NUMBERS}, "history")
    seconds, nets, validation = found["seconds"], training.data.train.nets, training.data.validation is not None
    n = len(seconds) if isinstance(seconds, Tensor) and seconds.ndim == 1 else 0
    there = {
        "loss": True,
        "validation_loss": validation,
        "validation_accuracy": validation and training.learner.loss.classes,
    }
    columns: dict[str, list[Any]] = {}
    for name in (*LOSSES, *NUMBERS):
        if not there.get(name, True) or (name in LOSSES and not n):
            if found[name] is not None:
                raise ValueError(f"its history must have no {name}, got {shown(found[name])}")
            columns[name] = [None] * n
            continue
        column = _column(found[name], (n, *(nets if name in LOSSES else ())), f"history of {name}")
        if name in LOSSES:
            columns[name] = list(column.clone().unbind())
            continue
        columns[name] = column.tolist()
        if column.dtype != torch.float64 or not column.isfinite().all() or (column < 0).any():
            raise ValueError(f"its history of {name} must be float64, finite and not below 0, got {shown(column)}")
    rows = zip(*columns.values(), strict=True)
    return n, [{"number": k, **dict(zip(columns, row, strict=True))} for k, row in enumerate(rows, start=1)]


def _column(found: Any, shape: tuple[int, ...], place: str) -> Tensor:
    if not isinstance(found, Tensor) or tuple(found.shape) != shape or not found.is_floating_point():
        raise ValueError(f"its {place} must be floating-point numbers of shape {list(shape)}, got {shown(found)}")
    return found


def _generators(training: Training, found: Any, place: str) -> list[Tensor]:
    """Give the states of generators, each tried on a generator of its own."""
    if type(found) is not list or len(found) != len(training.generators):
        raise ValueError(f"its {place} must be a list of {len(training.generators)}, got {shown(found)}")
    for state, generator in zip(found, training.generators, strict=True):
        try:
            torch.Generator(generator.device).set_state(state)
        except (RuntimeError, TypeError):
            raise ValueError(f"its {place} must be states of a generator, got {shown(state)}") from None
    return found
