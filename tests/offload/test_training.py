"""Training with the blocks on disk is bitwise training in memory: weights, losses, scores, whatever is trained and how."""

import copy
import warnings
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from onward.learners.base import AbstractLearner
from onward.offload import create, opened, running, train
from onward.training.data import Lesson
from onward.training.fit import Epoch, Recipe, fit
from tests.offload.made import ADAM, LEARNERS, RECIPES, STEPS, bits, lesson, perceptron, same, seeded


def often(cases: Iterable[Any], chosen: set[Any]) -> list[Any]:
    """Leave all but some cases to `make soak`."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=() if case in chosen else pytest.mark.slow)
        for case in cases
    ]


WEIGHTED = {"double", "batch norm", "pred and sim", "forward-forward", "symba"}


def in_memory(learner: AbstractLearner, data: Lesson, recipe: Recipe) -> list[Epoch]:
    return list(fit(learner, data, recipe, generator=seeded()))


def on_disk(folder: Path, learner: AbstractLearner, data: Lesson, recipe: Recipe, **settings: int) -> list[Epoch]:
    return list(train(folder, learner, data, recipe, generator=seeded(), **settings))


def assert_equal(epochs: list[Epoch], others: list[Epoch]) -> None:
    for one, other in zip(epochs, others, strict=True):
        assert (one.number, one.passes) == (other.number, other.passes)
        for name in ("loss", "validation_loss", "validation_accuracy"):
            its, mine = getattr(one, name), getattr(other, name)
            assert its is mine is None or bits(its, mine)


@pytest.mark.parametrize("name", often(RECIPES, {"fused", "adamw", "momentum", "dampened", "plateau", "bfloat16"}))
def test_any_recipe_gives_on_disk_what_it_gives_in_memory(tmp_path: Path, name: str) -> None:
    learner, data = perceptron(), lesson(weighted=name == "momentum")
    epochs = on_disk(tmp_path, learner, data, RECIPES[name])
    assert_equal(epochs, in_memory(learner, data, RECIPES[name]))
    with opened(tmp_path, learner) as there:
        assert same(there.load(), learner)
        assert bits(there.scores(data.train.x), learner.scores(data.train.x))


@pytest.mark.parametrize("name", often(LEARNERS, set(LEARNERS) - {"sum of blocks", "layer norm", "mixer"}))
def test_any_local_rule_and_net_learns_on_disk_what_it_learns_in_memory(tmp_path: Path, name: str) -> None:
    learner, data = LEARNERS[name](), lesson(name, weighted=name in WEIGHTED)
    untouched = copy.deepcopy(learner)
    epochs = on_disk(tmp_path, learner, data, RECIPES["adam"])
    assert same(learner, untouched), "the learner that was given is left as it is"
    assert_equal(epochs, in_memory(learner, data, RECIPES["adam"]))
    assert not same(learner, untouched)
    with opened(tmp_path, untouched) as there:
        assert same(there.load(), learner)
        assert bits(there.scores(data.train.x), learner.scores(data.train.x))


AT_ONCE = [
    (name, *ab) for name in ("perceptron", "one block") for ab in ((0, 0), (0, 2), (1, 0), (2, 1), (3, 3), (6, 0), (9, 9))
]
TRIED = {("perceptron", 0, 2), ("perceptron", 1, 0), ("perceptron", 6, 0), ("perceptron", 9, 9), ("one block", 2, 1)}


@pytest.mark.parametrize(("name", "ahead", "behind"), often(AT_ONCE, TRIED))
def test_how_far_is_read_ahead_and_written_behind_changes_nothing(
    tmp_path: Path, name: str, ahead: int, behind: int
) -> None:
    learner, data = LEARNERS[name](), lesson()
    epochs = on_disk(tmp_path, learner, data, RECIPES["adam"], ahead=ahead, behind=behind, every_steps=3, digest_every=2)
    assert_equal(epochs, in_memory(learner, data, RECIPES["adam"]))
    with opened(tmp_path, learner, ahead=ahead) as there:
        assert same(there.load(), learner)


LEFT = [
    (name, recipe) for name in ("batch norm and dropout", "forward-forward") for recipe in ("adam", "momentum", "plateau")
]


@pytest.mark.parametrize(("name", "recipe"), often(LEFT, {LEFT[1], LEFT[5]}))
def test_a_run_that_is_left_after_any_step_goes_on_as_if_it_had_not_been(tmp_path: Path, name: str, recipe: str) -> None:
    learner, data = LEARNERS[name](), lesson(name)
    whole = copy.deepcopy(learner)
    epochs = in_memory(whole, data, RECIPES[recipe])
    found: list[Epoch] = []
    for steps in (1, STEPS, 2, 100):
        with running(tmp_path, learner, data, RECIPES[recipe], generator=seeded(9 if found else 1)) as run:
            found += [epoch for epoch in islice(run.steps(), steps) if epoch is not None]
            assert_equal(run.training.history, epochs[: len(found)])
    assert_equal(found, epochs)
    with opened(tmp_path, learner) as there:
        assert same(there.load(), whole)


def test_a_run_that_is_left_by_closing_it_keeps_the_step_it_stood_at(tmp_path: Path) -> None:
    learner, data = perceptron(), lesson()
    first = train(tmp_path, learner, data, RECIPES["adam"], generator=seeded(), every_steps=100)
    numbers = [next(first).number]
    first.close()
    numbers += [epoch.number for epoch in train(tmp_path, learner, data, RECIPES["adam"], generator=seeded(7))]
    assert numbers == [1, 2, 3]
    assert list(train(tmp_path, learner, data, RECIPES["adam"], generator=seeded(7))) == []
    in_memory(learner, data, RECIPES["adam"])
    with opened(tmp_path, learner) as there:
        assert same(there.load(), learner)


def test_steps_that_were_not_committed_are_taken_again(tmp_path: Path) -> None:
    """With a commit every third step the committed files are not touched by the two steps between."""
    learner, data = perceptron(), lesson()
    for steps, stands in ((2, 0), (3, 3), (2, 4), (1, 4)):  # the fourth step ends an epoch
        with running(tmp_path, learner, data, RECIPES["adam"], generator=seeded(), every_steps=3) as run:
            list(islice(run.steps(), steps))
        with running(tmp_path, learner, data, RECIPES["adam"], generator=seeded(), every_steps=3) as run:
            assert STEPS * len(run.training.history) + run.training.position == stands
            assert all(place.stamp >= stands for place in run.learner.stream.store.places)
    assert_equal(on_disk(tmp_path, learner, data, RECIPES["adam"]), in_memory(learner, data, RECIPES["adam"])[1:])
    with opened(tmp_path, learner) as there:
        assert same(there.load(), learner)


def test_what_is_on_disk_can_be_taken_into_memory_and_put_on_disk_again(tmp_path: Path) -> None:
    learner, data = LEARNERS["forward-forward"](), lesson()
    on_disk(tmp_path / "one", learner, data, RECIPES["adam"])
    with opened(tmp_path / "one", learner) as there:
        taken = there.load()
    create(tmp_path / "two", taken)
    with opened(tmp_path / "two", LEARNERS["forward-forward"]()) as again:
        assert same(again.load(), taken)
        assert bits(again.scores(data.train.x), taken.scores(data.train.x))


def test_scores_leave_statistics_and_masks_as_they_are(tmp_path: Path) -> None:
    learner, data = LEARNERS["batch norm and dropout"](), lesson("batch norm and dropout")
    create(tmp_path, learner)
    with opened(tmp_path, learner) as there:
        there.train()
        for _ in range(2):
            assert bits(there.scores(data.train.x), learner.eval().scores(data.train.x))
        assert there.training
        assert same(there.load(), learner)


def test_an_augmented_batch_is_drawn_from_the_same_generator(tmp_path: Path) -> None:
    def noise(x: Tensor, generator: torch.Generator) -> Tensor:
        return x + 0.1 * torch.randn(x.shape, generator=generator)

    learner, plain = perceptron(), lesson()
    data = Lesson(plain.name, plain.train, plain.validation, noise)
    assert_equal(on_disk(tmp_path, learner, data, RECIPES["adam"]), in_memory(learner, data, RECIPES["adam"]))


def test_batches_that_are_seen_whole_and_data_without_validation_are_learned_from_too(tmp_path: Path) -> None:
    learner, data = perceptron(), Lesson("no validation", lesson().train)
    recipe = Recipe(ADAM, 3)
    assert_equal(on_disk(tmp_path, learner, data, recipe), in_memory(learner, data, recipe))


def test_nothing_is_warned_about(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on_disk(tmp_path, perceptron(), lesson(), RECIPES["adam"])


def test_the_losses_of_the_blocks_and_the_bytes_that_were_moved_are_told(tmp_path: Path) -> None:
    learner, data = perceptron(), lesson()
    recipe = Recipe(ADAM, 1, 8, shuffle=False)
    credit = list(learner.train().credit(data.train.x[:8], data.train.y[:8]))
    with running(tmp_path, learner, data, recipe, generator=seeded()) as run:
        store = run.learner.stream.store
        before = store.read_bytes
        next(run.steps())
        assert run.learner.losses[0] == credit[0].loss
        assert run.learner.losses == [one.loss.item() for one in credit]
        assert store.written_bytes == sum(layout.bytes for layout in store.layouts)
        assert store.read_bytes > before
        assert run.learner.stream.waited > 0
