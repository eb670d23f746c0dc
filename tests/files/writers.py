"""Processes that write while a test reads, hold a folder, or are killed: `python -m tests.files.writers TASK ARGUMENTS`."""

import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import torch

from onward.files import atomic, lock, sealed

SIZE = 40_000


def write_version(path: Path, version: int) -> None:
    tensors = {name: torch.full((SIZE,), float(version)) for name in ("one", "two")}
    sealed.write(path, "model", tensors, {"version": version})


def version_of(path: Path) -> int:
    """Read the file and give its version; raise if it is not whole or is made of two."""
    found = sealed.read(path, "model")
    version = found.configuration["version"]
    for tensor in found.tensors.values():
        if not bool((tensor == version).all()):
            raise AssertionError(f"the file says version {version} but holds {tensor.unique()}")
    return version


def child(path: Path, first: int, step: int) -> int:
    """Fork a process that rewrites a file until it is killed; give its number."""
    number = os.fork()
    if number:
        return number
    try:
        version = first
        while True:
            write_version(path, version)
            version += step
    finally:
        os._exit(1)


def kills(path: Path, count: int) -> None:
    """Kill a writer at random moments; print how many versions were found and how many writes were cut short."""
    dice = random.Random(0)  # noqa: S311
    versions: Counter[int] = Counter()
    write_version(path, 0)
    for k in range(count):
        number = child(path, 1000 * k, 1)
        time.sleep(dice.uniform(0.01, 0.1))
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        versions[version_of(path)] += 1
    sys.stdout.write(f"{len(versions)} {len(list(path.parent.glob('.*.part')))}")


def two(path: Path, seconds: float) -> None:
    """Let two writers rewrite one file while this process reads it; print how often each was read."""
    write_version(path, 0)
    children = [child(path, first, 0) for first in (1, 2)]
    end = time.monotonic() + seconds
    found: Counter[int] = Counter()
    while time.monotonic() < end:
        found[version_of(path)] += 1
    for number in children:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
    sys.stdout.write(f"{found[1]} {found[2]} {found.total() - found[0] - found[1] - found[2]}")


def full(path: Path) -> None:
    """Write a large file where files may have 100,000 bytes at most; print what is said."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        write_version(path, 2)
    except atomic.WriteFailed as error:
        sys.stdout.write(str(error))


def hold(folder: Path) -> None:
    """Hold a folder until killed."""
    with lock.exclusive(folder):
        sys.stdout.write("held\n")
        sys.stdout.flush()
        time.sleep(600)


if __name__ == "__main__":
    torch.set_num_threads(1)
    task, where, *rest = sys.argv[1:]
    match task:
        case "kills":
            kills(Path(where), int(rest[0]))
        case "two":
            two(Path(where), float(rest[0]))
        case "full":
            full(Path(where))
        case _:
            hold(Path(where))
