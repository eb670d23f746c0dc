"""Blocks are trained one after another, or again, and those that rest do not move."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from onward.blocks.block_by_block import fit_block_by_block, fit_blocks, fit_from, run_block_by_block
from onward.blocks.plugging import cut
from onward.blocks.transparency import judge_blocks
from onward.files import lock
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import vgg8b
from onward.nets.readouts import total
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe, fit
from tests.blocks.plugged import ADAM, NETS, RECIPE, data_for, parts_of, same, state_of, train

ROOT = Path(__file__).parents[2]


def order() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@pytest.mark.parametrize("name", NETS)
def test_block_after_block_each_learns_to_its_end_and_then_rests(name: str) -> None:
    learner = MonoForward(NETS[name](3))
    data, seen, moved = data_for(learner.net), [], []
    before = [state_of([block, learner.projection_of(k)]) for k, block in enumerate(learner.net.blocks)]
    for block, epoch in fit_block_by_block(learner, data, RECIPE, generator=order()):
        seen.append((block, epoch.number))
        now = [state_of([block, learner.projection_of(k)]) for k, block in enumerate(learner.net.blocks)]
        moved.append({k for k, (one, other) in enumerate(zip(before, now, strict=True)) if not same(one, other)})
        before = now
        assert epoch.validation_accuracy is not None
        assert epoch.validation_accuracy.item() == judge_blocks(learner, data.test).blocks[block].accuracy
    assert seen == [(block, number) for block in range(3) for number in (1, 2)]
    assert moved == [{block} for block, _ in seen]
    assert not any(module.training for module in learner.modules())
    assert learner.learning == {0, 1, 2}


def test_the_first_block_learns_as_it_does_with_the_others() -> None:
    """Nothing comes back from later blocks, so training it alone in the same order makes no difference, bitwise."""
    together, after = train(MonoForward(NETS["mlp"](3))), MonoForward(NETS["mlp"](3))
    list(fit_block_by_block(after, data_for(after.net), RECIPE, generator=order()))
    assert same(state_of(parts_of(together, 1)), state_of(parts_of(after, 1)))
    assert not same(state_of(parts_of(together, 2)), state_of(parts_of(after, 2)))


def test_a_later_block_learns_as_a_net_of_one_block_on_the_activity_of_those_before() -> None:
    learner = MonoForward(NETS["mlp"](2))
    generator = order()
    epochs = fit_block_by_block(learner, data_for(learner.net), RECIPE, generator=generator)
    for block, epoch in epochs:
        if (block, epoch.number) == (0, 2):
            break
    state, fixed = generator.get_state(), torch.Generator()
    fixed.set_state(state)
    twin = MonoForward(NETS["mlp"](2))
    with torch.no_grad():
        x = learner.net.blocks[0](data_for(learner.net).train.x)
    split = Split(x, data_for(learner.net).train.y)
    alone = MonoForward(type(twin.net)([twin.net.blocks[1]], twin.net.head, features=(12,)))
    list(fit(alone, Dataset("activity", split, split), RECIPE, generator=fixed))
    list(epochs)
    torch.testing.assert_close(state_of([learner.net.blocks[1]]), state_of([twin.net.blocks[1]]))


def test_patience_of_a_block_is_that_of_its_own_scores() -> None:
    learner = MonoForward(NETS["mlp"](3), readout=total)
    data = data_for(learner.net)
    recipe = Recipe(partial(torch.optim.Adam, lr=0.1), epochs=8, batch=16, patience=2)
    lowest = {}
    for block, epoch in fit_block_by_block(learner, data, recipe, generator=order()):
        assert epoch.validation_loss is not None
        lowest[block] = min(lowest.get(block, 9.0), epoch.validation_loss.item())
    found = judge_blocks(learner, data.test)
    assert [one.loss for one in found.blocks] == pytest.approx([lowest[k] for k in range(3)])


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("blocks", [{0}, {1}, {2}, {0, 2}])
def test_some_blocks_are_trained_again_alone(name: str, blocks: set[int]) -> None:
    learner = train(MonoForward(NETS[name](3)))
    before = [state_of([block, learner.projection_of(k)]) for k, block in enumerate(learner.net.blocks)]
    for _ in fit_blocks(learner, blocks, data_for(learner.net), RECIPE, generator=order()):
        assert learner.learning == blocks
    after = [state_of([block, learner.projection_of(k)]) for k, block in enumerate(learner.net.blocks)]
    assert {k for k in range(3) if not same(before[k], after[k])} == blocks
    assert learner.learning == {0, 1, 2}


@pytest.mark.parametrize("block", [0, 1, 2])
def test_a_block_and_all_later_ones_are_trained_again(block: int) -> None:
    learner = train(MonoForward(NETS["mlp"](3)))
    before = [state_of([one, learner.projection_of(k)]) for k, one in enumerate(learner.net.blocks)]
    list(fit_from(learner, block, data_for(learner.net), RECIPE, generator=order()))
    after = [state_of([one, learner.projection_of(k)]) for k, one in enumerate(learner.net.blocks)]
    assert [not same(a, b) for a, b in zip(before, after, strict=True)] == [k >= block for k in range(3)]


def test_statistics_of_resting_blocks_stay_whatever_the_schedule() -> None:
    net = vgg8b((3, 8, 8), 3, multiplier=0.03, generator=torch.Generator().manual_seed(0))
    x = torch.randn(24, 3, 8, 8, generator=torch.Generator().manual_seed(1)) + 2
    data = Dataset("noise", Split(x, torch.arange(24) % 3), Split(x, torch.arange(24) % 3))
    learner, kept = MonoForward(net), {}
    for block, _ in fit_block_by_block(learner, data, Recipe(ADAM, epochs=2, batch=8), generator=order()):
        for k in range(block):
            now = state_of([learner.net.blocks[k]])
            assert same(kept.setdefault((block, k), now), now)
    first = state_of(parts_of(learner, 2))
    list(fit_from(learner, 2, data, Recipe(ADAM, epochs=1, batch=8), generator=order()))
    assert same(state_of(parts_of(learner, 2)), first)
    assert not learner.training


def test_left_early_the_same_blocks_learn_as_before() -> None:
    learner = MonoForward(NETS["mlp"](3))
    learner.learning = frozenset({0, 1})
    epochs = fit_blocks(learner, {2}, data_for(learner.net), RECIPE, generator=order())
    next(epochs)
    assert learner.learning == {2}
    epochs.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert learner.learning == {0, 1}
    assert cut(learner, 2).learning == {0, 1}


@pytest.mark.parametrize("blocks", [set(), {3}, {-1, 0}])
def test_blocks_that_are_not_there_are_refused_at_once(blocks: set[int]) -> None:
    learner = MonoForward(NETS["mlp"](3))
    with pytest.raises(ValueError, match="expected some of the blocks 0 to 2, got"):
        fit_blocks(learner, blocks, data_for(learner.net), RECIPE, generator=order())
    with pytest.raises(ValueError, match="expected some of the blocks 0 to 2, got"):
        fit_from(learner, 3, data_for(learner.net), RECIPE, generator=order())


PATIENT = Recipe(partial(torch.optim.Adam, lr=0.1), epochs=3, batch=16, patience=2)


def begun() -> tuple[MonoForward, Dataset]:
    learner = MonoForward(NETS["mlp"](3), readout=total)
    return learner, data_for(learner.net)


@pytest.mark.parametrize("leave_after", [1, 2, 3, 5, 9])
def test_a_run_that_goes_on_from_its_folder_is_the_run_that_was_not_left(tmp_path: Path, leave_after: int) -> None:
    """Bitwise, with whatever weights and order it is begun again, whether it is left in a block or between two."""
    whole, data = begun()
    epochs = list(fit_block_by_block(whole, data, PATIENT, generator=order()))
    first, data = begun()
    left = run_block_by_block(first, data, PATIENT, tmp_path / "run", generator=order())
    seen = [next(left) for _ in range(leave_after)]
    left.close()  # pyright: ignore[reportAttributeAccessIssue]
    again = MonoForward(NETS["mlp"](3), readout=total)
    with torch.no_grad():
        for one in again.parameters():
            one.zero_()
    other = torch.Generator().manual_seed(77)
    seen += list(run_block_by_block(again, data, PATIENT, tmp_path / "run", generator=other))
    assert [(block, epoch.number) for block, epoch in seen] == [(block, epoch.number) for block, epoch in epochs]
    assert all(torch.equal(one.epoch.loss, other.epoch.loss) for one, other in zip(seen, epochs, strict=True))
    assert same(state_of([again]), state_of([whole]))
    assert not again.training
    assert list(run_block_by_block(again, data, PATIENT, tmp_path / "run", generator=order())) == []
    assert same(state_of([again]), state_of([whole]))


def test_a_run_that_is_killed_in_any_step_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, data = begun()
    list(fit_block_by_block(whole, data, PATIENT, generator=order()))
    command = [sys.executable, "-c", f"from {__name__} import kills; kills({str(tmp_path / 'run')!r}, 3, 8)"]
    subprocess.run(command, cwd=ROOT, check=True)
    learner, data = begun()
    assert list(run_block_by_block(learner, data, PATIENT, tmp_path / "run", generator=order())) == []
    assert same(state_of([learner]), state_of([whole]))


def kills(folder: str, *steps: int) -> None:
    """Train with a checkpoint after every step, in processes that are killed after some steps, the last of which ends."""
    torch.set_num_threads(1)
    for count in (*steps, None):
        number = os.fork()
        if not number:
            learner, data = begun()
            _die_after(count)
            list(run_block_by_block(learner, data, PATIENT, folder, generator=order(), every_steps=1))
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        if status != (0 if count is None else -signal.SIGKILL):
            raise AssertionError(f"the process ended with {status}")


def _die_after(count: int | None) -> None:
    left, before = iter(range(10_000 if count is None else count)), MonoForward.credit

    def credit(*arguments: Any, **more: Any) -> Any:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return before(*arguments, **more)

    MonoForward.credit = credit  # pyright: ignore[reportAttributeAccessIssue]


def test_a_second_run_in_the_folder_is_refused(tmp_path: Path) -> None:
    learner, data = begun()
    first = run_block_by_block(learner, data, PATIENT, tmp_path, generator=order())
    next(first)
    with pytest.raises(lock.FolderBusy, match="is in use by process"):
        next(run_block_by_block(*begun(), PATIENT, tmp_path, generator=order()))
    first.close()  # pyright: ignore[reportAttributeAccessIssue]


def test_more_epochs_for_a_block_that_others_were_taught_upon_are_refused(tmp_path: Path) -> None:
    short, longer = Recipe(ADAM, epochs=1, batch=16), Recipe(ADAM, epochs=2, batch=16)
    learner, data = begun()
    list(run_block_by_block(learner, data, short, tmp_path, generator=order()))
    words = "block-0 has no more than 1 epochs, and later blocks were taught upon them; take another folder for 2"
    with pytest.raises(ValueError, match=words):
        list(run_block_by_block(*begun(), longer, tmp_path, generator=order()))
