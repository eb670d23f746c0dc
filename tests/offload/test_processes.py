"""Kills at any moment lose nothing that was committed, and memory does not grow with depth: seen on processes of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from onward.offload import create, opened, train
from onward.training.fit import fit
from tests.offload.made import LEARNERS, lesson, same, seeded
from tests.offload.processes import KIND, plan, recipe

ROOT = Path(__file__).parents[2]


def process(*arguments: object) -> str:
    command = [sys.executable, "-m", "tests.offload.processes", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=900).stdout


def killed(folder: Path, count: int, epochs: int, every: int) -> None:
    least, most, left = map(int, process("kills", folder, count, epochs, every).split())
    assert most <= every - 1, "a step that was committed has been lost"
    assert least >= -1, "more was committed than the step under way"
    assert left, "kills must leave something for this test to mean something"
    whole = LEARNERS[KIND]()
    for _ in fit(whole, lesson(), recipe(epochs), generator=seeded()):
        pass
    for _ in train(folder, LEARNERS[KIND](), lesson(), recipe(epochs), generator=seeded(4), every_steps=every):
        pass
    with opened(folder, LEARNERS[KIND]()) as there:
        there.check()
        assert same(there.load(), whole), "the end differs from that of the run that nobody killed"


def test_a_run_that_is_killed_four_times_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    killed(tmp_path, 4, 4, 1)


@pytest.mark.slow
@pytest.mark.parametrize("every", [1, 3])
def test_a_run_that_is_killed_a_hundred_times_ends_as_if_it_had_not_been(tmp_path: Path, every: int) -> None:
    killed(tmp_path, 100, 60, every)


WIDTH = 700
ADAM_BLOCK = 3 * 4 * WIDTH**2


def slope(folder: Path, task: str, shallow: int, deep: int, width: int) -> float:
    """Give the bytes that a block more takes at the peak."""
    peaks = [int(process(task, folder / str(depth), depth, width)) for depth in (shallow, deep)]
    return (peaks[1] - peaks[0]) / (deep - shallow)


def test_memory_does_not_grow_with_depth(tmp_path: Path) -> None:
    """A block in memory would take 5.9 MB with its optimiser's state, 2 MB without; to a tenth of that none of it is seen."""
    assert abs(slope(tmp_path, "train", 6, 14, WIDTH)) < 0.1 * ADAM_BLOCK / 3


@pytest.mark.slow
def test_memory_of_inference_does_not_grow_with_depth(tmp_path: Path) -> None:
    for depth in (6, 22):
        create(tmp_path / str(depth), plan(depth, WIDTH))
    assert abs(slope(tmp_path, "scores", 6, 22, WIDTH)) < 0.1 * ADAM_BLOCK / 3


@pytest.mark.slow
@pytest.mark.parametrize("task", ["create", "train"])
def test_memory_does_not_grow_with_depth_at_larger_blocks_either(tmp_path: Path, task: str) -> None:
    width = 2000
    assert abs(slope(tmp_path, task, 4, 20, width)) < 0.02 * 4 * width**2
