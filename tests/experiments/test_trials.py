"""Trials choose by validation and never by the test part, and seeds together come to what each comes to alone."""

from functools import partial

import pytest
import torch

from onward import graphs
from onward.experiments.cross_validation import cuts, train_cross_validated
from onward.experiments.trials import POINTS, thinned, train
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.training import datasets
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe

NET = partial(MeshNet, graphs.mesh(4, 3, 3), 2)


def iris_with_wrong_test(seed: int) -> Dataset:
    """Iris whose test labels are shifted: whoever looked at them would choose the worst recipe."""
    data = datasets.iris(seed)
    return Dataset("wrong", data.train, Split(data.test.x, (data.test.y + 1) % 3), data.validation)


def recipes(patience: int | None, rates: tuple[float, ...] = (1e-5, 0.05)) -> tuple[Recipe, ...]:
    return tuple(Recipe(partial(torch.optim.Adam, lr=rate), 12, batch=20, patience=patience) for rate in rates)


@pytest.mark.parametrize("rates", [(1e-5, 0.05), (0.05, 1e-5), (1e-5, 0.05, 1e-6)])
def test_recipe_is_chosen_by_validation_not_by_test(rates: tuple[float, ...]) -> None:
    outcomes = train(
        [0, 1], lambda part: None, data=iris_with_wrong_test, net=NET, rule=ForwardOnly, recipes=recipes(12, rates)
    )
    for outcome in outcomes:
        assert outcome.metrics["recipe"] == rates.index(0.05)
        assert outcome.metrics["validation_accuracy"] > 0.7
        assert outcome.metrics["test_accuracy"] < 0.5
        assert len(outcome.history["loss"]) == len(outcome.history["epoch"]) == 12


def test_recipe_is_chosen_by_cross_validation_not_by_test() -> None:
    def data(seed: int) -> Dataset:
        whole = datasets.iris(seed, validation=0.0)
        return Dataset("wrong", whole.train, Split(whole.test.x, (whole.test.y + 1) % 3))

    outcomes = train_cross_validated([0, 1], lambda part: None, data=data, net=NET, rule=ForwardOnly, recipes=recipes(None))
    for outcome in outcomes:
        assert outcome.metrics["recipe"] == 1
        assert outcome.metrics["test_accuracy"] < 0.5


def test_several_recipes_need_validation_data_to_choose_by() -> None:
    data = partial(datasets.iris, validation=0.0)
    with pytest.raises(ValueError, match="2 recipes need validation data to choose by, and iris has none"):
        train([0], lambda part: None, data=data, net=NET, rule=ForwardOnly, recipes=recipes(None))


def test_seeds_together_come_to_what_each_comes_to_alone() -> None:
    arguments = {"data": datasets.iris, "net": NET, "rule": ForwardOnly, "recipes": recipes(12)}
    together = train([3, 4, 5], lambda part: None, **arguments)
    for k, seed in enumerate([3, 4, 5]):
        (alone,) = train([seed], lambda part: None, **arguments)
        assert together[k].metrics["validation_loss"] == pytest.approx(alone.metrics["validation_loss"], rel=1e-3)
        assert together[k].history["loss"][:3] == pytest.approx(alone.history["loss"][:3], rel=1e-4)


def test_folds_are_stratified_and_cover_the_training_part() -> None:
    labels = datasets.iris(0, validation=0.0).train.y
    cut = cuts(labels, seed=1, folds=5)
    assert len(cut) == 5
    assert sorted(i for _, judged in cut for i in judged.tolist()) == list(range(105))
    for learned, judged in cut:
        assert not set(learned) & set(judged)
        assert labels[torch.from_numpy(judged)].bincount().tolist() == [7, 7, 7]


def test_long_series_are_thinned_with_both_ends() -> None:
    series = [torch.tensor(float(k)) for k in range(1000)]
    kept = thinned(series)
    assert len(kept) == POINTS
    assert (kept[0], kept[-1]) == (0, 999)
    assert thinned(series[:7]) == series[:7]
