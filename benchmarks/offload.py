"""A net that is larger than its memory: blocks on disk, trained on MNIST, with the time, the bytes and the peak of memory.

    python benchmarks/offload.py FOLDER [--blocks 60] [--width 3400] [--batch 1024] [--steps 300] [--threads 2] [--products bfloat16] [--normalise batch]

Perceptron blocks with He's first weights and batch normalisation, taught by Mono-Forward with Adam. (With layer normalisation,
`--normalise layer --rate 0.0003`, no block from about the 20th on had left ln 10 after 50 steps.) Everything is done in
processes of its own, so that the peak resident set (anonymous, shared and mapped pages, `VmHWM`) is that of the training, or of
the inference, alone. Stop it at any time: the same command goes on from the last step. What was seen is printed, and kept in
`FOLDER/result.json`, a line a step in `FOLDER/steps.jsonl`. MNIST is found as `onward data` says (`ONWARD_DATA`).

The folder takes twice the net with its Adam state: 17 GB of 60 blocks of 3400. Memory is (ahead + 1 + behind) blocks with their
state (139 MB each), one gradient (46 MB), seven activities of a batch (14 MB each at 1024) and torch itself (about 310 MB, with
what its optimisers import); MNIST (188 MB in float32) is mapped, and its pages are given back after each step. With one block
read ahead and none behind that is 0.75 to 0.8 GB, with one behind too 0.9 GB.
"""

from __future__ import annotations

import argparse
import json
import math
import mmap
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from onward.experiments.result import environment
from onward.files import atomic
from onward.learners.mono_forward import MonoForward
from onward.meters.process import peak_resident, resident
from onward.nets import draw
from onward.offload import Blueprint, opened, perceptron, running
from onward.offload.rates import rates
from onward.training.data import Lesson, Split
from onward.training.fit import Recipe
from onward.training.metrics import accuracy

TOGETHER = 1000  # test pictures whose scores are computed at once
NORMALISE: dict[str, Callable[[int], nn.Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}
PARTS = ("x", "y", "test_x", "test_y")


def main() -> None:
    """Run the tasks one after another, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="on the disk that is to be measured")
    for name, default, what in (
        ("blocks", 60, "of the net"),
        ("width", 3400, "neurons of a block"),
        ("batch", 1024, "pictures a step"),
        ("steps", 300, "to train in all"),
        ("threads", 2, "that compute"),
        ("ahead", 1, "blocks read ahead"),
        ("behind", 0, "blocks written behind"),
        ("commit", 1, "steps between two commits"),
        ("pictures", 60_000, "to learn from; the first of an order drawn once"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{what} (default {default})")
    parser.add_argument("--rate", type=float, default=0.0001, help="learning rate of Adam (default 0.0001)")
    parser.add_argument("--products", choices=("float32", "bfloat16"), default="bfloat16", help="dtype (default bfloat16)")
    parser.add_argument("--normalise", choices=tuple(NORMALISE), default="batch", help="by what (default batch)")
    parser.add_argument("--task", choices=("prepare", "train", "infer"), help=argparse.SUPPRESS)
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    settings.folder.mkdir(parents=True, exist_ok=True)
    if settings.task is not None:
        {"prepare": prepare, "train": train, "infer": infer}[settings.task](settings)
        return
    for task in ("prepare", "train", "infer"):
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--task", task], check=True)  # noqa: S603
    told = {name: value for name, value in vars(settings).items() if name not in ("folder", "task")}
    parts = {task: json.loads((settings.folder / f"{task}.json").read_text()) for task in ("train", "infer")}
    result = {
        "settings": told,
        "environment": environment(),
        **parts,
        "disk": rates(settings.folder, 3 * 4 * settings.width**2)._asdict(),
    }
    (settings.folder / "result.json").write_text(json.dumps(result, indent=1))
    show(result)


def plan(settings: argparse.Namespace) -> Blueprint:
    """Plan the net."""
    widths = [settings.width] * settings.blocks
    return perceptron(MonoForward, 784, widths, 10, normalise=NORMALISE[settings.normalise], initialise=draw.he)


def prepare(settings: argparse.Namespace) -> None:
    """Write MNIST in an order drawn once, so that training needs no copy of it in another order."""
    if all((settings.folder / part).exists() for part in PARTS):
        return
    from onward import datasets

    data = datasets.mnist(0, validation=0)
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))[: settings.pictures]
    x, y = data.train.take(order)
    for part, value in zip(PARTS, (x.flatten(1), y, data.test.x.flatten(1), data.test.y), strict=True):
        atomic.write(settings.folder / part, value.numpy().tobytes())


class Mapped:
    """Pictures and their classes in mapped files, whose pages count as memory from when they are looked at until they are dropped."""

    def __init__(self, folder: Path, x: str, y: str) -> None:
        """Map two files."""
        self.maps = []
        for part in (x, y):
            with (folder / part).open("rb") as file:
                self.maps.append(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        self.x = torch.frombuffer(self.maps[0], dtype=torch.float32).view(-1, 784)
        self.y = torch.frombuffer(self.maps[1], dtype=torch.int64)

    def drop(self) -> None:
        """Give the pages back; they are read from the file again when they are looked at again."""
        for one in self.maps:
            one.madvise(mmap.MADV_DONTNEED)


def train(settings: argparse.Namespace) -> None:
    """Train, a line a step."""
    pictures = Mapped(settings.folder, "x", "y")
    data = Lesson("MNIST", Split(pictures.x, pictures.y))
    pictures.drop()
    a_pass = math.ceil(len(data.train) / settings.batch)
    optimiser = partial(torch.optim.Adam, lr=settings.rate, fused=True)
    # as many epochs as will do, so that the recipe is the same if there are to be more steps
    products = torch.bfloat16 if settings.products == "bfloat16" else None
    recipe = Recipe(optimiser, 10_000, settings.batch, shuffle=False, products=products)
    log = settings.folder / "steps.jsonl"
    with running(
        settings.folder / "net",
        plan(settings),
        data,
        recipe,
        generator=torch.Generator().manual_seed(0),
        every_steps=settings.commit,
        ahead=settings.ahead,
        behind=settings.behind,
    ) as run:
        store, stream = run.learner.stream.store, run.learner.stream
        done = len(run.training.history) * a_pass + run.training.position
        lines = log.read_text().splitlines()[:done] if log.exists() else []
        log.write_text("".join(f"{line}\n" for line in lines))
        steps = run.steps()
        while done < settings.steps:
            before = (time.perf_counter(), stream.waited, store.read_bytes, store.written_bytes)
            next(steps)
            pictures.drop()
            done += 1
            now = (time.perf_counter(), stream.waited, store.read_bytes, store.written_bytes)
            seconds, waited, read, written = (one - other for one, other in zip(now, before, strict=True))
            line: dict[str, Any] = {"step": done, "seconds": seconds, "waited": waited, "read": read, "written": written}
            line |= {"losses": run.learner.losses, "peak": peak_resident(), **resident()}
            with log.open("a") as file:
                file.write(f"{json.dumps(line)}\n")
            bar(
                "training", done, settings.steps, f"{seconds:.1f} s a step, loss of the last block {line['losses'][-1]:.3f}"
            )
        net = sum(layout.bytes for layout in store.layouts)
    found = [json.loads(line) for line in log.read_text().splitlines()]
    seconds = sum(line["seconds"] for line in found)
    summary: dict[str, Any] = {"steps": len(found), "net_bytes": net, "seconds": seconds}
    summary |= {key: sum(line[key] for line in found) for key in ("waited", "read", "written")}
    summary["peak"] = max([line["peak"] for line in found] + [peak_resident()])
    summary["first_losses"], summary["last_losses"] = found[0]["losses"], found[-1]["losses"]
    summary["below_chance"] = [stays_below([line["losses"][k] for line in found]) for k in range(settings.blocks)]
    summary["median_seconds"], summary["least_seconds"] = (
        choose(line["seconds"] for line in found) for choose in (median, min)
    )
    (settings.folder / "train.json").write_text(json.dumps(summary))


def stays_below(losses: list[float]) -> int | None:
    """Give the step from which on a loss is below that of a guess, ln 10; None if it is not at the end."""
    above = [step for step, loss in enumerate(losses, 1) if loss >= math.log(10)]
    first = above[-1] + 1 if above else 1
    return first if first <= len(losses) else None


def infer(settings: argparse.Namespace) -> None:
    """Score the test pictures from the disk."""
    pictures = Mapped(settings.folder, "test_x", "test_y")
    x, y = pictures.x, pictures.y
    with opened(settings.folder / "net", plan(settings), ahead=settings.ahead) as there:
        began, scores = time.perf_counter(), []
        for number, part in enumerate(x.split(TOGETHER), 1):
            scores.append(there.scores(part))
            bar("inference", number, math.ceil(len(x) / TOGETHER), "")
        seconds, stream = time.perf_counter() - began, there.stream
    found = {"pictures": len(x), "seconds": seconds, "waited": stream.waited, "read": stream.store.read_bytes}
    found |= {"accuracy": accuracy(torch.cat(scores), y).item(), "peak": peak_resident()}
    (settings.folder / "infer.json").write_text(json.dumps(found))


def bar(words: str, done: int, of: int, more: str) -> None:
    """Draw how far it is."""
    filled = 30 * done // of
    print(
        f"\r{words} [{'#' * filled}{'.' * (30 - filled)}] {done}/{of} {more}\033[K",
        end="\n" if done == of else "",
        flush=True,
    )


def show(result: dict[str, Any]) -> None:
    """Print what was seen."""
    train, infer, speed = result["train"], result["infer"], result["disk"]
    moved = train["read"] + train["written"]
    alive = [step for step in train["below_chance"] if step is not None]
    losses = train["last_losses"]
    print(f"net with Adam's state    {train['net_bytes'] / 1e9:8.2f} GB in {result['settings']['blocks']} blocks")
    print(f"peak resident, training  {train['peak'] / 1e9:8.3f} GB over {train['steps']} steps")
    print(f"peak resident, inference {infer['peak'] / 1e9:8.3f} GB over {infer['pictures']} pictures")
    print(
        f"seconds a step           {train['seconds'] / train['steps']:8.2f}, of which {train['waited'] / train['steps']:.2f} for the disk; the quickest {train['least_seconds']:.2f}"
    )
    print(
        f"read and written         {moved / train['steps'] / 1e9:8.2f} GB a step, {moved / train['seconds'] / 1e9:.2f} GB/s"
    )
    print(
        f"the disk alone           {speed['both'] / 1e9:8.2f} GB/s both ways at once, {speed['read'] / 1e9:.2f} read, {speed['write'] / 1e9:.2f} written"
    )
    print(f"inference                {infer['read'] / infer['seconds'] / 1e9:8.2f} GB/s, accuracy {infer['accuracy']:.4f}")
    print(
        f"blocks below ln 10       {len(alive):8d} from step {max(alive, default=0)} on, losses at the end {min(losses):.3f} to {max(losses):.3f}"
    )


if __name__ == "__main__":
    main()
