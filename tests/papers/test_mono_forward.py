"""The declarations of Mono-Forward's experiments: chosen by what is stored, on what they say."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from onward.experiments.result import Result
from onward.experiments.run import stored
from onward.experiments.statistics import mean
from onward.learners.backprop import Backprop
from onward.nets.builders import mlp
from onward.papers.mono_forward import (
    accuracy,
    accuracy_cells,
    accuracy_verdicts,
    causes,
    cells,
    convergence,
    forward_forward,
    memory,
    prediction_cost,
    printed,
    table_6,
)
from onward.reports.artefact import Table, Text
from onward.training.data import Dataset, Split

RESULTS = Path(__file__).parents[2] / "results"
TUNED = {**{key: (accuracy_cells.CHOSEN, one) for key, one in accuracy_cells.TUNING.items()},
         **{key: (causes.CHOSEN, one) for key, one in causes.TUNING.items()}}  # fmt: skip


@pytest.mark.parametrize("key", [key for key, (chosen, _) in TUNED.items() if key[1] in chosen.get(key[0], {})])
def test_the_rate_of_a_cell_is_the_one_that_its_short_runs_chose(key: tuple[str, str]) -> None:
    chosen, experiment = TUNED[key]
    (result,) = stored(experiment, RESULTS)
    accuracies = [result.metrics[f"validation_accuracy_{k}"] for k in range(3)]
    assert chosen[key[0]][key[1]] == result.metrics["recipe"] == accuracies.index(max(accuracies))
    assert not any("test" in name for name in result.metrics)


def test_all_rules_of_a_problem_are_tuned_and_trained_alike() -> None:
    for name in accuracy_cells.PROBLEMS:
        specs = [one.spec["trial"] for (of, _), one in accuracy_cells.TUNING.items() if of == name]
        for spec in specs:
            assert {key: spec[key] for key in ("data", "net", "recipes")} == {
                key: specs[0][key] for key in ("data", "net", "recipes")
            }


def test_a_cell_trains_at_the_rate_it_is_given_for_the_passes_of_its_problem() -> None:
    cell = cells.cell(cells.MNIST, "bp", 2, seeds=1).spec["trial"]["recipe"]
    assert (cell["optimiser"]["lr"], cell["epochs"], cell["schedule"]["T_max"]) == (0.003, 20, 20)
    long = cells.cell(cells.MNIST, "bp", 2, seeds=1, epochs=60)
    assert long.name != cells.cell(cells.MNIST, "bp", 2, seeds=1).name
    assert long.spec["trial"]["recipe"]["schedule"]["T_max"] == 60


def test_what_was_printed_stands_at_its_net_and_data() -> None:
    """The paper's text swaps the captions of its two tables; a perceptron cannot have 77.8 % on CIFAR-10."""
    assert printed.CNN["bp"]["cifar-10"] == 77.80
    assert printed.MLP["mf"]["cifar-10"] == 56.99
    assert accuracy_cells.printed_for("cnn-cifar-10", "mf") == 82.39
    assert accuracy_cells.printed_for("cifar-100", "bp") == 27.64
    assert accuracy_cells.printed_for("mnist", "fa") is None


def results(metric: str, values: list[float], **more: float) -> list[Result]:
    return [
        Result("a", 100 + k, [100 + k], "", {}, {metric: value, **more}, {}, 1.0, {}, "") for k, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("values", "printed_value", "said"),
    [
        ([0.985, 0.9852, 0.9848], 98.6, "reached"),
        ([0.985, 0.9852, 0.9848], 98.9, "missed"),
        ([0.985, 0.99, 0.98], 98.8, "undecided"),
        ([0.985, 0.99, 0.98], 98.2, "undecided"),
        ([0.99], 98.0, "reached"),
        ([0.8086], 82.39, "missed"),  # 80.86 +- 0.77
        ([0.7729], 77.80, "undecided"),
    ],
)
def test_a_cell_is_judged_by_its_interval(values: list[float], printed_value: float, said: str) -> None:
    assert accuracy_verdicts.reached(mean(values), printed_value) == said


def test_validation_chooses_between_the_two_readings_not_the_test_part() -> None:
    more = {"validation_accuracy_last": 0.99, "validation_accuracy_total": 0.5, "test_accuracy_total": 0.999}
    ours = results("test_accuracy_last", [0.97, 0.9701, 0.9699], **more)
    assert "97.00" in accuracy_verdicts.verdicts({("mnist", "mf"): ours}).words


def test_longer_training_is_taken_where_validation_likes_it() -> None:
    base = {"validation_accuracy": 0.9, "epochs": 20}
    short = results("test_accuracy_last", [0.90, 0.91, 0.92], **base)
    short = [replace(one, metrics={**one.metrics, "test_accuracy_total": 0.86}) for one in short]
    long = results("test_accuracy_last", [0.80, 0.81, 0.82], **{**base, "validation_accuracy": 0.95, "epochs": 60})
    long = [replace(one, metrics={**one.metrics, "test_accuracy_total": one.metrics["test_accuracy_last"]}) for one in long]
    bp = results("test_accuracy", [0.85, 0.861, 0.87], **base)
    (sentence,) = accuracy_verdicts.readings(
        {("mnist", "mf"): short, ("mnist", "bp"): bp}, {("mnist", "mf"): long, ("mnist", "bp"): bp}
    )
    assert "+4.97" in sentence
    assert "(Mono-Forward 60, BP 20)" in sentence
    assert sentence.count("-5.03") == 2
    assert "by its last block" in sentence
    assert "points) by the sum of blocks; with passes that validation chose" in sentence
    only_short = accuracy_verdicts.readings({("mnist", "mf"): short, ("mnist", "bp"): bp}, {})
    assert "3 times the passes: not run" in only_short[0]


@pytest.mark.parametrize("module", [accuracy, causes, convergence, forward_forward, memory, prediction_cost, table_6])
def test_reports_stand_without_results(module: ModuleType) -> None:
    module.render({experiment.name: [] for experiment in module.ARTEFACT.experiments})


def test_passes_apart_are_judged_against_the_nearest_by_interval() -> None:
    metric = "test_accuracy"
    turns: dict[str, Sequence[Result]] = {
        "in every batch": results(metric, [0.99, 0.99, 0.99]),
        "1 batch": results(metric, [0.95, 0.951, 0.949]),
        "10 batches": results(metric, [0.95, 0.949, 0.951]),
        "100 batches": results(metric, [0.5, 0.501, 0.502]),
        "an epoch": results(metric, [0.96, 0.961, 0.959]),
    }
    said = forward_forward.verdict(turns)
    assert "falls with turns of 100 batches" in said
    assert "does not fall with turns of an epoch" in said
    assert "cannot be told apart with turns of 10 batches" in said
    assert "one seed says nothing" in forward_forward.verdict({key: value[:1] for key, value in turns.items()})


def test_arms_of_passes_apart_see_as_many_right_and_wrong_labels() -> None:
    paired, turn = (
        forward_forward.apart(words, 0.001).spec["trial"]["recipe"] for words in ("in every batch", "10 batches")
    )
    assert turn["epochs"] == 2 * paired["epochs"] == turn["schedule"]["T_max"]


def test_what_a_prediction_costs_is_counted() -> None:
    (outcome,) = prediction_cost.measure(
        [1], lambda part: None, features=(1, 4, 4), widths=(20, 30), classes=(2, 5), batch=8, turns=1,
        predictors=prediction_cost.PREDICTORS, repetitions={"single": 2, "batch": 1},
    )  # fmt: skip
    found = outcome.metrics
    bp = 16 * 20 + 20 * 30 + 30 * 5
    assert found["bp_products_5"] == found["bp_parameters_5"] == found["mf-last_products_5"] == bp
    assert found["mf-total_products_5"] == found["mf-total_parameters_5"] == bp + 20 * 5
    assert found["ff_products_5"] == 5 * (16 * 20 + 20 * 30)
    assert found["ff_parameters_5"] == 16 * 20 + 20 * 30
    assert found["one-pass-ff_parameters_5"] == 16 * 20 + 20 * 30 + 50 * 5
    assert all(found[f"{name}_{size}_2"] > 0 for name in prediction_cost.NAMES for size in ("single", "batch"))


def test_what_is_timed_and_how_often_is_part_of_the_experiment() -> None:
    told = prediction_cost.EXPERIMENT.spec["trial"]
    assert told["predictors"].keys() == prediction_cost.NAMES.keys()
    assert told["predictors"]["ff"]["threshold"] == 0.1
    assert told["repetitions"] == {"single": 30, "batch": 3}


def test_whose_cells_half_precision_lowers_is_said() -> None:
    metric = "test_accuracy"
    half = {"ff": (6, results(metric, [0.97, 0.971, 0.972])), "one-pass-ff": (4, results(metric, [0.97, 0.971, 0.972]))}
    single = {"ff": results(metric, [0.975, 0.976, 0.9771]), "one-pass-ff": results(metric, [0.969, 0.972, 0.973])}
    table, sentence = forward_forward._precision(half, single)
    assert isinstance(sentence, Text)
    assert isinstance(table, Table)
    assert "costs FF, a pass a class (-0.50" in sentence.words
    assert "one-pass" not in sentence.words
    assert [row[1] for row in table.rows] == ["6", "4"]
    assert len(forward_forward._precision(half, {"ff": [], "one-pass-ff": single["one-pass-ff"]})) == 1


def test_passes_behind_an_accuracy_are_those_of_its_training_and_validation_chose_them() -> None:
    assert prediction_cost.passes(None) == ""
    told = {name: prediction_cost.passes(one) for name, (one, _) in prediction_cost.TRAINED.items()}
    assert told == {"ff": "40", "one-pass-ff": "12", "bp": "20", "mf-total": "20", "mf-last": "20"}
    lengths = {one.spec["trial"]["recipe"]["epochs"]: one for one in forward_forward.SHORT.values()}
    lengths[forward_forward.EPOCHS] = forward_forward.CELLS["one-pass-ff"]
    right = {
        passes: mean([one.metrics["validation_accuracy"] for one in stored(experiment, RESULTS)]).value
        for passes, experiment in lengths.items()
    }
    assert str(max(right, key=right.__getitem__)) == told["one-pass-ff"]


def test_growth_with_the_classes_is_told_for_one_example_and_for_a_batch() -> None:
    def run(single: float, batch: float) -> Result:
        times = {
            f"{name}_{size}_{count}": 1.0
            for name in prediction_cost.NAMES
            for size in ("single", "batch")
            for count in (2, 100)
        }
        (one,) = results("", [0.0], **(times | {"ff_single_100": single, "ff_batch_100": batch}))
        return one

    found = [run(9.0, 90.0), run(11.0, 110.0)]
    assert (
        "For one example: FF takes 1.00 ± 0.00 times BP with 2 classes, 10.00 ± 12.71 with 100;"
        in prediction_cost.growth(found, "single")
    )
    assert "For 128 examples: FF takes 1.00 ± 0.00 times BP with 2 classes, 100.00 ±" in prediction_cost.growth(
        found, "batch"
    )
    assert "9.00 (one run) with 100" in prediction_cost.growth(found[:1], "single")


def test_the_report_on_the_cost_shows_all_classes_for_one_example_and_for_a_batch() -> None:
    metrics = {
        f"{name}_{what}_{count}": 1.0 * count
        for name in prediction_cost.NAMES
        for what in ("single", "batch", "products", "parameters")
        for count in prediction_cost.CLASSES
    }
    shown = {experiment.name: [] for experiment in prediction_cost.ARTEFACT.experiments}
    found = [replace(one, environment={"processor": "x"}) for one in results("", [0.0, 0.0, 0.0], **metrics)]
    elements = prediction_cost.render({**shown, prediction_cost.EXPERIMENT.name: found})
    cost, *classes = [one for one in elements if isinstance(one, Table)]
    assert all(len(row) == len(cost.header) for row in cost.rows)
    assert [one.header[1:] for one in classes] == [[f"{count} classes" for count in prediction_cost.CLASSES]] * 2
    assert classes[0].rows[0] == ["FF", *(f"{count:.2f} ({count:.2f} to {count:.2f})" for count in prediction_cost.CLASSES)]


def test_curves_of_five_problems_are_drawn_in_two_rows() -> None:
    found = {
        key: [
            replace(one, history={"validation_accuracy": [0.5] * accuracy_cells.PROBLEMS[key[0]].epochs})
            for one in results("", [0.0])
        ]
        for key in accuracy_cells.CELLS
    }
    axes = accuracy._figure(found).axes  # pyright: ignore[reportPrivateUsage]
    assert [bool(axis.axison) for axis in axes] == [True] * 5 + [False]
    assert [axis.get_ylabel() for axis in axes[:5]] == ["validation accuracy", "", "", "validation accuracy", ""]
    assert len({round(axis.get_position().y0, 3) for axis in axes}) == 2


def test_the_ladder_names_the_steps_whose_interval_leaves_out_zero() -> None:
    metric = "test_accuracy"
    found = {
        ("mnist", "bp"): results(metric, [0.98, 0.981, 0.982]),
        ("mnist", "ds"): results(metric, [0.98, 0.982, 0.981]),
        ("mnist", "joint"): results(metric, [0.98, 0.981, 0.982]),
        ("mnist", "mf"): results(metric, [0.93, 0.931, 0.932]),
    }
    sentence, note = causes.verdict(found)
    assert "widened for 3 comparisons" in note
    assert "beyond its interval is the gradient cut between blocks (-5.00" in sentence
    assert "changes of up to 0." in sentence
    found["mnist", "mf"] = found["mnist", "bp"]
    assert "no step is told apart from no change" in causes.verdict(found)[0]
    assert causes.verdict({}) == []


def test_a_step_that_is_sure_alone_need_not_be_among_all_that_are_judged() -> None:
    metric, level = "test_accuracy", [0.98, 0.981, 0.982]
    found = {("mnist", rule): results(metric, level) for rule in causes.LADDER}
    found["mnist", "mf"] = results(metric, [0.976, 0.975, 0.977])  # -0.4, -0.6, -0.5 points, half-width alone 0.25
    change = causes.step(found, "mnist", "joint", "mf")
    assert abs(change.value) > change.half
    assert "is the gradient cut" in causes.verdict(found)[0]
    found |= {("cifar-10", rule): results(metric, level) for rule in causes.LADDER}
    found["mnist", "mf"] = results(metric, [0.976, 0.974, 0.977])  # -0.4, -0.7, -0.5: 0.53 +- 0.38 alone, 0.91 among six
    change = causes.step(found, "mnist", "joint", "mf")
    assert abs(change.value) > change.half
    assert "no step is told apart from no change" in causes.verdict(found)[0]
    assert "widened for 6 comparisons" in causes.verdict(found)[-1]


def test_the_norms_of_gradients_are_those_of_the_blocks_alone() -> None:
    net = mlp((1, 2, 2), (3, 4), 2, bias=False, generator=torch.Generator().manual_seed(0))
    x, y = torch.randn(6, 1, 2, 2, generator=torch.Generator().manual_seed(1)), torch.arange(6) % 2
    learner = Backprop(net)
    found = convergence.gradient_norms(learner, Dataset("noise", Split(x, y), Split(x, y)), examples=4)
    (credit,) = learner.credit(x[:4], y[:4])
    wanted = [float(credit.gradients[name].norm()) for name in credit.gradients if "blocks" in name]
    assert list(found.values()) == pytest.approx(wanted)
    assert list(found) == ["gradient_norm_1", "gradient_norm_2"]


def test_validation_chooses_how_long_one_pass_is_trained() -> None:
    found = {
        ("one-pass-ff", passes): results("test_accuracy", [0.9, 0.91], validation_accuracy=validation)
        for passes, validation in ((4, 0.5), (12, 0.95), (40, 0.9))
    }
    assert "Of 4, 12, 40 passes validation chooses 12" in forward_forward.overtrained(found)
    assert forward_forward.overtrained({("one-pass-ff", 40): found["one-pass-ff", 40]}) == ""
