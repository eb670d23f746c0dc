"""Meshes made smaller come to the edges that are due, and the report says what the intervals say."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from onward import graphs
from onward.experiments.result import Result
from onward.papers.mesh_neural_networks import changing_cells as cells
from onward.papers.mesh_neural_networks import changing_graphs as report
from onward.papers.mesh_neural_networks import changing_verdicts as verdicts
from onward.papers.mesh_neural_networks.changing_trials import shrunk
from onward.papers.mesh_neural_networks.changing_ways import (
    Job,
    as_it_is,
    count,
    pruned_and_regrown,
    pruned_before,
    pruned_by_magnitude,
    pruned_by_neurons,
)
from onward.reports.artefact import Picture, Table, Text
from onward.training import datasets
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe

DENSE = graphs.mesh(4, 8, 3)
RECIPE = Recipe(partial(torch.optim.Adam, lr=0.03), 20, batch=32)
TRIAL = partial(shrunk, dense=DENSE, ticks=3, epochs=12, batch=32)


def job(part: float, **other) -> Job:
    return replace(Job(datasets.iris(0), DENSE, 3, part, RECIPE, 0), **other)


def test_edges_that_are_due_are_rounded_block_by_block() -> None:
    assert count(as_it_is(job(1.0))) == job(1.0).edges == 165
    assert job(0.1).edges == 3 + 1 + 6 + 2 + 2 + 1


@pytest.mark.parametrize("part", [0.5, 0.2, 0.1])
@pytest.mark.parametrize("way", [pruned_before, pruned_by_magnitude, pruned_and_regrown])
def test_edges_come_to_the_number_that_is_due(way, part: float) -> None:
    assert count(way(job(part))) == job(part).edges


@pytest.mark.parametrize("part", [0.5, 0.25])
@pytest.mark.parametrize("hasty", [False, True])
def test_neurons_vanish_whole_until_few_enough_edges_are_left(part: float, hasty: bool, monkeypatch) -> None:
    """Whether the penalty has the time to take them or has not, and the rest is forced."""
    if hasty:
        monkeypatch.setattr("onward.papers.mesh_neural_networks.changing_ways.PRESS", 1.0)
    net = pruned_by_neurons(job(part))
    assert net is not None
    assert net.topology == graphs.mesh(4, net.topology.hidden, 3)
    assert count(net) <= job(part).edges
    if hasty:
        assert job(part).edges < count_of(net.topology.hidden + 1), "none more than had to go"


def count_of(hidden: int) -> int:
    return (4 + hidden + 3) * (hidden + 3)


def test_group_lasso_cannot_come_below_the_edges_of_no_hidden_neuron() -> None:
    assert pruned_by_neurons(job(0.12)) is None
    net = pruned_by_neurons(job(0.12), start=2.0)
    assert net is not None
    assert count(net) <= job(0.12).edges


def test_regrowing_begins_where_random_pruning_does_and_moves_edges() -> None:
    its = job(0.2)
    start, regrown = its.pruned(0.2).topology, pruned_and_regrown(its).topology
    assert pruned_before(its).topology == start
    assert regrown.edges == start.edges
    assert regrown != start
    still = job(0.2, recipe=replace(RECIPE, epochs=2))
    assert pruned_and_regrown(still).topology == start, "too short a run for an exchange"


def iris_with_wrong_test(seed: int) -> Dataset:
    data = datasets.iris(seed)
    return Dataset("wrong", data.train, Split(data.test.x, (data.test.y + 1) % 3), data.validation)


@pytest.mark.parametrize("rates", [(1e-5, 0.03), (0.03, 1e-5)])
def test_the_rate_is_chosen_by_validation_not_by_test(rates: tuple[float, ...]) -> None:
    said = []
    outcomes = TRIAL(
        [0],
        said.append,
        data=iris_with_wrong_test,
        way=pruned_by_magnitude,
        parts=(0.3, 0.5),
        rates=rates,
    )
    for outcome in outcomes:
        assert outcome.metrics["rate_at_50"] == outcome.metrics["rate_at_30"] == 0.03
        assert outcome.metrics["test_accuracy_at_30"] < 0.5
        assert outcome.metrics["edges_at_30"] == len(outcome.history["source"]) - 11 == 50
        assert outcome.metrics["live_at_30"] <= 50
    assert said[-1] == 1
    assert said == sorted(said)


def test_parts_that_cannot_be_had_are_left_out() -> None:
    (outcome,) = TRIAL([0], lambda part: None, data=datasets.iris, way=pruned_by_neurons, parts=(0.5, 0.1), rates=(0.03,))
    assert "test_accuracy_at_50" in outcome.metrics
    assert "test_accuracy_at_10" not in outcome.metrics
    assert outcome.history["neurons"][0] == 5


def result(problem: str, way: str, seed: int, metrics: dict, history: dict | None = None) -> Result:
    one = cells.EXPERIMENTS[problem, way]
    return Result(one.name, seed, [seed], one.digest, {}, metrics, history or {}, 1.0, {}, "")


def made_up(**lost: dict[float, float]) -> dict[str, list[Result]]:
    """Results of ten seeds in which ways lose so much against 0.9 at each part; a part that is not named cannot be had."""
    found: dict[str, list[Result]] = {one.name: [] for one in cells.EXPERIMENTS.values()}
    history = {"source": [0, 0, 1, 3], "target": [3, 4, 3, 5], "weight": [1.0, -1.0, 0.5, 2.0], "neurons": [3, 1, 2]}
    for problem in cells.PROBLEMS:
        for way in (cells.DENSE, *cells.WAYS):
            parts = {1.0: 0.0} if way == cells.DENSE else lost.get(way.replace("-", "_"), dict.fromkeys(cells.PARTS, 0.0))
            for k in range(10):
                metrics = {}
                for part, less in parts.items():
                    at = {
                        "test_accuracy": 0.9 - less + 0.0008 * (k % 2) * (way != cells.DENSE),
                        "edges": 9,
                        "live": 7,
                        "hidden": 1,
                    }
                    metrics |= {f"{name}_at_{round(100 * part)}": value for name, value in at.items()}
                found[cells.EXPERIMENTS[problem, way].name].append(result(problem, way, 100 + k, metrics, history))
    return found


def by_key(found: dict[str, list[Result]]) -> dict[tuple[str, str], list[Result]]:
    return {key: found[one.name] for key, one in cells.EXPERIMENTS.items()}


def test_verdicts_follow_the_intervals() -> None:
    random = {0.5: 0.0, 0.3: 0.0, 0.2: 0.02, 0.1: 0.1, 0.05: 0.3}
    (said,) = verdicts.verdict(
        by_key(made_up(random=random, magnitude={0.5: 0.05, 0.3: 0.0, 0.2: 0.0, 0.1: 0.0, 0.05: 0.0}, neurons={0.5: 0.0})),
        "moons",
    )
    sentence = next(one for one in said.split("moons, ") if one.startswith("by magnitude"))
    assert "**better** at 20 % (+0.020 ± 0.000), 10 % (+0.100 ± 0.000) and 5 % (+0.300 ± 0.000)" in sentence
    assert "**worse** at 50 % (-0.050 ± 0.000)" in sentence
    assert "not told apart at 30 %" in sentence
    assert "widened for 20 comparisons" in said
    sentence = next(one for one in said.split("moons, ") if one.startswith("group lasso from all"))
    assert "without a comparison at 30 %, 20 %, 10 % and 5 %" in sentence


@pytest.mark.parametrize(
    ("lost", "by_mean", "surely"),
    [
        ({0.5: 0.0, 0.3: 0.009, 0.2: 0.02, 0.1: 0.0, 0.05: 0.0}, 0.3, 0.3),
        ({0.5: 0.0, 0.3: 0.0, 0.2: 0.0, 0.1: 0.0, 0.05: 0.0103}, 0.05, 0.1),
        ({0.5: 0.5, 0.3: 0.0, 0.2: 0.0, 0.1: 0.0, 0.05: 0.0}, None, None),
        ({0.5: 0.0, 0.3: 0.0}, 0.3, 0.3),
    ],
)
def test_the_smallest_part_is_the_last_that_loses_a_point_at_most(lost: dict, by_mean: float, surely: float) -> None:
    found = by_key(made_up(magnitude=lost))
    assert verdicts.smallest(found, "digits", "magnitude", sure=False) == by_mean
    assert verdicts.smallest(found, "digits", "magnitude", sure=True) == surely


def test_the_report_shows_what_there_is() -> None:
    found = made_up(neurons={0.5: 0.0, 0.3: 0.0})
    elements = list(report.render(found))
    tables = [one for one in elements if isinstance(one, Table)]
    assert len(tables) == 6
    assert tables[1].rows[3] == [
        "group lasso from all edges",
        "",
        "0.900 ± 0.000",
        "0.900 ± 0.000",
        "cannot",
        "cannot",
        "cannot",
    ]
    assert len([one for one in elements if isinstance(one, Picture)]) == 2
    partial_ = {name: its[:2] if k % 3 else [] for k, (name, its) in enumerate(found.items())}
    assert [one for one in report.render(partial_) if isinstance(one, Table)]
    nothing = list(report.render({name: [] for name in found}))
    assert all(isinstance(one, Text) for one in nothing)
