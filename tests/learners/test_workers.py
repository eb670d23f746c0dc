"""Threads that are kept: the same ones from step to step, one thread of PyTorch each, none left when nobody needs them."""

import copy
import gc
import os
import subprocess
import sys
import threading
from threading import Barrier, Thread

import pytest
import torch
from torch import Tensor

from onward import graphs
from onward.learners.forward_only import ForwardOnly
from onward.learners.workers import AsPyTorch, Workers
from onward.nets.mesh import MeshNet

NAME = "onward-part"


def here() -> set[Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith(NAME)}


def side_by_side(workers: Workers) -> list[str]:
    """The names of the threads that do two parts, which wait for each other."""
    together = Barrier(2)

    def work(part: int) -> str:
        together.wait(timeout=30)
        return threading.current_thread().name

    return list(workers.map(work, [0, 1]))


def test_parts_are_done_at_the_same_time_and_given_in_their_order() -> None:
    workers = Workers(2)
    assert len(set(side_by_side(workers))) == 2
    assert list(workers.map(lambda part: part * part, [3, 1, 2, 5])) == [9, 1, 4, 25]


def test_one_thread_or_one_part_starts_none() -> None:
    before = here()
    assert list(Workers(1).map(str, [1, 2])) == ["1", "2"]
    assert list(Workers(2).map(str, [1])) == ["1"]
    assert here() == before


def test_there_are_as_many_threads_as_pytorch_has_when_work_is_asked_for() -> None:
    before, started = torch.get_num_threads(), here()
    workers = AsPyTorch()
    try:
        torch.set_num_threads(1)
        assert list(workers.map(str, [1, 2])) == ["1", "2"]
        assert here() == started
        for threads in (2, 3):
            torch.set_num_threads(threads)
            together = Barrier(threads)
            waited = workers.map(lambda part, gate=together: gate.wait(timeout=30) >= 0, range(threads))
            assert list(waited) == [True] * threads
        inside = Workers(2).map(lambda part: list(workers.map(lambda _: threading.current_thread().name, [1, 2])), [1, 2])
        assert all(len(set(names)) == 1 for names in inside)  # no threads of threads
    finally:
        torch.set_num_threads(before)


def test_every_thread_has_one_of_pytorch_whatever_the_others_have() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        workers = Workers(2)
        for asked in (3, 2):
            torch.set_num_threads(asked)
            assert set(workers.map(lambda part: torch.get_num_threads(), range(8))) == {1}
            assert torch.get_num_threads() == asked
    finally:
        torch.set_num_threads(before)


def test_what_fails_in_a_part_is_told_and_the_threads_go_on() -> None:
    workers = Workers(2)

    def work(part: int) -> int:
        if part == 1:
            raise ValueError("part 1 is bad")
        return part

    with pytest.raises(ValueError, match="part 1 is bad"):
        list(workers.map(work, [0, 1, 2]))
    assert list(workers.map(work, [0, 2])) == [0, 2]


def learner_and_batch() -> tuple[ForwardOnly, Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(0)
    net = MeshNet(graphs.mesh(3, 6, 2), 3, generator=drawn, dtype=torch.float64)
    x = torch.randn(4, 3, generator=drawn, dtype=torch.float64)
    return ForwardOnly(net, engine="influence").within(None, threads=2), x, torch.tensor([0, 1, 1, 0])


def gradient(learner: ForwardOnly, x: Tensor, y: Tensor) -> Tensor:
    return next(learner.credit(x, y)).gradients["net.weight"]


def test_a_learner_keeps_its_threads_and_they_end_with_it() -> None:
    before = here()
    learner, x, y = learner_and_batch()
    gradient(learner, x, y)
    own = here() - before
    assert len(own) == 2
    for _ in range(3):
        gradient(learner, x, y)
    assert here() - before == own
    del learner
    gc.collect()
    for thread in own:
        thread.join(timeout=30)
    assert not here() & own


def test_a_copy_of_a_learner_has_threads_of_its_own() -> None:
    learner, x, y = learner_and_batch()
    whole = gradient(learner, x, y)
    own = here()
    other = copy.deepcopy(learner)
    assert torch.equal(gradient(other, x, y), whole)
    assert len(here() - own) == 2


def test_another_process_does_not_wait_for_threads_that_it_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(2)
    side_by_side(workers)
    own = here()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    side_by_side(workers)
    assert here() - own


SCRIPT = """
import os
from tests.learners.test_workers import gradient, learner_and_batch

learner, x, y = learner_and_batch()
whole = gradient(learner, x, y)
child = os.fork()
if child == 0:
    os._exit(7 if (gradient(learner, x, y) == whole).all() else 8)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_goes_on_and_nothing_holds_up_the_end() -> None:
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=True, env=alone
    )
    assert done.stdout == "7\n"
