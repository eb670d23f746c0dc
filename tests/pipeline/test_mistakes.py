"""What a user may do wrong ends with one sentence, on every rank."""

from pathlib import Path

import pytest

from tests.pipeline.launch import Launcher

EVERYWHERE = {
    "backprop": "ValueError: only rules whose blocks learn without a later one, such as MonoForward, can have them on several "
    "ranks, got Backprop",
    "ranks": "ValueError: every rank holds at least one block, so this net takes at most 1 ranks, got 2",
    "cover": "ValueError: the partition [1, 1] has 2 blocks, but the net has 4",
    "sizes": "ValueError: the partition [4] is for 1 ranks, but there are 2",
    "lbfgs": "ValueError: LBFGS steps all parameters together, but here they are on several ranks; take one such as Adam or SGD",
    "tuple": "ValueError: a partition is given as Partition((2, 1)), blocks of each rank in order, got (3,)",
    "sooner": "ValueError: ahead must be a whole number of at least 0, got '1'",
    "half": "ValueError: ahead must be a whole number of at least 0, got 0.5",
    "places": "ValueError: places must be a whole number of at least 1, got 1.5",
    "steps": "ValueError: every_steps must be a whole number of at least 1, or None, got '5'",
    "ahead": "ValueError: patience, and a schedule that waits for a plateau, need every epoch at its end, but ahead is 1",
}
ON_ONE = {
    "labels": (0, "ValueError: label 5 is out of range: 3 outputs take labels 0 to 2"),
    "data": (0, "ValueError: rank 0 needs data to learn from, got None"),
    "weights": (
        1,
        "ValueError: this rank begins with other weights than rank 0; make the net from a generator of the same seed on all",
    ),
    "recipe": (1, "ValueError: this rank has another recipe than rank 0; all must call fit alike"),
}


@pytest.mark.parametrize("kind", EVERYWHERE)
def test_what_all_can_see_all_refuse(launcher: Launcher, tmp_path: Path, kind: str) -> None:
    outcome = launcher.run("mistake", 2, tmp_path, kind=kind)
    assert outcome.codes == [1, 1]
    assert outcome.said(0).splitlines()[-1] == EVERYWHERE[kind]
    assert outcome.said(1).splitlines()[-1].endswith(EVERYWHERE[kind].removeprefix("ValueError: "))


@pytest.mark.parametrize("kind", ON_ONE)
def test_what_one_rank_sees_the_others_are_told(launcher: Launcher, tmp_path: Path, kind: str) -> None:
    rank, sentence = ON_ONE[kind]
    outcome = launcher.run("mistake", 2, tmp_path, kind=kind)
    assert outcome.codes == [1, 1]
    assert outcome.said(rank).splitlines()[-1] == sentence.replace("label 5", "label 4")
    told = sentence.removeprefix("ValueError: ").replace("label 5", "label 4")
    assert outcome.said(1 - rank) == f"rank {1 - rank} stops: rank {rank} has stopped: {told}\n"


@pytest.mark.parametrize("kind", ["raises", "leaves"])
def test_a_rank_that_leaves_the_loop_by_itself_is_named(launcher: Launcher, tmp_path: Path, kind: str) -> None:
    outcome = launcher.run("mistake", 3, tmp_path, kind=kind)
    assert outcome.codes == [1, 1, 1]
    for rank in (0, 2):
        assert outcome.said(rank).startswith(f"rank {rank} stops: rank 1 ")
    if kind == "raises":
        assert outcome.said(1).splitlines()[-1] == "RuntimeError: my own mistake"


def test_weights_that_overflow_end_the_run_on_all_ranks(launcher: Launcher, tmp_path: Path) -> None:
    outcome = launcher.run("diverges", 2, tmp_path, sizes=[2, 2])
    assert outcome.codes == [1, 1]
    sentence = "is no longer finite in epoch 1; a smaller learning rate or scaled inputs may help"
    assert all(sentence in outcome.said(rank).splitlines()[-1] for rank in (0, 1))
    assert "TrainingFailed" in outcome.said(0)


def test_a_learner_that_is_apart_is_gathered_before_it_predicts(launcher: Launcher, tmp_path: Path) -> None:
    outcome = launcher.run("mistake", 2, tmp_path, kind="scores")
    assert outcome.codes == [1, 1]
    told = [outcome.said(rank).splitlines()[-1] for rank in (0, 1)]
    assert any(
        "of this net (counted from 0) are on other ranks" in one and "call pipeline.gather(learner, ranks)" in one
        for one in told
    )
