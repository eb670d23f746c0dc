"""The synthetic problems as published, the rivals' sizes, the pruned meshes, the verdict on ticks."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from onward import graphs
from onward.experiments.result import Result
from onward.papers.mesh_neural_networks import animation, pruning, regression, solvers, ticks
from onward.papers.mesh_neural_networks.problems import PROBLEMS
from onward.papers.neuron_by_neuron import cascades
from onward.papers.registry import ARTEFACTS
from onward.reports.artefact import Artefact


@pytest.mark.parametrize("name", [name for name, problem in PROBLEMS.items() if problem.published])
def test_published_problems_are_cut_in_order_and_not_scaled(name: str) -> None:
    make = PROBLEMS[name].published
    assert make is not None
    data, again = make(3), make(3)
    assert data.validation is None
    assert (len(data.train), len(data.test)) == ((1400, 600) if name == "spirals" else (700, 300))
    assert torch.equal(data.train.x, again.train.x)
    assert int(data.train.y.max()) + 1 == PROBLEMS[name].classes


def test_the_double_blobs_are_tested_on_the_second_draw_only() -> None:
    """Its clouds stand elsewhere than those that most training points come from."""
    make = PROBLEMS["double-blobs"].published
    assert make is not None
    data = make(3)
    early, late, test = data.train.x[:500].mean(0), data.train.x[500:].mean(0), data.test.x.mean(0)
    assert (test - late).norm() < 0.2 * (test - early).norm()


@pytest.mark.parametrize(("parameters", "classes"), [(70, 2), (108, 2), (88, 3)])
def test_perceptrons_have_as_many_parameters_and_not_many_more(parameters: int, classes: int) -> None:
    from sklearn.neural_network import MLPClassifier

    x, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % classes
    for shape in solvers.shapes_of(parameters, 2, classes):
        net = MLPClassifier(tuple(shape), max_iter=1).partial_fit(x, y, classes=np.arange(classes))
        count = sum(weights.size for weights in (*net.coefs_, *net.intercepts_))
        assert parameters <= count < 1.2 * parameters + 6


def test_pruned_meshes_have_the_edges_of_the_nets_they_become() -> None:
    perceptron, steps, plain = pruning.as_perceptron()
    assert perceptron.edges == sum(parameter.numel() for parameter in plain.parameters()) == 83
    assert steps == 3
    assert perceptron == graphs.layered(4, [6, 5], 3)
    recurrent, _, plain = pruning.as_recurrent()
    assert recurrent.edges == sum(parameter.numel() for parameter in plain.parameters()) - 8  # torch has a second bias
    assert recurrent == graphs.recurrent(4, 8, 3)


@pytest.mark.parametrize("name", pruning.SHAPES)
def test_pruned_meshes_train_as_their_torch_nets(name: str) -> None:
    (outcome,) = pruning.compare([0], lambda part: None, shape=pruning.SHAPES[name], steps=30)
    assert max(value for key, value in outcome.metrics.items() if key.endswith("_difference")) < 1e-12
    assert outcome.metrics["last_loss"] < 0.95 * outcome.metrics["first_loss"]


def test_parity_is_the_product_of_the_bits() -> None:
    x, y = cascades.parity(5)
    assert len(x) == len(x.unique(dim=0)) == 32
    assert torch.equal(y.squeeze(1), (-1.0) ** (x < 0).sum(1))


def test_two_spirals_are_the_benchmarks_194_points() -> None:
    x, y = cascades.two_spirals()
    assert x.shape == (194, 2)
    assert torch.equal(x[:97], -x[97:])
    assert y.sum() == 0
    assert x.norm(dim=1).max() == 1
    assert x.norm(dim=1).min() == pytest.approx(8 / 104)


def test_three_neurons_learn_parity_5_forward_only() -> None:
    experiment = cascades.EXPERIMENTS["parity-5-3", "lm-squared"]
    outcomes = experiment.trial([0, 1], lambda part: None)
    assert sum(outcome.metrics["success"] for outcome in outcomes) > 0
    assert outcomes[0].metrics["parameters"] == 21


def result(problem: str, trained: int, seed: int, accuracy: float, weight: float) -> Result:
    other = {f"test_accuracy_at_{t}": accuracy - 0.1 * (t != trained) for t in ticks.TICKS}
    metrics = {"test_accuracy": accuracy, "recurrent_weight": weight, "forward_weight": 1.0, **other}
    return Result(f"mnn/ticks/{problem}", seed, [seed], "", {}, metrics, {}, 1.0, {}, "")


@pytest.mark.parametrize(("drop", "words"), [(0.0, "is not contradicted"), (0.2, "does not hold")])
def test_the_verdict_on_ticks_follows_the_intervals(drop: float, words: str) -> None:
    rng = np.random.default_rng(0)
    found: dict[tuple[str, int], Sequence[Result]] = {
        (problem, t): [
            result(problem, t, 100 + k, 0.9 - drop * (t == 8) + 0.01 * rng.normal(), 3.0 + 0.01 * rng.normal())
            for k in range(10)
        ]
        for problem in ticks.SHAPES
        for t in ticks.TICKS
    }
    sentences = " ".join(ticks.verdict(found))
    assert sentences.count(f"**{words}**") == 2
    assert ("worse at 8; level" in sentences) == (drop > 0)
    assert "training does not weaken them" in sentences
    assert "may not be changed after training either: nets trained with 3 ticks and run for 5 change" in sentences
    assert "change their accuracy on Iris by -0.100" in sentences
    for results in found.values():
        for one in results:
            one.metrics["test_accuracy_at_5"] = one.metrics["test_accuracy"]
    assert "did no harm that could be measured: nets trained" in " ".join(ticks.verdict(found))


@pytest.mark.parametrize("artefact", ARTEFACTS.values(), ids=lambda artefact: artefact.name)
def test_no_experiment_is_declared_twice_with_different_specs(artefact: Artefact) -> None:
    experiments = artefact.experiments
    digests = {(one.name, one.digest) for one in experiments}
    assert len(digests) == len({one.name for one in experiments})


def test_rivals_in_regression_have_as_many_parameters_and_the_penalties_of_a_fold() -> None:
    _, mesh = regression.mesh(0, 300, solver="lm")
    _, grid = regression.perceptron(0, 300)
    for hidden, (width,) in zip(mesh["hidden"], grid["regressor__mlpregressor__hidden_layer_sizes"], strict=True):
        edges = graphs.mesh(regression.FEATURES, hidden, 1).edges
        assert edges <= (regression.FEATURES + 2) * width + 1 < edges + regression.FEATURES + 2
    learned_from = 300 * (regression.FOLDS - 1) // regression.FOLDS
    assert grid["regressor__mlpregressor__alpha"] == [penalty * learned_from / 2 for penalty in mesh["penalty"]]


def test_ridge_regression_is_judged_on_rows_that_it_did_not_see() -> None:
    (outcome,) = regression.regress([3], lambda part: None, data=regression.diabetes, arm=regression.ridge)
    assert 0.35 < outcome.metrics["test_r2"] < 0.6
    (learned, _), (judged, _) = regression.diabetes(3)
    assert (len(learned), len(judged)) == (309, 133)
    assert not {tuple(row) for row in learned} & {tuple(row) for row in judged}


def test_the_true_function_of_friedman_explains_all_but_the_noise() -> None:
    (outcome,) = regression.known([3], lambda part: None)
    assert 0.93 < outcome.metrics["test_r2"] < 0.97


def test_the_film_keeps_weights_from_the_first_to_the_last_epoch() -> None:
    recipe = replace(animation.ARMS["lm"][1], epochs=9)
    (outcome,) = animation.watch([3], lambda part: None, recipe=recipe, frames=4)
    assert outcome.history["epoch"] == [0, 1, 4, 9]
    assert len(outcome.history["weight"]) == 4 * animation.TOPOLOGY.edges
    assert outcome.metrics["test_accuracy"] == outcome.history["accuracy"][-1]
