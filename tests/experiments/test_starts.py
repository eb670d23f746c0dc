"""Of several starts and recipes the one with the lowest validation loss is kept, whatever the test part says."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from onward import graphs
from onward.experiments.starts import train_from_starts
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.training import datasets
from onward.training.data import Dataset
from onward.training.fit import Recipe
from onward.training.second_order import LevenbergMarquardt

NET = partial(MeshNet, graphs.mesh(2, 3, 2), 3, hidden="tanh")
LM = Recipe(LevenbergMarquardt(), 8, patience=8)
SEARCH = Recipe(partial(torch.optim.LBFGS, line_search_fn="strong_wolfe", max_iter=4), 3, patience=3)


def run(recipes: tuple[Recipe, ...], starts: int, data: object = datasets.moons) -> dict[str, float | int]:
    outcomes = train_from_starts(
        [7], lambda part: None, data=data, net=NET, rule=ForwardOnly, recipes=recipes, starts=starts  # pyright: ignore[reportArgumentType]
    )  # fmt: skip
    return outcomes[0].metrics


@pytest.mark.parametrize("recipe", [LM, SEARCH], ids=["lm", "lbfgs"])
def test_more_starts_never_raise_the_validation_loss(recipe: Recipe) -> None:
    one, five = run((recipe,), 1), run((recipe,), 5)
    assert five["validation_loss"] < one["validation_loss"]
    assert five["passes"] > 3 * one["passes"]


def test_the_recipe_with_the_lower_validation_loss_is_named() -> None:
    idle = Recipe(partial(torch.optim.SGD, lr=1e-9), 1)
    assert run((idle, LM), 2)["recipe"] == 1
    assert run((LM, idle), 2)["recipe"] == 0


def test_the_test_part_plays_no_role() -> None:
    def spoiled(seed: int) -> Dataset:
        data = datasets.moons(seed)
        return replace(data, test=replace(data.test, y=1 - data.test.y))

    plain, other = run((LM,), 4), run((LM,), 4, spoiled)
    assert other["validation_loss"] == plain["validation_loss"]
    assert other["test_accuracy"] == pytest.approx(1 - plain["test_accuracy"])


def test_the_weights_are_stored_and_are_those_that_were_judged() -> None:
    (outcome,) = train_from_starts(
        [7], lambda part: None, data=datasets.moons, net=NET, rule=ForwardOnly, recipes=(LM,), starts=2
    )
    test = datasets.moons(7).to(torch.float64).test
    net = NET(weight=torch.tensor(outcome.history["weight"], dtype=torch.float64), dtype=torch.float64)
    assert (net(test.x).argmax(1) == test.y).double().mean().item() == outcome.metrics["test_accuracy"]


def test_a_choice_without_validation_data_is_refused() -> None:
    def without(seed: int) -> Dataset:
        return replace(datasets.moons(seed), validation=None)

    with pytest.raises(ValueError, match="the best of several starts is chosen by validation data, and moons has none"):
        run((LM,), 2, without)
