"""Processes that train on disk until they are killed, or tell their peak memory: `python -m tests.offload.processes TASK ...`."""

import os
import random
import select
import signal
import sys
import time
from pathlib import Path

import torch

from onward.learners.mono_forward import MonoForward
from onward.meters.process import peak_resident
from onward.offload import Blueprint, create, opened, perceptron, running
from onward.training.data import Lesson, Split
from onward.training.fit import Recipe
from tests.offload.made import ADAM, LEARNERS, STEPS, lesson, seeded

KIND = "forward-forward"
EVERY = (1, 3)


def recipe(epochs: int) -> Recipe:
    return Recipe(ADAM, epochs, 8)


def train(folder: Path, epochs: int, every: int, report: int) -> None:
    """Train, writing the number of every step that was yielded to a pipe."""
    with running(folder, LEARNERS[KIND](), lesson(), recipe(epochs), generator=seeded(), every_steps=every) as run:
        for _ in run.steps():
            done = STEPS * len(run.training.history) + run.training.position
            os.write(report, done.to_bytes(4, "little"))


def attempt(folder: Path, epochs: int, every: int, dice: random.Random) -> int:
    """Fork a process that trains, and kill it soon; give the last step that it told of."""
    ours, theirs = os.pipe()
    number = os.fork()
    if not number:
        try:
            train(folder, epochs, every, theirs)
        finally:
            os._exit(0)
    os.close(theirs)
    told, steps = b"", dice.randrange(4)
    while len(told) < 4 * steps and select.select([ours], [], [], 30)[0]:
        part = os.read(ours, 4)
        if not part:
            break
        told += part
    time.sleep(dice.uniform(0, 0.02 if steps else 0.15))
    os.kill(number, signal.SIGKILL)
    while part := os.read(ours, 65536):
        told += part
    os.close(ours)
    os.waitpid(number, 0)
    return int.from_bytes(told[-4:], "little")


def kills(folder: Path, count: int, epochs: int, every: int) -> None:
    """Kill a run so many times, each time looking what is left of it; print the least and the most that was lost, and kills."""
    dice = random.Random(count)  # noqa: S311
    lost, told = [], 0
    for _ in range(count):
        told = max(told, attempt(folder, epochs, every, dice))
        with running(folder, LEARNERS[KIND](), lesson(), recipe(epochs), generator=seeded(9), every_steps=every) as run:
            left = STEPS * len(run.training.history) + run.training.position
            run.learner.check()
        lost.append(told - left)
        told = left
    sys.stdout.write(f"{min(lost)} {max(lost)} {told}")


def plan(depth: int, width: int) -> Blueprint:
    return perceptron(MonoForward, 20, [width] * depth, 4)


def peak(folder: Path, task: str, depth: int, width: int) -> None:
    """Print the peak resident set, in bytes."""
    x = torch.randn(64, 20, generator=seeded())
    if task == "train":
        data = Lesson("noise", Split(x, torch.arange(64) % 4))
        with running(folder, plan(depth, width), data, Recipe(ADAM, 1, 64), generator=seeded(), digest_every=1) as run:
            list(run.steps())
    elif task == "create":
        create(folder, plan(depth, width))
    else:
        with opened(folder, plan(depth, width)) as there:
            there.scores(x)
    sys.stdout.write(str(peak_resident()))


if __name__ == "__main__":
    torch.set_num_threads(1)
    task, where, *rest = sys.argv[1:]
    if task == "kills":
        kills(Path(where), *map(int, rest))
    else:
        peak(Path(where), task, *map(int, rest))
