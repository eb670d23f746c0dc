"""The trials of layered nets: tuning never looks at the test part, judging looks at it once, chosen is what validation says."""

from functools import partial

import pytest
import torch

from onward.datasets.small import digits
from onward.experiments.layers import choose_layers, train_layers, tune
from onward.experiments.spec import Experiment
from onward.learners.backprop import Backprop
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.papers.mono_forward.blocks import each_block
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe

NET = partial(mlp, 64, (32, 32), 10)


def recipe(rate: float, epochs: int = 3) -> Recipe:
    return Recipe(partial(torch.optim.Adam, lr=rate), epochs, 64)


class Unread(Split):
    """Stands for a test part that no one may look at."""

    def __getattribute__(self, name: str) -> object:
        if name in ("x", "y"):
            raise AssertionError(f"the test part was asked for {name}")
        return super().__getattribute__(name)


def unread(seed: int) -> Dataset:
    data = digits(seed)
    object.__setattr__(data, "test", object.__new__(Unread))
    return data


def test_a_seed_gives_the_same_outcome_alone_and_among_others() -> None:
    trial = partial(train_layers, data=digits, net=NET, rule=MonoForward, recipe=recipe(0.003), also=each_block)
    told: list[float] = []
    one, two = trial([7, 8], told.append)
    (alone,) = trial([8], told.append)
    assert {k: v for k, v in two.metrics.items() if k != "seconds"} == {
        k: v for k, v in alone.metrics.items() if k != "seconds"
    }
    assert one.history["loss"] != two.history["loss"]
    assert one.history["loss"][-1] < one.history["loss"][0]
    assert told[-1] == 1
    assert told[:6] == sorted(told[:6])


def test_what_is_reported_is_what_the_blocks_predict() -> None:
    (outcome,) = train_layers(
        [1], lambda part: None, data=digits, net=NET, rule=MonoForward, recipe=recipe(0.003), also=each_block
    )
    metrics = outcome.metrics
    assert metrics["test_accuracy"] == metrics["test_accuracy_last"] == metrics["test_accuracy_block_2"]
    assert metrics["test_accuracy_block_1"] != metrics["test_accuracy_block_2"]
    assert metrics["test_accuracy_total"] > 0.7
    assert metrics["validation_accuracy"] == pytest.approx(outcome.history["validation_accuracy"][-1])
    assert metrics["parameters"] == 64 * 32 + 32 + 32 * 32 + 32 + 2 * 320
    assert len(outcome.history["loss"]) == metrics["epochs"] == 3


def test_blocks_of_another_rule_do_not_predict() -> None:
    with pytest.raises(ValueError, match="got Backprop"):
        each_block(Backprop(NET()), digits(1))


def test_tuning_names_the_best_recipe_and_never_looks_at_the_test_part() -> None:
    recipes = (recipe(1e-6), recipe(0.003), recipe(1e-5))
    told: list[float] = []
    (outcome,) = tune([1], told.append, data=unread, net=NET, rule=Backprop, recipes=recipes)
    accuracies = [outcome.metrics[f"validation_accuracy_{k}"] for k in range(3)]
    assert outcome.metrics["recipe"] == 1 == accuracies.index(max(accuracies))
    assert set(outcome.metrics) == {"recipe", *(f"validation_accuracy_{k}" for k in range(3))}
    assert told == sorted(told)
    assert told[-1] == 1
    with pytest.raises(AssertionError, match="test part was asked"):
        train_layers([1], lambda part: None, data=unread, net=NET, rule=Backprop, recipe=recipe(0.003, 1))


def test_the_recipe_that_validation_likes_best_is_judged() -> None:
    recipes = (recipe(1e-6), recipe(0.003))
    (chosen,) = choose_layers([1], lambda part: None, data=digits, net=NET, rule=Backprop, recipes=recipes)
    (alone,) = train_layers([1], lambda part: None, data=digits, net=NET, rule=Backprop, recipe=recipes[1])
    assert chosen.metrics["recipe"] == 1
    assert chosen.metrics["test_accuracy"] == alone.metrics["test_accuracy"]
    assert chosen.history["loss"] == alone.history["loss"]


def test_recipes_need_validation_data_to_be_compared() -> None:
    def without(seed: int) -> Dataset:
        data = digits(seed)
        return Dataset("digits", data.train, data.test)

    with pytest.raises(ValueError, match="validation data, and there is none"):
        tune([1], lambda part: None, data=without, net=NET, rule=Backprop, recipes=(recipe(0.003, 1),))


def test_augmentation_reaches_what_is_learned_from_alone() -> None:
    def darkened(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return torch.zeros_like(x)

    (outcome,) = train_layers(
        [1], lambda part: None, data=digits, net=NET, rule=Backprop, recipe=recipe(0.003), augment=darkened
    )
    assert outcome.metrics["validation_accuracy"] < 0.5  # nothing was to be learned from
    assert len({round(loss, 1) for loss in outcome.history["loss"]}) == 1


def test_the_trial_is_described_with_all_that_decides_it() -> None:
    trial = partial(train_layers, data=digits, net=NET, rule=MonoForward, recipe=recipe(0.003))
    spec = Experiment("a", trial).spec["trial"]
    assert spec["net"]["widths"] == [32, 32]
    assert spec["rule"]["call"].endswith("MonoForward")
    assert spec["recipe"]["epochs"] == 3
    other = partial(train_layers, data=digits, net=NET, rule=MonoForward, recipe=recipe(0.003, 4))
    assert Experiment("a", trial).digest != Experiment("a", other).digest


def test_a_split_is_judged_on_its_own_parts() -> None:
    """The validation part is no part of what is learned from."""
    data = digits(3)
    assert isinstance(data.validation, Split)
    rows = {tuple(row.tolist()) for row in data.train.x}
    assert not any(tuple(row.tolist()) in rows for row in data.validation.x)
