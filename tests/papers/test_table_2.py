"""Table 2: connections as nominal, the script's differences, trials side by side, and verdicts that follow the intervals."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from onward import graphs
from onward.datasets import images
from onward.datasets.pictures import Pictures
from onward.experiments.result import Result
from onward.experiments.run import run, stored
from onward.experiments.side_by_side import train_side_by_side
from onward.experiments.spec import Experiment
from onward.kernels import activations
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.learners.masked import Masked
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks import (
    classifiers,
    features,
    script,
    table_2,
    table_2_beyond,
    table_2_raw,
    table_2_verdicts,
)
from onward.papers.mesh_neural_networks.autoencoder import Settings
from onward.papers.mesh_neural_networks.features import encoded
from onward.papers.mesh_neural_networks.magnitude import train_prune_train
from onward.papers.mesh_neural_networks.online_magnitude import train_while_pruning
from onward.papers.mesh_neural_networks.table_2_cells import DENSITIES, FIRST_ORDER, SECOND_ORDER, adam
from onward.reports.artefact import Picture, Results, Table, Text
from onward.training import datasets
from onward.training.fit import Recipe
from onward.training.second_order import LevenbergMarquardt


@pytest.mark.parametrize("edges", DENSITIES)
def test_meshes_have_as_many_connections_as_the_paper_counts(edges: int) -> None:
    """(1 - p) (n_i + n_h) (n_h + n_o) + n_h + n_o, section 4.2."""
    kept = DENSITIES[edges]
    assert edges == round(kept * (32 + 50) * (50 + 10)) + 50 + 10
    learner = classifiers.meshes([3, 4], density=kept, ticks=3)
    assert classifiers.counted(learner, [3, 4])["connections"].tolist() == [edges, edges]
    assert not torch.equal(*learner.edges)


@pytest.mark.parametrize(("edges", "widths", "count"), [(798, (14, 13), 797), (1044, (17, 17), 1047)])
def test_the_papers_perceptrons_are_found_by_their_connections(edges: int, widths: tuple[int, ...], count: int) -> None:
    assert classifiers.equal(edges, 2) == widths
    learner = classifiers.perceptrons([3], widths=widths)
    assert classifiers.counted(learner, [3])["connections"].tolist() == [count] == [classifiers.connections(32, widths, 10)]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("edges", DENSITIES)
def test_rivals_have_as_many_connections(edges: int, layers: int) -> None:
    widths = classifiers.equal(edges, layers)
    assert len(widths) == layers
    assert abs(classifiers.connections(32, widths, 10) - edges) <= 0.025 * edges


def test_a_perceptron_without_hidden_layers_is_a_linear_classifier() -> None:
    learner = classifiers.perceptrons([3], widths=())
    x = torch.randn(1, 6, 32, generator=torch.Generator().manual_seed(0))
    zero = learner.scores(torch.zeros_like(x))
    torch.testing.assert_close(learner.scores(3 * x) - zero, 3 * (learner.scores(x) - zero))
    assert classifiers.counted(learner, [3])["connections"].tolist() == [330]


@pytest.mark.parametrize(("ticks", "density", "live"), [(2, 0.15, 366), (2, 0.2, 505), (3, 0.15, 725), (3, 0.2, 990)])
def test_many_nominal_connections_cannot_do_anything(ticks: int, density: float, live: int) -> None:
    seeds = range(20)
    found = classifiers.counted(classifiers.meshes(seeds, density=density, ticks=ticks), seeds)["live"].double().mean()
    assert float(found) == pytest.approx(live, abs=10)


@pytest.mark.parametrize("name", table_2_raw.PROBLEMS)
def test_raw_inputs_are_compared_at_equal_connections(name: str) -> None:
    problem = table_2_raw.PROBLEMS[name]
    (wanted,) = classifiers.counted(table_2_raw.learner_of(problem, "mlp")([3]), [3])["connections"].tolist()
    for arm in ("mesh", "pruned"):
        topology = pruned_on(problem, arm).topology
        assert abs(topology.edges - wanted) <= 1
        assert topology.hidden == problem.hidden > problem.width


def test_blocks_are_pruned_to_one_density_and_every_hidden_neuron_feeds_every_output() -> None:
    shape = {"features": 20, "hidden": 30, "outputs": 4}
    blocks = ("input-hidden", "input-output", "hidden-hidden")
    found = classifiers.densities(154 + 790, blocks, **shape)
    assert found == dict.fromkeys(blocks, 0.5) | {"hidden-output": 1.0}
    assert graphs.random(20, 30, 4, found, generator=torch.Generator()).edges == 944
    for edges in (153, 154 + 1581):
        with pytest.raises(ValueError, match=f"a mesh has 154 to 1734 edges, got {edges}"):
            classifiers.densities(edges, blocks, **shape)


SMALL = table_2_raw.Problem("small", datasets.iris, 6, 3, width=5, hidden=9, epochs=1)


def pruned_on(problem: table_2_raw.Problem, arm: str) -> MeshNet:
    learner = table_2_raw.learner_of(problem, arm)([3])
    assert isinstance(learner, ForwardOnly)
    return learner.net


def test_a_pruned_perceptron_is_a_perceptron_with_zeros_and_learns_by_its_true_gradient() -> None:
    drawn = pruned_on(SMALL, "pruned")
    weight = drawn.weight.detach().double() + 0.1  # biases begin with zero
    net = drawn.with_weight(weight)
    matrix = torch.zeros(1, 19, 19, dtype=torch.float64)
    source, target = (torch.tensor(ends) for ends in (net.topology.source, net.topology.target))
    matrix[:, source, target] = weight
    x = torch.randn(1, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    hidden = torch.relu(x @ matrix[:, :6, 7:16] + matrix[:, 6:7, 7:16])
    outputs = hidden @ matrix[:, 7:16, 16:] + matrix[:, 6:7, 16:]
    torch.testing.assert_close(ForwardOnly(net).scores(x), outputs, rtol=1e-12, atol=1e-14)
    y = torch.arange(5).unsqueeze(0) % 3
    (ours,), (theirs,) = (rule(net).credit(x, y) for rule in (ForwardOnly, Backprop))
    torch.testing.assert_close(ours.gradients, theirs.gradients, rtol=1e-10, atol=1e-14)


def test_the_pruned_perceptron_and_the_mesh_are_pruned_alike() -> None:
    kept = []
    for arm in ("mesh", "pruned"):
        topology = pruned_on(SMALL, arm).topology
        block = topology.blocks["input-hidden"]
        kept.append(set(zip(topology.source[block].tolist(), topology.target[block].tolist(), strict=True)))
    assert kept[0] < kept[1]


def test_a_mesh_on_its_own_edges_is_drawn_as_one_side_by_side() -> None:
    alone, stacked = (make([5], density=0.2, ticks=3) for make in (classifiers.mesh, classifiers.meshes))
    x = torch.randn(1, 6, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(alone.scores(x), stacked.scores(x), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="one at a time here, got 2 seeds"):
        classifiers.mesh([5, 6], density=0.2, ticks=3)


def test_the_largest_weights_are_kept_and_every_bias() -> None:
    topology = classifiers.unpruned(4, 5, 2)
    weight = torch.randn(3, topology.edges, generator=torch.Generator().manual_seed(0))
    bias = torch.from_numpy(topology.source == 4)
    kept = classifiers.largest(weight, topology, 20)
    assert kept.sum(1).tolist() == [20] * 3
    assert kept[:, bias].all()
    for row, chosen in zip(weight.abs(), kept, strict=True):
        assert row[chosen & ~bias].min() > row[~chosen].max()
    with pytest.raises(ValueError, match=f"7 to {topology.edges} edges can be kept, got 6"):
        classifiers.largest(weight, topology, 6)


OUTPUTS = torch.randn(6, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 4
LABELS = torch.arange(6)


@pytest.mark.parametrize("importance", [None, torch.rand(6, dtype=torch.float64)], ids=["equal", "weighted"])
def test_two_softmaxes_have_the_derivative_of_autograd_and_cannot_be_fitted(importance: torch.Tensor | None) -> None:
    reads = OUTPUTS.clone().requires_grad_()
    each = torch.nn.functional.cross_entropy(torch.softmax(reads, 1), LABELS, reduction="none")
    expected = (each if importance is None else each * importance).mean()
    value, error = script.softmax_twice(OUTPUTS, LABELS, importance)
    torch.testing.assert_close(value, expected.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(error, torch.autograd.grad(expected, reads)[0], rtol=1e-10, atol=1e-14)
    perfect, _ = script.softmax_twice(1e3 * torch.eye(10), torch.arange(10))
    assert float(perfect) == pytest.approx(1.461, abs=1e-3)


X = torch.randn(2, 9, 32, generator=torch.Generator().manual_seed(0))
Y = torch.arange(18).view(2, 9) % 10


def test_the_scripts_mesh_is_linear_when_it_is_asked() -> None:
    learner = script.meshes([3, 4], density=0.2)
    zero = learner.scores(torch.zeros_like(X))
    torch.testing.assert_close(learner.scores(-2 * X) - zero, -2 * (learner.scores(X) - zero), rtol=1e-4, atol=1e-5)
    described = classifiers.meshes([3, 4], density=0.2, ticks=2)
    zero = described.scores(torch.zeros_like(X))
    assert not torch.allclose(described.scores(-2 * X) - zero, -2 * (described.scores(X) - zero), rtol=1e-2, atol=1e-2)


def test_without_dropout_the_script_learns_by_the_forward_only_gradient_of_a_net_with_relu() -> None:
    learner = script.meshes([3, 4], density=0.2, dropout=0.0)
    (found,) = learner.credit(X, Y)
    weight = dict(learner.named_parameters())["rule.net.weight"].detach()
    net = MeshNet(classifiers.unpruned(), 2, output="relu", weight=weight)
    (expected,) = Masked(ForwardOnly(net, script.softmax_twice), learner.edges).credit(X, Y)
    torch.testing.assert_close(found.loss, expected.loss)
    gradient = expected.gradients["rule.net.weight"]
    torch.testing.assert_close(found.gradients["rule.net.weight"], gradient, rtol=1e-4, atol=1e-7)
    linear = MeshNet(classifiers.unpruned(), 2, hidden="identity", weight=weight)
    (other,) = Masked(ForwardOnly(linear, script.softmax_twice), learner.edges).credit(X, Y)
    assert not torch.allclose(gradient, other.gradients["rule.net.weight"], rtol=1e-2)


def test_the_script_drops_a_fifth_anew_in_every_step_and_each_seed_its_own() -> None:
    rules = [script.meshes(seeds, density=0.2).rule for seeds in ([3, 4], [4])]
    assert all(isinstance(rule, script.Script) for rule in rules)
    together, alone = (rule._dropped(torch.ones(len(rule.net.weight), 500, 60)) for rule in rules)  # type: ignore[operator, union-attr]
    assert together.unique().tolist() == [0, 1.25]
    assert float((together == 0).double().mean()) == pytest.approx(0.2, abs=0.01)
    torch.testing.assert_close(together[1], alone[0])
    again = rules[1]._dropped(torch.ones(1, 500, 60))  # type: ignore[operator]
    assert not torch.equal(again, alone)


def test_the_scripts_first_weights_are_those_of_pytorchs_layers() -> None:
    mesh = script.meshes([3], density=0.2)
    drawn = dict(mesh.named_parameters())["rule.net.weight"][mesh.edges]
    assert 0.95 * 82**-0.5 < drawn.abs().max() <= 82**-0.5
    topology = graphs.layered(32, (14, 13), 10)
    weight = script.as_torch(topology, torch.Generator().manual_seed(0))
    for block, fan_in in (("input-hidden", 32), ("hidden-output", 13)):
        assert 0.95 * fan_in**-0.5 < weight[topology.blocks[block]].abs().max() <= fan_in**-0.5
    assert weight[topology.blocks["bias-output"]].abs().max() > 0


def quick(rates: Sequence[float] = (0.01,), epochs: int = 4) -> Callable[..., list]:
    iris = {"features": 4, "hidden": 6, "outputs": 3}
    learner = partial(classifiers.meshes, density=0.7, ticks=3, **iris)
    return partial(
        train_side_by_side, data=datasets.iris, learner=learner, recipes=adam(epochs, 16, rates), also=classifiers.counted
    )


def test_trials_side_by_side_come_to_what_each_comes_to_alone() -> None:
    trial = quick()
    together = trial([3, 4, 5], lambda part: None)
    for k, seed in enumerate([3, 4, 5]):
        (alone,) = trial([seed], lambda part: None)
        assert together[k].metrics["validation_loss"] == pytest.approx(alone.metrics["validation_loss"], rel=1e-3)
        assert together[k].history["loss"] == pytest.approx(alone.history["loss"], rel=1e-3)
        assert together[k].metrics["live"] == alone.metrics["live"]


def test_what_training_took_is_told_of_the_recipe_that_was_kept_and_of_all() -> None:
    recipes = (*adam(3, 16, (1e-6, 0.03)), *adam(5, 16, (1e-6,)))
    trial = partial(quick(), recipes=recipes)
    for outcome in trial([3, 4], lambda part: None):
        found = outcome.metrics
        assert (found["recipe"], found["passes"], found["all_passes"]) == (1, 3, 11)
        assert outcome.history["passes"] == [1, 2, 3]
        assert found["seconds"] == outcome.history["seconds"][-1]
        assert 0 < found["seconds"] < found["all_seconds"]


def test_repeated_trials_of_a_step_are_passes_too() -> None:
    alone = partial(classifiers.mesh, density=0.7, ticks=3, features=4, hidden=6, outputs=3)
    recipes = (Recipe(LevenbergMarquardt(), epochs=4, patience=4),)
    (outcome,) = train_side_by_side([3], lambda part: None, data=datasets.iris, learner=alone, recipes=recipes)
    assert outcome.metrics["passes"] >= 2 * 4
    assert outcome.metrics["passes"] == outcome.metrics["all_passes"]


def test_adam_may_take_as_many_passes_as_second_order_at_least() -> None:
    assert {recipe.epochs for recipe in FIRST_ORDER} == {25, 50, 100}
    assert min(recipe.epochs for recipe in FIRST_ORDER) >= SECOND_ORDER[0].epochs
    assert len({(recipe.epochs, recipe.optimiser.keywords["lr"]) for recipe in FIRST_ORDER}) == 9  # type: ignore[union-attr]


def test_every_trial_keeps_its_own_best_rate_by_validation() -> None:
    told: list[float] = []
    for outcome in quick((1e-6, 0.03), epochs=12)([3, 4], told.append):
        assert outcome.metrics["recipe"] == 1
        assert outcome.metrics["validation_loss"] == pytest.approx(min(outcome.history["validation_loss"]), rel=1e-6)
        assert len(outcome.history["loss"]) == len(outcome.history["epoch"]) == 12
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Scikit-learn's digits, three times as large and framed, in MNIST's place."""
    from sklearn.datasets import load_digits

    pixels, y = map(np.asarray, load_digits(return_X_y=True))
    x = np.pad(np.kron(pixels.reshape(-1, 8, 8), np.ones((3, 3))), ((0, 0), (2, 2), (2, 2)))
    x, y = (15 * x).astype(np.uint8)[:, None], y.astype(np.uint8)
    monkeypatch.setattr(images, "pictures", lambda name: Pictures(x[:600], y[:600], x[600:800], y[600:800]))
    monkeypatch.setenv("ONWARD_CACHE", str(tmp_path / "cache"))
    features._features.cache_clear()


@pytest.mark.usefixtures("digits")
def test_a_tiny_table_from_pictures_to_a_stored_result(tmp_path: Path) -> None:
    data = partial(encoded, pictures="mnist", settings=Settings(epochs=8, batch=32), validation=100)
    arms = {
        "mesh": partial(classifiers.meshes, density=0.2, ticks=3),
        "mlp": partial(classifiers.perceptrons, widths=(17, 17)),
        "script": partial(script.meshes, density=0.2),
    }
    for name, learner in arms.items():
        trial = partial(
            train_side_by_side, data=data, learner=learner, recipes=adam(8, 32, (0.01,)), also=classifiers.counted
        )
        experiment = Experiment(f"tiny/{name}", trial, seeds=2, together=2)
        made = list(run(experiment, tmp_path))
        for kept, result in zip(stored(experiment, tmp_path), made, strict=True):
            assert kept.metrics == pytest.approx(result.metrics, rel=1e-6)
        for result in made:
            assert result.metrics["test_accuracy"] > (0.2 if name == "script" else 0.4)
            assert result.metrics["connections"] == (1047 if name == "mlp" else 1044)
    trial = partial(
        train_prune_train, data=data, ticks=3, keep=798, before=adam(5, 32, (0.01,))[0], recipes=adam(10, 32, (0.01,))
    )
    recipes = tuple(replace(recipe, patience=None) for recipe in adam(10, 32, (0.003, 0.01)))
    online = partial(train_while_pruning, data=data, ticks=3, keep=798, recipes=recipes)
    for outcome in trial([1, 2], lambda part: None) + online([1, 2], lambda part: None):
        assert outcome.metrics["connections"] == 798
        assert outcome.metrics["test_accuracy"] > 0.4


def made_up(accuracy: Callable[[str], float], trials: int = 4) -> Results:
    """Results of every experiment, with the mean accuracy that its name is given."""
    rng = np.random.default_rng(0)

    def result(name: str, seed: int) -> Result:
        metrics = {
            "test_accuracy": accuracy(name) + 0.001 * rng.normal(),
            "connections": 1044,
            "live": 990,
            "recipe": seed % 2,
        }
        metrics |= {"passes": 50, "all_passes": 525, "all_seconds": 60.0}
        return Result(name, seed, [seed, 999], "", {}, metrics, {}, 1.0, {}, "")

    return {one.name: [result(one.name, 100 + k) for k in range(trials)] for one in table_2.ARTEFACT.experiments}


def words(results: Results) -> str:
    return " ".join(element.words for element in table_2.render(results) if isinstance(element, Text))


def test_the_page_says_what_was_not_run() -> None:
    elements = table_2.render({one.name: [] for one in table_2.ARTEFACT.experiments})
    tables = [element for element in elements if isinstance(element, Table)]
    assert all("not run" in " ".join(row) for table in tables for row in table.rows)
    assert not any(isinstance(element, Picture) for element in elements)
    assert "**" not in words({one.name: [] for one in table_2.ARTEFACT.experiments}).replace("**Reduced**", "").replace(
        "**reduced**", ""
    )


def test_the_page_shows_the_papers_numbers_beside_ours() -> None:
    elements = table_2.render(made_up(lambda name: 0.872 if "mesh" in name else 0.85))
    assert any(isinstance(element, Picture) for element in elements)
    table = next(element for element in elements if isinstance(element, Table))
    assert table.rows[0][:4] == ["mesh, 85 % pruned", "1044", "990", "0.772 ± 0.030"]
    assert table.rows[0][4].startswith("0.87")
    assert table.rows[0][5] == f"{float(table.rows[0][4][:5]) - 0.772:+.3f}"


@pytest.mark.parametrize("trials", [0, 1, 2])
def test_the_page_renders_few_trials(trials: int) -> None:
    table_2.render(made_up(lambda name: 0.5, trials))


def test_verdicts_follow_the_intervals() -> None:
    ahead = words(made_up(lambda name: 0.88 if "mesh" in name else 0.85))
    assert "the mesh has 0.880" in ahead
    assert "**above** the paper's 0.772" in ahead
    assert "on MNIST with 1044 connections **is reached**" in ahead
    assert ahead.count("ahead of it on") == 12
    assert ahead.count("**does not hold**") == 2
    assert "MNIST, **above** the paper's: mesh of 798 (0.8" in ahead
    behind = words(made_up(lambda name: 0.70 if "mesh" in name else 0.75))
    assert "**below** the paper's 0.772" in behind
    assert "**is missed**" in behind
    assert behind.count("behind it on") == 12
    assert behind.count("is not contradicted") == 2
    level = words(made_up(lambda name: 0.79))
    assert "not told apart from the paper's 0.796" in level
    assert level.count("not told apart from it on") == 12


def test_a_mean_near_the_mark_is_left_open() -> None:
    assert "which the interval leaves open" in words(made_up(lambda name: 0.8604))
    assert "which the interval leaves open" not in words(made_up(lambda name: 0.87))


def beyond(results: Results) -> list[str]:
    return [
        one.words for one in table_2_beyond.shown(results) if isinstance(one, Text) and "for 16 comparisons" in one.words
    ]


def test_verdicts_beyond_the_paper_follow_the_paired_differences() -> None:
    better = made_up(lambda name: 0.88 if "magnitude" in name else 0.86)
    (told,) = beyond(better)
    assert told.count("largest weights kept: better") == 4
    assert told.count("4 ticks: not told apart") == 2
    worse = made_up(lambda name: 0.84 if "6-ticks" in name else 0.86)
    (told,) = beyond(worse)
    assert told.count("6 ticks: worse") == 2


def test_a_difference_that_16_comparisons_could_bring_about_is_no_verdict() -> None:
    """+0.001 ± 0.0006, whose interval is 1.8 times as wide for 16 comparisons of 10 trials."""
    results = dict(made_up(lambda name: 0.86, trials=0))
    spread = 0.0006 / 2.262 * 10**0.5 * np.array([-1, 1] * 5) * 0.9**0.5
    for name, shift in (("mnn/table-2/mnist/magnitude-0798", 0.001 + spread), ("mnn/table-2/mnist/mesh-0798", 0 * spread)):
        accuracies = enumerate(0.86 + shift)
        results[name] = [Result(name, k, [k], "", {}, {"test_accuracy": one}, {}, 1.0, {}, "") for k, one in accuracies]
    (row,) = (
        row
        for element in table_2_beyond.shown(results)
        if isinstance(element, Table)
        for row in element.rows
        if row[:2] == ["MNIST", "798 connections, largest weights kept"]
    )
    assert row[-1] == "+0.0010 ± 0.0006"
    assert "largest weights kept: not told apart (MNIST, beside pruned at random, +0.0010 ± 0.0011" in beyond(results)[0]


def test_the_page_shows_what_the_solvers_took() -> None:
    *_, table = (one for one in table_2_beyond.shown(made_up(lambda name: 0.86)) if isinstance(one, Table))
    assert table.rows[0] == ["MNIST", "Levenberg-Marquardt", "50", "525", "30", "2"]
    assert [row[1] for row in table.rows] == ["Levenberg-Marquardt", "Adam"] * 2


def test_verdicts_on_raw_inputs_name_every_rival_in_widened_intervals() -> None:
    found = made_up(lambda name: {"mesh": 0.98, "pruned": 0.98, "mlp": 0.94}.get(name.rsplit("/", 1)[1], 0.99), trials=5)
    (told,) = table_2_raw.verdicts({key: found[one.name] for key, one in table_2_raw.EXPERIMENTS.items()})
    assert "widened for 8 comparisons" in told
    assert told.count("the sparse mesh is not told apart from the pruned MLP (") == 2
    assert told.count("above the dense MLP (+0.0") == 4
    assert told.count("below the linear classifier (-0.0") == 2
    assert told.count("the pruned MLP is above the dense MLP") == 2
    assert table_2_raw.verdicts({key: [] for key in table_2_raw.EXPERIMENTS}) == []
    two = made_up(lambda name: 0.942 if name.endswith("mesh") else 0.94, trials=2)
    (told,) = table_2_raw.verdicts({key: two[one.name] for key, one in table_2_raw.EXPERIMENTS.items()})
    assert "above" not in told


def test_the_page_tells_how_often_an_edge_of_the_rates_was_chosen() -> None:
    told = words(made_up(lambda name: 0.86))
    assert "lowest rate (0.003) and the highest (0.03): meshes 28 and 0 of 56 times" in told
    assert "lowest rate (0.0003) and the highest (0.01): sparse mesh 4 and 0 of 8 times; pruned MLP 4" in told


def test_verdicts_over_features_follow_the_intervals() -> None:
    told = words(made_up(lambda name: 0.88 if "own-autoencoder/mesh" in name else 0.86))
    assert told.count("ahead of the MLP on") == told.count("ahead of the linear classifier on") == 2
    assert "behind the linear classifier on Fashion-MNIST" in words(made_up(lambda name: 0.9 if "linear" in name else 0.86))


def test_no_net_is_over_the_ceiling_by_the_interval_of_one_alone() -> None:
    runs = [0.8 + 0.001 * k for k in (-1, 0, 1, 2, 3)]  # with what is added, 0.8022 ± 0.0020
    name = "mnn/table-2/mnist/linear"
    results = [Result(name, k, [k], "", {}, {"test_accuracy": one + 0.0012}, {}, 1.0, {}, "") for k, one in enumerate(runs)]
    assert "**does not hold**" in table_2_verdicts.on_the_ceiling({"mnist": {"linear": results}})[0]
    assert "is not contradicted" in table_2_verdicts.on_the_ceiling({"mnist": {f"{k}": results for k in range(16)}})[0]


def test_counting_reads_the_activation_of_the_net() -> None:
    """A neuron that is never silent makes connections live that ReLU leaves dead."""
    topology = graphs.random(4, 9, 3, 0.3, generator=torch.Generator().manual_seed(1), bias=False)
    counts = []
    for activation in (activations.relu, activations.sigmoid):
        net = MeshNet(topology, 3, hidden=activation)
        counts.append(int(classifiers.counted(ForwardOnly(MeshNet.stack([net])), [0])["live"][0]))
    assert counts[0] < counts[1]
