"""A run that goes on from a file is the run that was never left; any other file is refused, and nothing has changed."""

import copy
import dataclasses
import errno
import inspect
import math
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from onward import graphs
from onward.files import atomic, lock, packing, sealed
from onward.files.sealed import FileDamaged
from onward.kernels import losses
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.training import belonging, checkpoint
from onward.training.checkpoint import NAME, resume, run, save
from onward.training.data import Lesson, Split
from onward.training.fit import Recipe, Training, TrainingFailed
from tests.training.runs import ADAM, RECIPES, begun, done, lesson, net, same, seeded

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C raises, also where the tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def left(kind: str, steps: int) -> Training:
    training = begun(kind)
    list(islice(training.steps(), steps))
    return training


def process(*arguments: object) -> str:
    command = [sys.executable, "-m", "tests.training.runs", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("kind", RECIPES)
def test_a_run_that_goes_on_from_a_file_is_the_run_that_was_not_left(tmp_path: Path, kind: str) -> None:
    """Bitwise, whichever step it was left at: the first, the last, and some between."""
    whole = begun(kind)
    steps = len(list(whole.steps()))
    dice = random.Random(kind)  # noqa: S311
    for leave_at in (0, 1, *dice.sample(range(2, steps), 4), steps):
        save(left(kind, leave_at), tmp_path / "file")
        resumed = begun(kind, seed=7)
        resume(resumed, tmp_path / "file")
        there = left(kind, leave_at)
        if there.ended:  # then the best weights are put back
            list(there.steps())
        assert same(resumed, there)
        list(resumed.steps())
        assert same(resumed, whole)
        assert torch.equal(resumed.parameters["net.weight"], whole.parameters["net.weight"])


def test_a_new_process_goes_on_where_another_was_left(tmp_path: Path) -> None:
    save(left("stack", 6), tmp_path / NAME)
    process("finish", tmp_path, "stack")
    ended, whole = begun("stack", 3), begun("stack")
    resume(ended, tmp_path / NAME)
    list(whole.steps())
    assert same(ended, whole)


def killed(folder: Path, count: int, epochs: int) -> list[str]:
    equal, least, most, *rest = process("kills", folder, count, epochs).split()
    assert equal == "True", "the end differs from that of the run that nobody killed"
    assert 0 <= int(least) <= int(most) <= 1, "more was lost than the step under way"
    return rest


def test_a_run_that_is_killed_ten_times_loses_nothing_but_the_step_under_way(tmp_path: Path) -> None:
    killed(tmp_path, 10, 20)


@pytest.mark.slow
def test_a_run_that_is_killed_two_hundred_times_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    lost, cut = killed(tmp_path, 200, 300)
    assert 0 < int(lost) < 200, "kills must hit steps and the time between for this test to mean something"
    assert int(cut), "kills must hit the writing of files for this test to mean something"


def test_a_run_in_a_folder_yields_what_fit_does_and_goes_on_when_left(tmp_path: Path) -> None:
    whole = begun("stack")
    epochs = list(whole.epochs())
    first = run(begun("stack"), tmp_path / "new" / "folder")
    numbers = [next(first).number, next(first).number]
    first.close()
    left = tmp_path / "new" / "folder" / ".0123456789abcdef.part"
    left.write_bytes(b"of a killed process")
    again = begun("stack", 4)
    numbers += [epoch.number for epoch in run(again, tmp_path / "new" / "folder")]
    assert numbers == [epoch.number for epoch in epochs] == [epoch.number for epoch in again.history]
    assert same(again, whole)
    assert list(run(begun("stack", 5), tmp_path / "new" / "folder")) == []
    assert not left.exists()


@pytest.mark.parametrize(
    ("every", "saves"),
    [({"every_seconds": 0}, 25), ({"every_steps": 1}, 25), ({"every_steps": 10}, 4), ({"every_seconds": math.inf}, 2)],
)
def test_checkpoints_are_made_at_the_start_in_intervals_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: dict[str, Any], saves: int
) -> None:
    """Of 24 steps."""
    count: list[object] = []
    monkeypatch.setattr(checkpoint, "save", lambda *arguments: (count.append(0), save(*arguments)))
    list(run(begun("momentum"), tmp_path, **every))
    assert len(count) == saves


def test_ctrl_c_waits_for_the_step_and_the_run_is_stored(tmp_path: Path) -> None:
    whole = begun("adam")
    list(whole.steps())
    training = begun("adam")
    stepper: Any = training.stepper
    step = stepper.step

    def pressed(*batch: Any) -> Any:
        if done(training) == 5:
            signal.raise_signal(signal.SIGINT)
        return step(*batch)

    stepper.step = pressed
    with pytest.raises(KeyboardInterrupt):
        list(run(training, tmp_path))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed = begun("adam", 3)
    resume(resumed, tmp_path / NAME)
    assert done(resumed) == done(training) == 6
    list(run(resumed, tmp_path))
    assert same(resumed, whole)


def test_ctrl_c_pressed_twice_leaves_the_checkpoint_from_before(tmp_path: Path) -> None:
    training = begun("adam")
    stepper: Any = training.stepper
    step = stepper.step

    def pressed(*batch: Any) -> Any:
        loss = step(*batch)
        for _ in range(2 * (done(training) == 5)):
            signal.raise_signal(signal.SIGINT)
        return loss

    stepper.step = pressed
    with pytest.raises(KeyboardInterrupt):
        list(run(training, tmp_path, every_steps=1))
    with pytest.raises(ValueError, match="the last step was cut short"):
        save(training, tmp_path / "other")
    resumed = begun("adam", 3)
    resume(resumed, tmp_path / NAME)
    assert same(resumed, left("adam", 5))


def test_ctrl_c_between_two_epochs_stores_the_run(tmp_path: Path) -> None:
    epochs: Any = run(begun("adam"), tmp_path)
    next(epochs)
    with pytest.raises(KeyboardInterrupt):
        epochs.throw(KeyboardInterrupt())
    resumed = begun("adam", 3)
    resume(resumed, tmp_path / NAME)
    assert same(resumed, left("adam", 4))


def test_a_run_in_another_thread_leaves_signals_alone(tmp_path: Path) -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.extend(epoch.number for epoch in run(begun("lm"), tmp_path)))
    thread.start()
    thread.join()
    assert found == [1, 2, 3, 4, 5, 6]


def test_a_second_run_in_a_folder_is_refused(tmp_path: Path) -> None:
    first = run(begun("adam"), tmp_path)
    next(first)
    with pytest.raises(lock.FolderBusy, match="is in use by process"):
        next(run(begun("adam"), tmp_path))
    first.close()
    next(run(begun("adam"), tmp_path))


def test_a_disk_that_is_full_leaves_the_checkpoint_and_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training = begun("adam")
    epochs = run(training, tmp_path, every_steps=3)
    next(epochs)
    before = (tmp_path / NAME).read_bytes()

    def fail(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(atomic.WriteFailed, match="No space left on device; the file that was there is unchanged"):
            next(epochs)
    assert (tmp_path / NAME).read_bytes() == before
    assert done(training) == 6
    save(training, tmp_path / NAME)
    whole, resumed = begun("adam"), begun("adam", 3)
    for _ in (*whole.steps(), *training.steps(), *run(resumed, tmp_path)):
        pass
    assert same(training, whole)
    assert same(resumed, whole)


def test_training_that_fails_leaves_the_checkpoint_from_before(tmp_path: Path) -> None:
    wild = Recipe(partial(torch.optim.SGD, lr=1e30), 9, batch=8)
    training = Training(ForwardOnly(net(), "mean squared error"), regression(), wild, generator=seeded(0))
    with pytest.raises(TrainingFailed):
        list(run(training, tmp_path))
    resumed = Training(ForwardOnly(net(5), "mean squared error"), regression(), wild, generator=seeded(0))
    resume(resumed, tmp_path / NAME)
    assert torch.equal(resumed.parameters["net.weight"], net().weight)


def regression() -> Lesson:
    x = torch.randn(30, 3, generator=seeded(0))
    return Lesson("squares", Split(x, x[:, :2].square()))


def test_a_run_that_no_file_can_hold_says_so_at_once(tmp_path: Path) -> None:
    class Odd(torch.optim.lr_scheduler.StepLR):
        def __init__(self, optimiser: torch.optim.Optimizer) -> None:
            self.odd = object()
            super().__init__(optimiser, 1)

    training = Training(ForwardOnly(net()), lesson(), Recipe(ADAM, 2, schedule=Odd), generator=seeded(0))
    with pytest.raises(ValueError, match=r"the run cannot be stored: cannot pack object at .*\['odd'\]"):
        next(run(training, tmp_path))
    assert done(training) == 0
    assert not (tmp_path / NAME).exists()


@pytest.mark.parametrize(("key", "value"), [("every_seconds", -1.0), ("every_seconds", math.nan), ("every_steps", 0)])
def test_intervals_that_are_none_are_refused(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{key} must be at least [01], got {value}"):
        run(begun("adam"), tmp_path, **{key: value})


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="file cannot be made a folder: File exists"):
        next(run(begun("adam"), tmp_path / "file"))


def test_data_are_digested_once_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count: list[object] = []
    digest = belonging.digest
    monkeypatch.setattr(belonging, "digest", lambda split: (count.append(0), digest(split))[1])
    list(run(begun("adam"), tmp_path, every_steps=1))
    assert len(count) == 2


def test_a_long_history_can_be_stored(tmp_path: Path) -> None:
    training = begun("momentum", epochs=12_000)
    epoch = next(training.epochs())
    training.history = [type(epoch)(k, *list(vars(epoch).values())[1:]) for k in range(1, 10_001)]
    save(training, tmp_path / "file")
    resumed = begun("momentum", 3, epochs=12_000)
    resume(resumed, tmp_path / "file")
    assert same(training, resumed)


def refused(training: Training, path: Path, words: str, kind: type[ValueError] = ValueError) -> None:
    """Expect one sentence, and a run that is as it was."""
    stepper, weight = copy.deepcopy(training.stepper.state()), training.parameters["net.weight"].clone()
    generators = [generator.get_state() for generator in training.generators]
    best = None if training.best is None else copy.deepcopy(training.best.state())
    with pytest.raises(kind, match=words) as caught:
        resume(training, path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700
    assert str(caught.value).startswith(str(path))
    assert torch.equal(weight, training.parameters["net.weight"])
    assert str(stepper) == str(training.stepper.state())
    assert str(best) == str(None if training.best is None else training.best.state())
    assert all(torch.equal(a, b.get_state()) for a, b in zip(generators, training.generators, strict=True))
    assert (training.history, training.position, training.whole) == ([], 0, True)


def schedule(length: int) -> Any:
    return partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=length)


def other(**changes: Any) -> Training:
    """A run like "adam" but for some things."""
    parts: dict[str, Any] = {"learner": ForwardOnly(net(3)), "data": lesson(), "recipe": RECIPES["adam"], **changes}
    if isinstance(parts["recipe"], dict):
        parts["recipe"] = Recipe(**{**vars(RECIPES["adam"]), **parts["recipe"]})
    return Training(parts["learner"], parts["data"], parts["recipe"], generator=seeded(0))


def weighty(split: Split) -> Split:
    return Split(split.x, split.y, importance=torch.ones(len(split)))


def doubled(data: Lesson) -> Lesson:
    assert data.validation is not None
    return Lesson(data.name, data.train.to(torch.float64), data.validation.to(torch.float64))


OURS = lesson()
TILTED = Split(OURS.train.x.clone().index_fill_(0, torch.tensor([3]), 0.5), OURS.train.y)
FEWER = Split(OURS.train.x[:7], OURS.train.y[:7])
TWICE = MeshNet(graphs.mesh(3, 4, 2), 4, hidden="tanh")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learner": Backprop(net())}, "belongs to another rule: 'onward.lear.*ForwardOnly', not 'onward.*Backprop'"),
        ({"learner": ForwardOnly(net(hidden=5))}, "other parameters: net.weight was 60, not 77"),
        (
            {"learner": ForwardOnly(net().double()), "data": doubled(OURS)},
            "belongs to other parameters: .*float32', not 'torch.float64'",
        ),
        ({"learner": ForwardOnly(net(), losses.every_tick(losses.cross_entropy))}, "another loss: 'cross-entropy', not '"),
        ({"learner": ForwardOnly(TWICE)}, "belongs to another mesh: it was 3, not 4"),
        ({"data": Lesson("a", TILTED, OURS.validation)}, "belongs to other training data: '[0-9a-f]+.*, not '"),
        ({"data": Lesson("a", weighty(OURS.train), OURS.validation)}, "belongs to other training data"),
        ({"data": Lesson("a", OURS.train, TILTED)}, "belongs to other validation data"),
        ({"data": Lesson("a", FEWER, OURS.validation)}, "belongs to other training data"),
        ({"recipe": {"batch": 9}}, "belongs to another recipe: batch was 8, not 9"),
        ({"recipe": {"batch": 5}}, "belongs to other batches an epoch: 4, not 6"),
        ({"recipe": {"patience": None}}, "belongs to another recipe: patience was 3, not None"),
        ({"recipe": {"shuffle": False}}, "belongs to another recipe: shuffle was True, not False"),
        ({"recipe": {"optimiser": partial(torch.optim.Adam, lr=0.1)}}, "another recipe: optimiser was 0.03, not 0.1"),
        ({"recipe": {"optimiser": lambda of: ADAM(of, eps=1e-3, amsgrad=True)}}, "must have eps 0.001, got 1e-08"),
        ({"recipe": {"optimiser": lambda of: ADAM(of, amsgrad=True)}}, "must have amsgrad True, got False"),
        ({"learner": ForwardOnly(net(), engine="influence")}, "belongs to another engine: 'any', not 'influence'"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    save(left("adam", 6), tmp_path / "file")
    refused(other(**changes), tmp_path / "file", f"cannot be gone on with: .*{words}")


def test_a_recipe_without_a_name_is_not_compared(tmp_path: Path) -> None:
    save(left("adam", 6), tmp_path / "file")
    training = other(recipe={"optimiser": lambda of: ADAM(of)})
    resume(training, tmp_path / "file")
    assert same(training, left("adam", 6))


def test_an_optimiser_that_holds_the_weights_by_itself_is_not_tried_on_them(tmp_path: Path) -> None:
    def training(seed: int) -> Training:
        learner = ForwardOnly(net(seed))
        return other(learner=learner, recipe={"optimiser": lambda _: ADAM([learner.net.weight])})

    one, two = training(0), training(1)
    list(islice(one.steps(), 6))
    save(one, tmp_path / "file")
    resume(two, tmp_path / "file")
    assert same(one, two)
    rewrite(tmp_path / "file", lambda found: replace(found, ("state", "seconds"), "x"))
    refused(training(1), tmp_path / "file", "seconds must be a number")


def test_a_schedule_gets_back_the_kinds_of_dictionaries_that_it_had(tmp_path: Path) -> None:
    save(left("momentum", 6), tmp_path / "file")
    training = begun("momentum")
    resume(training, tmp_path / "file")
    assert type(training.stepper.state()["schedule"]["milestones"]) is Counter


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    refused(begun("adam", 1), path, "was not found", FileDamaged)
    save(left("adam", 6), path)
    data = path.read_bytes()
    for wrong in (data[:-5], data[:-1] + bytes([data[-1] ^ 1]), b""):
        path.write_bytes(wrong)
        refused(begun("adam", 1), path, "is truncated|has changed|is empty", FileDamaged)
    sealed.write(path, "model", {}, {})
    refused(begun("adam", 1), path, "holds a model, expected a checkpoint", FileDamaged)


Place = tuple[Any, ...]
GROUP: Place = ("stepper", "optimiser", "param_groups", 0)
KEPT: Place = ("stepper", "optimiser", "state", 0)
MISSING = object()
BYTES = torch.zeros(5056, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("kind", "place", "value", "words"),
    [
        ("adam", (), 3, "its state must have"),
        ("adam", ("weights",), MISSING, "its state must have"),
        ("adam", ("extra",), 1, "its state must have"),
        ("adam", ("weights",), {}, "its weights must have net.weight, got"),
        ("adam", ("weights", "net.weight"), torch.ones(3), r"net.weight must be torch.float32 of shape \[60\], got"),
        ("adam", ("weights", "net.weight"), torch.ones(60).double(), "got torch.float64"),
        ("adam", ("weights", "net.weight"), 1.5, "got 1.5"),
        ("adam", ("position",), -1, "position must be a step from 0 to 3 of an epoch, got -1"),
        ("adam", ("position",), 4, "position must be a step from 0 to 3 of an epoch, got 4"),
        ("adam", ("position",), True, "position must be a step"),
        ("adam", ("position",), 1, r"losses must be floating-point numbers of shape \[1\]"),
        ("adam", ("losses",), None, "losses must be"),
        ("adam", ("losses",), torch.ones(2, 3), "losses must be"),
        ("adam", ("generators",), [], "generators must be a list of 1"),
        ("adam", ("generators", 0), BYTES[:9], "generators must be states of a generator"),
        ("adam", ("generators", 0), BYTES.float(), "generators must be states of a generator"),
        ("adam", ("order_from", 0), "x", "orders must be states of a generator"),
        ("adam", ("order_from", 0), BYTES + 255, "orders must be states of a generator"),
        ("adam", ("seconds",), math.nan, "seconds must be a number from 0, got nan"),
        ("adam", ("seconds",), "1", "seconds must be"),
        ("adam", ("best",), None, "best weights are missing"),
        ("fused", ("best",), {}, "best weights are of another recipe"),
        ("adam", ("best", "kept"), {}, "best weights: kept must have"),
        ("adam", ("best", "kept", "net.weight"), torch.ones(1, 60), "net.weight must be"),
        ("adam", ("best", "since"), torch.tensor(1.5), "since must be torch.int64"),
        ("adam", ("history",), [1], "history must have"),
        ("adam", ("history", "loss"), torch.ones(1, 2), r"history of loss must be .* \[1\]"),
        ("adam", ("history", "loss"), None, "history of loss must be"),
        ("adam", ("history", "seconds"), torch.tensor([-1.0]).double(), "seconds must be float64, finite and not below 0"),
        ("adam", ("history", "passes"), torch.tensor([math.inf]).double(), "passes must be float64, finite"),
        ("adam", ("history", "passes"), torch.ones(2).double(), "passes must be"),
        ("adam", ("history", "validation_accuracy"), None, "history of validation_accuracy must be"),
        ("stack", ("history", "loss"), torch.ones(1), r"history of loss must be .* shape \[1, 3\]"),
        ("adam", ("stepper",), None, "stepper must have"),
        ("adam", ("stepper", "seen"), -4, "count of examples must be a whole number from 0, got -4"),
        ("adam", ("stepper", "seen"), 4.5, "count of examples must be a whole number"),
        ("adam", ("stepper", "schedule"), {}, "schedule is of another recipe"),
        ("momentum", ("stepper", "schedule"), None, "schedule is missing"),
        ("momentum", ("stepper", "schedule"), {}, "schedule must have"),
        ("momentum", ("stepper", "schedule", "gamma"), "x", "schedule: gamma must be a number"),
        ("momentum", ("stepper", "schedule", "milestones"), [1, 3], "milestones must have 1, 3"),
        ("momentum", ("stepper", "schedule", "get_lr"), 3, "can go on from"),
        ("plateau", ("stepper", "schedule", "mode"), 3, "mode must be a str"),
        ("adam", ("stepper", "optimiser"), [], "optimiser must have"),
        ("adam", ("stepper", "optimiser", "param_groups"), [], "optimiser must be a list of 1"),
        ("adam", (*GROUP, "lr"), "fast", "lr must be a number"),
        ("adam", (*GROUP, "lr"), MISSING, "optimiser must have"),
        ("adam", (*GROUP, "betas"), (0.9,), "betas must be a tuple of 2"),
        ("adam", (*GROUP, "params"), [3], r"optimiser must have params \[0\]"),
        ("fused", (*GROUP, "amsgrad"), True, "optimiser must have amsgrad False, got True"),
        ("adam", (*GROUP, "foreach"), 4, "optimiser must have foreach None, got 4"),
        ("adam", ("stepper", "optimiser", "state"), {5: {}}, r"states of parameters \[0\]"),
        ("adam", KEPT, [], "optimiser must have"),
        ("fused", (*KEPT, "exp_avg"), torch.ones(3), r"exp_avg must be torch.float32 of shape \[60\]"),
        ("fused", (*KEPT, "exp_avg"), 1.0, "exp_avg must be"),
        ("adam", (*KEPT, "exp_avg_sq"), MISSING, "not what Adam can go on from"),
        ("adam", (*KEPT, "step"), "x", "step must be a number"),
        ("lbfgs", (*KEPT, "old_dirs"), [torch.ones(3)], "not what LBFGS can go on from"),
        ("lbfgs", (*KEPT, "d"), torch.ones(3), "d must be torch.float32"),
        ("lm", ("stepper", "damping"), 3.0, "damping must be torch.float32"),
        ("lm", ("stepper", "damping"), torch.ones(2), "damping must be torch.float32"),
        ("stacked lm", ("stepper", "resting"), torch.ones(3), "resting must be torch.bool"),
    ],
)
def test_a_state_that_is_none_is_refused_though_its_seal_is_right(
    tmp_path: Path, kind: str, place: Place, value: Any, words: str
) -> None:
    save(left(kind, 6), tmp_path / "file")

    def change(found: dict[str, Any]) -> None:
        replace(found, ("state", *place), value)

    rewrite(tmp_path / "file", change)
    refused(begun(kind, 1), tmp_path / "file", f"cannot be gone on with: .*{words}")


@pytest.mark.parametrize("kind", ["adam", "momentum", "plateau", "lbfgs", "lm", "stack"])
@pytest.mark.parametrize("first", [1, 3])
def test_a_finished_run_is_given_more_epochs_and_equals_one_that_had_them_from_the_first(
    tmp_path: Path, kind: str, first: int
) -> None:
    """Bitwise, whether the last weights were the best or not."""
    whole = begun(kind)
    list(whole.steps())
    list(run(begun_for(kind, first), tmp_path))
    longer = begun(kind, seed=7)
    numbers = [epoch.number for epoch in run(longer, tmp_path)]
    assert numbers == list(range(first + 1, len(whole.history) + 1))
    assert same(longer, whole)
    assert torch.equal(longer.parameters["net.weight"], whole.parameters["net.weight"])


def begun_for(kind: str, epochs: int, **changes: Any) -> Training:
    training = begun(kind)
    recipe = dataclasses.replace(training.recipe, epochs=epochs, **changes)
    return Training(training.learner, training.data, recipe, generator=training.generators)


def test_a_run_that_stopped_by_itself_stops_with_more_epochs_too(tmp_path: Path) -> None:
    first = begun_for("adam", 60, patience=1)
    list(run(first, tmp_path))
    assert len(first.history) < 60
    longer = begun_for("adam", 90, patience=1)
    assert list(run(longer, tmp_path)) == []
    assert same(longer, first)


def test_a_finished_run_is_looked_at_with_its_best_weights(tmp_path: Path) -> None:
    first = begun_for("adam", 4, optimiser=partial(torch.optim.Adam, lr=3.0))
    list(run(first, tmp_path))
    assert first.best is not None
    assert first.best.since > 0  # so the last weights are others
    found = begun_for("adam", 4, optimiser=partial(torch.optim.Adam, lr=3.0))
    resume(found, tmp_path / NAME)
    assert torch.equal(found.parameters["net.weight"], first.parameters["net.weight"])


def test_more_epochs_for_a_run_whose_last_weights_are_gone_are_refused(tmp_path: Path) -> None:
    wild = {"optimiser": partial(torch.optim.Adam, lr=3.0)}
    first = begun_for("adam", 4, **wild)
    list(first.steps())
    save(first, tmp_path / "file")
    words = "its last weights, which more epochs would go on from, were replaced by the best ones"
    refused(begun_for("adam", 5, **wild), tmp_path / "file", words)


@pytest.mark.parametrize(
    ("its", "own", "words"),
    [
        (schedule(6), schedule(7), "belongs to another recipe: schedule was 6, not 7"),
        (
            lambda of: schedule(6)(of),
            schedule(6),
            "was to end after 3 epochs, and of a schedule without a name, such as a l",
        ),
        (schedule(6), lambda of: schedule(6)(of), "it cannot be told whether it is the same for 5"),
    ],
)
def test_more_epochs_of_a_schedule_that_cannot_be_seen_to_be_the_same_are_refused(
    tmp_path: Path, its: Any, own: Any, words: str
) -> None:
    list(run(begun_for("momentum", 3, schedule=its), tmp_path))
    refused(begun_for("momentum", 5, schedule=own), tmp_path / NAME, words)


def test_fewer_epochs_are_refused(tmp_path: Path) -> None:
    save(begun_for("adam", 6), tmp_path / "file")
    refused(begun_for("adam", 5), tmp_path / "file", "belongs to another recipe: epochs was 6, not 5")


def test_more_epochs_than_the_recipe_has_are_refused(tmp_path: Path) -> None:
    training = left("fused", 23)
    training.history.append(training.history[-1])
    save(training, tmp_path / "file")
    refused(begun("fused", 1), tmp_path / "file", "it has 6 epochs and 3 steps, but the recipe ends after 6 epochs")


@pytest.mark.parametrize(
    ("place", "value"),
    [(("belonging",), []), (("belonging", "recipe"), 3), (("belonging", "mesh"), []), (("state",), MISSING)],
)
def test_a_checkpoint_that_does_not_say_what_it_is_of_is_refused(tmp_path: Path, place: Place, value: Any) -> None:
    save(left("adam", 6), tmp_path / "file")
    rewrite(tmp_path / "file", lambda found: replace(found, place, value))
    refused(begun("adam", 1), tmp_path / "file", "it does not say|belongs to another|it holds no state")
    sealed.write(tmp_path / "file", "checkpoint", {}, {})
    refused(begun("adam", 1), tmp_path / "file", "it holds no state")


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what a checkpoint holds, and seal it again."""
    found = sealed.read(path, "checkpoint")
    value = packing.unpack(found.configuration["skeleton"], found.tensors)
    change(value)
    skeleton, tensors = packing.pack(value)
    inspect.unwrap(sealed.write)(path, "checkpoint", tensors, {"skeleton": skeleton})


def replace(found: dict[str, Any], place: Place, value: Any) -> None:
    *way, last = place
    for key in way:
        found = found[key]
    if value is MISSING:
        del found[last]
    else:
        found[last] = value


def test_a_program_that_leaves_a_run_open_stores_it_when_it_ends(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom tests.training.runs import begun\nfrom onward.training.checkpoint import run\n"
        "steps = run(begun('adam'), sys.argv[1], every_seconds=1e9)\nnext(steps), next(steps)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert (ended.returncode, ended.stderr) == (0, "")
    training = begun("adam")
    resume(training, tmp_path / "checkpoint.onward")
    assert len(training.history) == 2
