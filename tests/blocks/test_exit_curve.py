"""The curve of early exit is counted exactly, and the threshold that is chosen is the cheapest that is good enough."""

import pytest

from onward.blocks.early_exit import exit_costs, leave_early
from onward.blocks.exit_curve import ExitPoint, cheapest, exit_curve
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from tests.blocks.plugged import NETS, data_for, train


def test_points_are_what_the_exits_of_all_examples_come_to() -> None:
    learner = train(MonoForward(NETS["mlp"](3)))
    split = data_for(learner.net).test
    costs = exit_costs(learner)
    for point in exit_curve(learner, split, (0.0, 0.5, 0.6, float("inf")), batch=7, repeats=2):
        exits = leave_early(learner, split.x, point.threshold)
        assert point.accuracy == (exits.scores.argmax(1) == split.y).double().mean().item()
        counts = [int((exits.block == k).sum()) for k in range(3)]
        assert point.exits == pytest.approx([count / 48 for count in counts])
        assert point.multiply_adds == pytest.approx(sum(c * n for c, n in zip(costs, counts, strict=True)) / 48)
        assert 0 < point.seconds < 1


def test_more_sureness_costs_more() -> None:
    learner = train(MonoForward(NETS["cnn"](3)))
    split = data_for(learner.net).test
    middle = learner.goodness(split.x)[0].softmax(1).amax(1).median().item()
    points = exit_curve(learner, split, (0.0, middle / 1.05, middle, middle * 1.05, float("inf")))
    spent = [point.multiply_adds for point in points]
    assert spent == sorted(spent)
    assert (spent[0], spent[-1]) == (exit_costs(learner)[0], exit_costs(learner)[-1])
    assert spent[0] < spent[1] < spent[2] < spent[3] < spent[4]


def made_up() -> list[ExitPoint]:
    rows = [
        (0.3, 0.93, 400),
        (0.0, 0.80, 100),
        (0.5, 0.90, 150),
        (0.7, 0.92, 200),
        (0.9, 0.91, 250),
        (float("inf"), 0.92, 300),
    ]
    return [ExitPoint(threshold, right, spent, 0.0, (1.0,)) for threshold, right, spent in rows]


@pytest.mark.parametrize(("accuracy", "threshold"), [(0.0, 0.0), (0.85, 0.5), (0.905, 0.7), (0.92, 0.7), (0.95, 0.3)])
def test_the_cheapest_that_is_good_enough_is_chosen_or_else_the_best(accuracy: float, threshold: float) -> None:
    assert cheapest(made_up(), accuracy).threshold == threshold
    assert cheapest(made_up()[::-1], accuracy).threshold == threshold


def test_what_cannot_be_measured_is_refused() -> None:
    learner = MonoForward(mlp(7, (9,), 3))
    split = data_for(learner.net).test
    with pytest.raises(ValueError, match="early exit is measured on classes, but mean squared error has none"):
        exit_curve(MonoForward(mlp(7, (9,), 3), "mean squared error"), split, (0.5,))
    with pytest.raises(ValueError, match="repeats and batch must be at least 1, got 0 and 1000"):
        exit_curve(learner, split, (0.5,), repeats=0)
    with pytest.raises(ValueError, match="got -1"):
        exit_curve(learner, split, (-1.0,))
    with pytest.raises(ValueError, match="a threshold is chosen among measured ones, got none"):
        cheapest([], 0.5)
