"""Training that survives its process: a run is stored between two steps, and goes on as if it had never stopped.

A checkpoint is one sealed file with all that the rest of a run depends on and a description of what it belongs to, so that
what goes on is bitwise the uninterrupted run, and anything else is refused before it changes a weight.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakSet

import torch

from onward.files import atomic, lock, packing, sealed
from onward.training.belonging import belonging, difference
from onward.training.fit import Epoch, Training
from onward.training.interrupts import held_back
from onward.training.stored import from_store, to_store

KIND = "checkpoint"
NAME = "checkpoint.onward"


def save(training: Training, path: str | os.PathLike[str]) -> None:
    """Store a run that stands between two steps: weights, optimiser, schedule, generators, position, history, best weights.

    Raises:
        ValueError: its last step was cut short, or its optimiser, schedule or learner keeps what no file can hold.
        WriteFailed: the file could not be written; what was there is unchanged.
    """
    try:
        skeleton, tensors = packing.pack({"belonging": belonging(training), "state": to_store(training)})
    except TypeError as error:
        raise ValueError(f"the run cannot be stored: {error}") from error
    sealed.write(path, KIND, tensors, {"skeleton": skeleton})


def resume(training: Training, path: str | os.PathLike[str]) -> None:
    """Bring a run, freshly made of the same learner, data and recipe, to where a checkpoint was taken.

    Parts of a recipe that have no name, such as a lambda, are not compared. The generators are set to where they were. The
    recipe may have more epochs than that of the checkpoint, but else be the same, its schedule by name: then the run goes on
    as if it had had them from the first.

    Raises:
        FileDamaged: there is no checkpoint, or it is not as it was written.
        ValueError: it is of another rule, net, data or recipe, or its state is none. The run is unchanged.
    """
    found = sealed.read(path, KIND)
    # tensors of their own, aligned as fresh ones are: products may round differently where they are not
    tensors = {name: tensor.clone() for name, tensor in found.tensors.items()}
    try:
        value = packing.unpack(found.configuration.get("skeleton"), tensors)
        if type(value) is not dict or value.keys() != {"belonging", "state"}:
            raise ValueError("it holds no state")
        differs = difference(value["belonging"], belonging(training))
        if differs is not None:
            raise ValueError(f"it {differs}")
        state = from_store(training, value["state"])
        if _restored(training, state):
            raise ValueError("its last weights, which more epochs would go on from, were replaced by the best ones")
    except ValueError as error:
        raise ValueError(f"{path} cannot be gone on with: {error}") from error
    training.load(state)
    if training.ended and training.best is not None:
        training.best.restore()


def _restored(training: Training, state: Mapping[str, Any]) -> bool:
    """Whether a state that is to be gone on with has the best weights in the place of other, last ones."""
    best, running = state["best"], len(state["history"]) < training.recipe.epochs and not state["position"]
    if best is None or not running:
        return False
    later = (best["since"] > 0) & (best["since"] < training.recipe.patience)
    return bool(later.any()) and all(torch.equal(best["kept"][name], one) for name, one in state["weights"].items())


def run(
    training: Training,
    folder: str | os.PathLike[str],
    *,
    every_seconds: float = 30.0,
    every_steps: int | None = None,
) -> Generator[Epoch, None, None]:
    """Train as `fit` does, with a checkpoint in a folder; from the one that is there, if there is one.

    Epochs that were finished before are in `training.history` and are not yielded again. The run is stored at the start,
    in intervals, at the end (before the best weights are put back, so that it can be given more epochs), and when it is left: by closing the iterator, or by Ctrl-C, which waits for the end of a step
    (pressed twice, it does not, and the last checkpoint stays). A process that is killed loses what came after its last.

    Args:
        training: freshly made of the same learner, data and recipe each time.
        folder: where `checkpoint.onward` lies; made if it is not there, and held while the run lasts.
        every_seconds: time between two checkpoints, at the most, but for the step under way; 0 for one after every step.
        every_steps: steps between two checkpoints, at the most; left out, only time counts.

    Raises:
        ValueError: an interval that is none, or a checkpoint that `resume` refuses.
        FolderBusy: another run holds the folder.
        WriteFailed: a checkpoint could not be written; the one before is unchanged, and the run stands between two steps.
        TrainingFailed: as for `fit`; the last checkpoint is from before.
    """
    if not every_seconds >= 0:
        raise ValueError(f"every_seconds must be at least 0, got {every_seconds}")
    if every_steps is not None and every_steps < 1:
        raise ValueError(f"every_steps must be at least 1, got {every_steps}")
    held = _held(training, Path(folder), every_seconds, every_steps)
    _OPEN.add(held)
    return held


_OPEN: WeakSet[Generator[Epoch, None, None]] = WeakSet()


@atexit.register
def _close() -> None:
    """Close the runs that a program leaves open while tensors can still be stored; later the interpreter would."""
    for held in list(_OPEN):
        held.close()


def _held(training: Training, folder: Path, every_seconds: float, every_steps: int | None) -> Generator[Epoch, None, None]:
    """Go on, in a folder that nobody else holds meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder} cannot be made a folder: {error.strerror}") from error
    path = folder / NAME
    with lock.exclusive(folder):
        atomic.sweep(folder)
        if path.exists():
            resume(training, path)
        else:
            save(training, path)
        steps = _saving(training, path, every_seconds, every_steps)
        try:
            while (epoch := _next(steps)) is not None:
                yield epoch
        except (KeyboardInterrupt, GeneratorExit):
            if training.whole:
                save(training, path)
            raise


def _saving(training: Training, path: Path, every_seconds: float, every_steps: int | None) -> Iterator[Epoch | None]:
    """Go on step by step, saving when it is time."""
    saved, since = time.monotonic(), 0
    for epoch in training.steps():
        since += 1
        if training.ended or since == every_steps or time.monotonic() - saved >= every_seconds:
            save(training, path)
            saved, since = time.monotonic(), 0
        yield epoch


def _next(steps: Iterator[Epoch | None]) -> Epoch | None:
    """Go on to the end of an epoch, or to the end of a step if Ctrl-C is pressed meanwhile; None when there is no more."""
    with held_back() as interrupt:
        for epoch in steps:
            if epoch is not None or interrupt.came:
                return epoch
    return None
