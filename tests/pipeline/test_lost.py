"""A rank that dies or raises makes all others stop within seconds, each with one sentence that names it."""

import signal
from pathlib import Path

import pytest

from tests.pipeline.launch import Launcher, Outcome

OF_PYTORCH = (
    "[rank1]:[W",
    "Exception raised from",
    "frame #",
    "<omitting python frames>",
)  # its own word of a store that is gone
LONG = {"learner": "mlp", "recipe": "long", "slow": 0.02}


def check(outcome: Outcome, killed: int, seconds: float, words: str) -> None:
    for rank, code in enumerate(outcome.codes):
        if rank != killed:
            assert code == 1
            assert outcome.seconds[rank] < seconds
            *_, last = outcome.said(rank).splitlines()
            assert last == f"rank {rank} stops: rank {killed} was lost{words}"
            assert "Traceback" not in outcome.said(rank)


@pytest.mark.parametrize("killed", [1, 2])
def test_a_killed_rank_is_named_by_all_others(launcher: Launcher, tmp_path: Path, killed: int) -> None:
    outcome = launcher.run("apart", 3, tmp_path, kill=(killed, 0.3), sizes=[1, 2, 1], **LONG)
    assert outcome.codes[killed] == -signal.SIGKILL
    check(outcome, killed, 10, ": its process ended before its work")


def test_the_rank_that_keeps_the_store_is_named_too(launcher: Launcher, tmp_path: Path) -> None:
    outcome = launcher.run("apart", 3, tmp_path, kill=(0, 0.3), sizes=[1, 2, 1], **LONG)
    check(outcome, 0, 10, ", and with it the store in which the ranks see each other")


def test_a_rank_that_stands_still_is_missed(launcher: Launcher, tmp_path: Path) -> None:
    outcome = launcher.run("apart", 3, tmp_path, kill=(1, 0.3), by=signal.SIGSTOP, sizes=[1, 2, 1], **LONG)
    check(outcome, 1, 25, ": nothing was heard of it for 12 seconds")


def test_a_rank_that_is_asked_to_end_says_so(launcher: Launcher, tmp_path: Path) -> None:
    outcome = launcher.run("apart", 2, tmp_path, kill=(1, 0.3), by=signal.SIGTERM, sizes=[2, 2], **LONG)
    assert outcome.codes == [1, 1]
    assert [outcome.said(rank) for rank in (0, 1)] == [f"rank {rank} stops: rank 1 was asked to end\n" for rank in (0, 1)]


@pytest.mark.parametrize("ask", [(), (1,)])
def test_a_rank_that_dies_while_another_is_in_the_body_of_its_loop_is_told_of_in_one_sentence(
    launcher: Launcher, tmp_path: Path, ask: tuple[int, ...]
) -> None:
    outcome = launcher.run(
        "apart", 2, tmp_path, kill=(0, 0.2), ask=ask, sizes=[2, 2], learner="mlp", recipe="adam", body=2.0
    )
    assert outcome.codes == [-signal.SIGKILL, 1]
    said = [line for line in outcome.said(1).splitlines() if line and not line.startswith(OF_PYTORCH)]
    assert said == ["rank 1 stops: rank 0 was lost, and with it the store in which the ranks see each other"]


@pytest.mark.slow
@pytest.mark.parametrize("killed", range(4))
@pytest.mark.parametrize("after", [0.0, 0.1, 0.7, 1.3])
def test_any_rank_may_be_killed_at_any_time(launcher: Launcher, tmp_path: Path, killed: int, after: float) -> None:
    outcome = launcher.run("apart", 4, tmp_path, kill=(killed, after), sizes=[1, 1, 1, 1], **LONG)
    words = ": its process ended before its work" if killed else ", and with it the store in which the ranks see each other"
    check(outcome, killed, 10, words)
