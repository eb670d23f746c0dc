"""Small runs of every kind, and processes that train until they are killed: `python -m tests.training.runs TASK ...`."""

import os
import random
import select
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.optim import lr_scheduler

from onward import graphs
from onward.files import packing
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.training.checkpoint import NAME, resume, run
from onward.training.data import Lesson, Split, stack
from onward.training.fit import Recipe, Training
from onward.training.second_order import LevenbergMarquardt
from onward.training.stored import to_store

STEPS = 4  # an epoch
ADAM = partial(torch.optim.Adam, lr=0.03)
SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
RECIPES = {
    "adam": Recipe(ADAM, 6, batch=8, patience=3),
    "fused": Recipe(partial(torch.optim.Adam, lr=0.03, fused=True), 6, batch=8),
    "momentum": Recipe(SGD, 6, batch=8, schedule=partial(lr_scheduler.MultiStepLR, milestones=[1, 3, 3])),
    "plateau": Recipe(SGD, 6, batch=8, schedule=partial(lr_scheduler.ReduceLROnPlateau, patience=0), shuffle=False),
    "cycle": Recipe(ADAM, 6, batch=8, schedule=partial(lr_scheduler.OneCycleLR, max_lr=0.1, total_steps=6)),
    "lbfgs": Recipe(partial(torch.optim.LBFGS, max_iter=3, lr=0.1), 6, batch=8, patience=4),
    "lm": Recipe(LevenbergMarquardt(), 6, batch=8, patience=6),
    "importance": Recipe(
        ADAM, 6, batch=7, shuffle=False, drop_last=True, schedule=partial(lr_scheduler.StepLR, step_size=2)
    ),
    "stack": Recipe(ADAM, 6, batch=8, patience=2),
    "stacked lm": Recipe(LevenbergMarquardt(), 6, batch=8),
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lesson(seed: int = 0, *, importance: bool = False) -> Lesson:
    x = torch.randn(44, 3, generator=seeded(seed))
    y = (x[:, 0] * x[:, 1] > 0).long()
    counts = torch.rand(44, generator=seeded(seed)) if importance else None
    parts = (slice(0, 30), slice(30, 44))
    train, validation = (Split(x[part], y[part], importance=None if counts is None else counts[part]) for part in parts)
    return Lesson("signs", train, validation)


def net(seed: int = 0, hidden: int = 4) -> MeshNet:
    return MeshNet(graphs.mesh(3, hidden, 2), 3, hidden="tanh", generator=seeded(seed))


def begun(kind: str, seed: int = 0, epochs: int | None = None) -> Training:
    """Make a run; seeds of another number make other first weights and orders, but the same data."""
    recipe = RECIPES[kind]
    if epochs is not None:
        recipe = Recipe(recipe.optimiser, epochs, recipe.batch)
    if "stack" not in kind:
        learner = ForwardOnly(net(seed))
        return Training(learner, lesson(importance=kind == "importance"), recipe, generator=seeded(seed + 50))
    learner = ForwardOnly(MeshNet.stack([net(seed + k) for k in range(3)]))
    lessons = stack([lesson(k, importance=k == 1) for k in range(3)])
    return Training(learner, lessons, recipe, generator=[seeded(seed + k) for k in range(3)])


def same(one: Training, two: Training) -> bool:
    """Tell whether two runs stand bitwise at the same place, but for the time they took."""
    found = []
    for training in (one, two):
        state = to_store(training)
        state.pop("seconds")
        state["history"].pop("seconds")
        found.append(packing.pack(state))
    (skeleton, tensors), (other, others) = found
    return skeleton == other and all(
        tensor.dtype == others[name].dtype and tensor.shape == others[name].shape and torch.equal(tensor, others[name])
        for name, tensor in tensors.items()
    )


def done(training: Training) -> int:
    """Count the steps of a run."""
    return STEPS * len(training.history) + training.position


def train(folder: Path, epochs: int, report: int) -> None:
    """Train with a checkpoint after every step, writing the number of every step that is finished to a pipe."""
    training = begun("adam", epochs=epochs)
    stepper: Any = training.stepper
    step = stepper.step

    def told(*batch: Any) -> Any:
        loss = step(*batch)
        os.write(report, (done(training) + 1).to_bytes(4, "little"))
        return loss

    stepper.step = told
    for _ in run(training, folder, every_steps=1):
        pass


def attempt(folder: Path, epochs: int, dice: random.Random | None) -> int:
    """Fork a process that trains, and kill it within a few steps, or let it end; give the last step it told of."""
    ours, theirs = os.pipe()
    number = os.fork()
    if not number:
        try:
            train(folder, epochs, theirs)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(theirs)
    told = b""
    if dice is not None:
        steps = dice.randrange(5)
        while len(told) < 4 * steps and select.select([ours], [], [], 10)[0]:
            told += os.read(ours, 4) or b"\0" * 4 * steps
        time.sleep(dice.uniform(0, 0.004 if steps else 0.02))
        os.kill(number, signal.SIGKILL)
    while part := os.read(ours, 65536):
        told += part
    os.close(ours)
    status = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    if status != (0 if dice is None else -signal.SIGKILL):
        raise AssertionError(f"the process ended with {status}")
    return int.from_bytes(told[-4:], "little")


def kills(folder: Path, count: int, epochs: int) -> None:
    """Kill a run so many times, each time checking what is left of it, then let it end; print what was seen."""
    dice = random.Random(count)  # noqa: S311
    lost: list[int] = []
    highest = 0
    for _ in range(count):
        highest = max(highest, attempt(folder, epochs, dice))
        left = begun("adam", 9, epochs)
        if (folder / NAME).exists():
            resume(left, folder / NAME)
        lost.append(highest - done(left))
        highest = done(left)
    attempt(folder, epochs, None)
    ended, whole = begun("adam", 9, epochs), begun("adam", epochs=epochs)
    resume(ended, folder / NAME)
    list(whole.steps())
    sys.stdout.write(f"{same(ended, whole)} {min(lost)} {max(lost)} {sum(lost)} {len(list(folder.glob('.*.part')))}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    task, where, *rest = sys.argv[1:]
    match task:
        case "kills":
            kills(Path(where), int(rest[0]), int(rest[1]))
        case _:
            for _ in run(begun(rest[0], 9), where):
                pass
