"""The declarations of Mono-Forward's experiments: chosen by what is stored, on what they say."""

from pathlib import Path

import pytest

from onward.experiments.run import stored
from onward.papers.mono_forward import accuracy, causes, cells, printed

RESULTS = Path(__file__).parents[2] / "results"
TUNED = {**{key: (accuracy.CHOSEN, one) for key, one in accuracy.TUNING.items()},
         **{key: (causes.CHOSEN, one) for key, one in causes.TUNING.items()}}  # fmt: skip


@pytest.mark.parametrize("key", [key for key, (chosen, _) in TUNED.items() if key[1] in chosen.get(key[0], {})])
def test_the_rate_of_a_cell_is_the_one_that_its_short_runs_chose(key: tuple[str, str]) -> None:
    chosen, experiment = TUNED[key]
    (result,) = stored(experiment, RESULTS)
    accuracies = [result.metrics[f"validation_accuracy_{k}"] for k in range(3)]
    assert chosen[key[0]][key[1]] == result.metrics["recipe"] == accuracies.index(max(accuracies))
    assert not any("test" in name for name in result.metrics)


def test_all_rules_of_a_problem_are_tuned_and_trained_alike() -> None:
    for name in accuracy.PROBLEMS:
        specs = [one.spec["trial"] for (of, _), one in accuracy.TUNING.items() if of == name]
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
    assert accuracy._printed("cnn-cifar-10", "mf") == 82.39
    assert accuracy._printed("cifar-100", "bp") == 27.64
    assert accuracy._printed("mnist", "fa") is None
