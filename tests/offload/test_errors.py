"""Every mistake and every failing of the disk is told in one sentence, and what was committed is unchanged."""

import copy
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from onward.files import lock
from onward.files.atomic import WriteFailed
from onward.files.sealed import FileDamaged
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.nets.layered import LayeredNet
from onward.offload import create, opened, running, train
from onward.offload.record import NAME
from onward.training.fit import Recipe, TrainingFailed, fit
from onward.training.second_order import LevenbergMarquardt
from tests.offload.made import ADAM, EPOCHS, LEARNERS, RECIPES, lesson, perceptron, same, seeded

RECIPE = RECIPES["adam"]


def steps(folder: Path, count: int, recipe: Recipe = RECIPE, **settings: Any) -> None:
    with running(folder, perceptron(), lesson(), recipe, generator=seeded(), **settings) as run:
        list(islice(run.steps(), count))


@lru_cache(1)
def unharmed() -> AbstractLearner:
    whole = perceptron()
    list(fit(whole, lesson(), RECIPE, generator=seeded()))
    return whole


def assert_goes_on(folder: Path) -> None:
    """What is in the folder can be gone on with, to the end of the run that met no failing."""
    list(train(folder, perceptron(), lesson(), RECIPE, generator=seeded()))
    with opened(folder, perceptron()) as there:
        assert same(there.load(), unharmed())


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, name: str, after: int, number: int = errno.ENOSPC) -> Iterator[None]:
    """Let a call to the system fail, after some that succeed."""
    left, call = [after], getattr(os, name)

    def fails(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(number, os.strerror(number))
        return call(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(os, name, fails)
        yield


FAILING = [
    pytest.param(name, after, marks=() if after in often else pytest.mark.slow)
    for name, often in (("pwritev", (3, 5)), ("fdatasync", (0, 7)), ("fsync", (0, 1)))
    for after in range(16)
]


@pytest.mark.parametrize(("name", "after"), FAILING)
def test_a_disk_that_fails_at_any_moment_loses_nothing_that_was_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, after: int
) -> None:
    steps(tmp_path, 2)
    with failing(monkeypatch, name, after), pytest.raises(WriteFailed, match="No space left on device"):
        steps(tmp_path, 9)
    assert_goes_on(tmp_path)


def test_a_disk_without_room_is_noticed_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create(tmp_path, perceptron())
    with (
        failing(monkeypatch, "posix_fallocate", 3),
        pytest.raises(WriteFailed, match=r"block-\d+.b cannot be given 8,192 bytes: No sp"),
    ):
        steps(tmp_path, 1)
    assert_goes_on(tmp_path)


def test_a_net_that_could_not_be_put_on_disk_is_put_there_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for after in range(4):
        with failing(monkeypatch, "pwritev", after), pytest.raises(WriteFailed, match="cannot be written: No space left"):
            create(tmp_path, perceptron())
        with pytest.raises(FileDamaged, match="commit.onward was not found"), opened(tmp_path, perceptron()):
            pass
    assert_goes_on(tmp_path)


@pytest.mark.parametrize("after", [1, 6, 13])
def test_a_disk_that_cannot_be_read_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    steps(tmp_path, 2)
    with failing(monkeypatch, "preadv", after, errno.EIO), pytest.raises(FileDamaged, match="cannot be read: Input/output"):
        steps(tmp_path, 9)
    assert_goes_on(tmp_path)


@pytest.mark.parametrize("place", [0, 100, 4096, 8000])
def test_a_changed_bit_of_a_block_is_noticed_by_whoever_reads_it(tmp_path: Path, place: int) -> None:
    """In the stamp, the weights, the flags and the padding of the optimiser's state."""
    steps(tmp_path, 4)
    for path in sorted(tmp_path.glob("block-*.a")):
        flip(path, place)
    words = "of write 5 of the block, but write 4 was|has changed since it was written: its SHA-256 does not match"
    with pytest.raises(FileDamaged, match=words):
        steps(tmp_path, 1)
    with pytest.raises(FileDamaged, match=words), opened(tmp_path, perceptron()) as there:
        there.check()


def test_digests_are_compared_whenever_it_is_asked_for(tmp_path: Path) -> None:
    steps(tmp_path, 4)
    with opened(tmp_path, perceptron(), ahead=0) as there:
        there.check()
        there.load()
        flip(tmp_path / "block-00002.a", 200)
        there.load()  # it was compared before
        with pytest.raises(FileDamaged, match="block-00002.a has changed"):
            there.check()


def test_a_block_of_another_step_is_noticed_without_a_digest(tmp_path: Path) -> None:
    steps(tmp_path, 3)
    shutil.copy(tmp_path / "block-00001.a", tmp_path / "block-00001.b")
    with pytest.raises(FileDamaged, match="block-00001.b is of write 2 of the block, but write 3 was committed"):
        steps(tmp_path, 1)


def test_a_missing_or_shortened_block_is_noticed(tmp_path: Path) -> None:
    create(tmp_path, perceptron())
    path = tmp_path / "block-00001.a"
    data = path.read_bytes()
    path.write_bytes(data[:100])
    with (
        pytest.raises(FileDamaged, match="block-00001.a is truncated: expected at least 4,096 bytes"),
        opened(tmp_path, perceptron()) as there,
    ):
        there.load()
    path.unlink()
    with pytest.raises(FileDamaged, match="block-00001.a was not found"), opened(tmp_path, perceptron()) as there:
        there.load()


def test_a_damaged_record_is_noticed(tmp_path: Path) -> None:
    create(tmp_path, perceptron())
    flip(tmp_path / NAME, 300)
    with pytest.raises(FileDamaged, match="commit.onward"), opened(tmp_path, perceptron()):
        pass
    with pytest.raises(FileDamaged, match="commit.onward"):
        steps(tmp_path, 1)


OTHERS: dict[str, tuple[AbstractLearner, str]] = {
    "rule": (LEARNERS["pred and sim"](), "holds another net|holds 4 blocks of"),
    "depth": (MonoForward(mlp(6, (12, 8, 7, 9, 9), 2)), "holds another net|holds 4 blocks of .*MonoForward, not 5 of"),
    "width": (MonoForward(mlp(6, (12, 8, 6, 9), 2)), r"in block 2 it has .*weight of shape \[7, 8\] in .*, not .*\[6, 8\]"),
    "dtype": (perceptron().double(), "in torch.float32, not .* in torch.float64"),
    "bias": (MonoForward(mlp(6, (12, 8, 7, 9), 2, bias=False)), "block 0 it has .*bias.*, not .*projections"),
    "norm": (MonoForward(mlp(6, (12, 8, 7, 9), 2, normalise=nn.LayerNorm)), "holds another net"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_folder_of_another_net_is_refused_unchanged(tmp_path: Path, name: str) -> None:
    steps(tmp_path, 2)
    other, words = OTHERS[name]
    data = lesson("double") if name == "dtype" else lesson()
    with pytest.raises(ValueError, match=words), opened(tmp_path, other):
        pass
    with pytest.raises(ValueError, match=words):
        list(train(tmp_path, other, data, RECIPE, generator=seeded()))
    if name == "rule":
        assert_goes_on(tmp_path)


def test_a_folder_of_another_run_is_refused_unchanged(tmp_path: Path) -> None:
    steps(tmp_path, 2)
    for recipe, words in (
        (RECIPES["momentum"], "was trained by another optimiser: it kept something else of block 0"),
        (
            Recipe(partial(torch.optim.Adam, lr=0.02), EPOCHS, 8),
            "cannot be gone on with: it belongs to another recipe: optimiser",
        ),
        (Recipe(ADAM, EPOCHS, 9), "cannot be gone on with: it belongs to another recipe: batch was 8, not 9"),
    ):
        with pytest.raises(ValueError, match=words):
            steps(tmp_path, 1, recipe)
    with pytest.raises(ValueError, match="belongs to other training data"):
        list(train(tmp_path, perceptron(), lesson(weighted=True), RECIPE, generator=seeded()))
    assert_goes_on(tmp_path)


def test_a_folder_has_one_process_at_a_time(tmp_path: Path) -> None:
    create(tmp_path, perceptron())
    with lock.exclusive(tmp_path):
        for use in (
            partial(create, tmp_path, perceptron()),
            partial(steps, tmp_path, 1),
            lambda: opened(tmp_path, perceptron()).__enter__(),
        ):
            with pytest.raises(lock.FolderBusy, match="is in use by process"):
                use()


def test_a_folder_that_holds_a_net_is_not_written_over(tmp_path: Path) -> None:
    create(tmp_path, perceptron())
    with pytest.raises(ValueError, match="holds a net already; open it, or choose another folder"):
        create(tmp_path, perceptron())
    with pytest.raises(ValueError, match="is no folder with a net"), opened(tmp_path / "none", perceptron()):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file cannot be made a folder: File exists"):
        create(tmp_path / "file", perceptron())


REFUSED: dict[str, tuple[Recipe, str]] = {
    "lbfgs": (Recipe(torch.optim.LBFGS, 1), "LBFGS cannot train blocks on disk"),
    "adagrad": (Recipe(torch.optim.Adagrad, 1), "Adagrad cannot train blocks on disk"),
    "adafactor": (
        Recipe(torch.optim.Adafactor, 1),
        r"keeps tensors of its parameters' shapes and single numbers, but 'row_var'",
    ),
    "levenberg": (Recipe(LevenbergMarquardt(), 1), "Levenberg-Marquardt steps all weights together"),
    "patience": (Recipe(ADAM, 9, patience=3), "patience keeps the best weights of all blocks in memory"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_recipes_that_do_not_suit_are_refused(tmp_path: Path, name: str) -> None:
    recipe, words = REFUSED[name]
    with pytest.raises(ValueError, match=words):
        steps(tmp_path, 1, recipe)


@pytest.mark.parametrize("setting", ["every_steps", "digest_every", "ahead", "behind"])
def test_settings_out_of_range_are_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(ValueError, match=f"{setting} must be a whole number.*got -1"):
        steps(tmp_path, 1, RECIPE, **{setting: -1})


def test_weights_that_are_no_longer_finite_are_not_committed(tmp_path: Path) -> None:
    class Explodes(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            self.steps = getattr(self, "steps", 0) + 1
            self.param_groups[0]["lr"] = float("inf") if self.steps > 4 * 2 else 0.1
            return super().step(closure)

    recipe = Recipe(Explodes, EPOCHS, 8)
    with pytest.raises(TrainingFailed, match="rule.*|net.blocks.* is no longer finite; a smaller learning rate"):
        steps(tmp_path, 9, recipe)
    with opened(tmp_path, perceptron()) as there:
        assert [place.stamp for place in there.stream.store.places] == [2] * 4
        assert all(parameter.isfinite().all() for parameter in there.load().parameters())


def test_a_learner_whose_step_was_cut_short_is_not_used_any_more(tmp_path: Path) -> None:
    data = lesson()
    with running(tmp_path, perceptron(), data, RECIPE, generator=seeded()) as run:
        run.learner.train()
        next(run.learner.credit(data.train.x[:8], data.train.y[:8]))
        for use in (
            lambda: run.learner.scores(data.train.x),
            run.learner.load,
            run.learner.check,
            run.commit,
            lambda: list(run.steps()),
        ):
            with pytest.raises(ValueError, match="a step was cut short; open the folder again"):
                use()
    assert_goes_on(tmp_path)


def test_blocks_are_taught_only_with_their_optimiser(tmp_path: Path) -> None:
    create(tmp_path, perceptron())
    with opened(tmp_path, perceptron()) as there, pytest.raises(ValueError, match="learn by onward.offload.train"):
        next(there.credit(lesson().train.x, lesson().train.y))


def test_inputs_that_do_not_fit_are_refused_and_nothing_is_cut_short(tmp_path: Path) -> None:
    create(tmp_path, perceptron())
    with opened(tmp_path, perceptron()) as there:
        with pytest.raises(ValueError, match="expected an input of shape batch x 6"):
            there.scores(torch.zeros(3, 5))
        assert there.scores(torch.zeros(3, 6)).shape == (3, 2)
        with pytest.raises(ValueError, match="blocks on disk share"):
            there.load_state_dict({"other": torch.zeros(1)})


def test_a_module_that_puts_another_tensor_in_the_place_of_its_own_is_followed(tmp_path: Path) -> None:
    class Counts(nn.Linear):
        seen: Tensor

        def __init__(self, wrong: bool) -> None:
            super().__init__(6, 5)
            self.register_buffer("seen", torch.zeros(2))
            self.wrong = wrong

        def forward(self, input: Tensor) -> Tensor:  # noqa: A002
            if self.training:
                self.seen = torch.zeros(3) if self.wrong else self.seen + 1
            return super().forward(input)

    def learner(wrong: bool) -> MonoForward:
        torch.manual_seed(0)
        return MonoForward(LayeredNet([Counts(wrong), nn.Linear(5, 8)], nn.Linear(8, 2), features=(6,)))

    good, data = learner(False), lesson()
    whole = copy.deepcopy(good)
    list(fit(whole, data, RECIPE, generator=seeded()))
    list(train(tmp_path / "good", good, data, RECIPE, generator=seeded()))
    with opened(tmp_path / "good", good) as there:
        assert same(there.load(), whole)
    with pytest.raises(ValueError, match=r"net.blocks.0.seen was torch.float32 of shape \[2\], and became .*\[3\]"):
        list(train(tmp_path / "wrong", learner(True), data, RECIPE, generator=seeded()))
