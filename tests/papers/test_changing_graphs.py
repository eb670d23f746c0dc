"""Meshes made smaller come to the edges that are due, and the report says what the intervals say."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType

import numpy as np
import pytest
import torch

from onward import graphs
from onward.experiments.result import Result
from onward.graphs.changes import Change
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.nets.pruning import by_magnitude
from onward.papers.mesh_neural_networks import changing_cells as cells
from onward.papers.mesh_neural_networks import changing_graphs as report
from onward.papers.mesh_neural_networks import changing_neurons as neurons
from onward.papers.mesh_neural_networks import changing_verdicts as verdicts
from onward.papers.mesh_neural_networks import changing_ways as ways
from onward.papers.mesh_neural_networks.changing_jobs import Ending, Job, Made, begun, count, pruned
from onward.papers.mesh_neural_networks.changing_neurons import REMOVED, one_by_one, pruned_by_neurons
from onward.papers.mesh_neural_networks.changing_trials import measure, shrunk
from onward.papers.mesh_neural_networks.changing_ways import fall, trained
from onward.reports.artefact import Picture, Table, Text
from onward.topology import Topology
from onward.training import datasets
from onward.training.changing import change_graph
from onward.training.data import Dataset, Split
from onward.training.edge_schedules import cosine
from onward.training.fit import Recipe, Training, TrainingFailed
from onward.training.regrowing import by_gradient

DENSE = graphs.mesh(4, 8, 3)
RECIPE = Recipe(partial(torch.optim.Adam, lr=0.03), 20, batch=42)
TRIAL = partial(shrunk, dense=DENSE, ticks=3, epochs=12, batch=32)


def job(part: float, **other) -> Job:
    return replace(Job(datasets.iris(0), DENSE, 3, part, RECIPE, 0), **other)


def net_of(ending: Ending) -> MeshNet:
    assert isinstance(ending, Made)
    return ending.net


def test_edges_that_are_due_are_rounded_block_by_block() -> None:
    (made,) = trained([job(1.0)], begun)
    assert count(net_of(made)) == job(1.0).edges == 165
    assert job(0.1).edges == 3 + 1 + 6 + 2 + 2 + 1


@pytest.mark.parametrize(
    "way",
    [
        *(cells.WAYS[name] for name in ("random", "magnitude", "magnitude-of-pruned", "regrown")),
        partial(trained, begin=partial(begun, start=1.5), step=fall),
    ],
)
def test_edges_come_to_the_number_that_is_due(way) -> None:
    jobs = [job(part) for part in (0.5, 0.2, 0.1)]
    assert [count(net_of(made)) for made in way(jobs)] == [its.edges for its in jobs]


def by_itself(its: Job, way: str) -> MeshNet:
    """One mesh alone, by the functions that change the graph of a run."""
    net = begun(its) if way == "magnitude" else pruned(its)
    run, first = begin(its, net), count(net)
    for epoch in run.epochs():
        due = its.falling(epoch.number, first)
        if way == "magnitude" and due < count(net):
            change_graph(run, by_magnitude(net, due))
        if way == "regrown" and epoch.number in (4, 8):
            moved = round(first * cosine(epoch.number, first=0.3, end=12))
            change_graph(run, by_magnitude(net, first - moved))
            change_graph(run, by_gradient(ForwardOnly(net), its.data.train.x, its.data.train.y, moved))
    return net


def begin(its: Job, net: MeshNet) -> Training:
    return Training(ForwardOnly(net), its.lesson, its.recipe, generator=its.order)


@pytest.mark.parametrize("way", ["random", "magnitude", "regrown"])
def test_side_by_side_each_mesh_becomes_what_it_would_alone(way: str) -> None:
    jobs = [job(0.5), job(0.2, seed=1, data=datasets.iris(1)), job(0.1)]
    for its, made in zip(jobs, cells.WAYS[way](jobs), strict=True):
        net, alone = net_of(made), by_itself(its, way)
        assert net.topology == alone.topology
        torch.testing.assert_close(net.weight, alone.weight, rtol=1e-3, atol=1e-4)


def huge(its: Job) -> MeshNet:
    """A mesh that begins as it should for seed 0, and with weights far too large for others."""
    net = begun(its)
    return net.with_weight(torch.full_like(net.weight.detach(), 1e30)) if its.seed else net


def test_a_mesh_that_does_not_stay_finite_does_not_take_those_beside_it_along() -> None:
    one, other, third = trained([job(0.2), job(0.2, seed=1), job(0.5)], huge, fall)
    assert isinstance(other, TrainingFailed)
    for made, part in ((one, 0.2), (third, 0.5)):
        (alone,) = trained([job(part)], begun, fall)
        assert net_of(made).topology == net_of(alone).topology
        assert torch.equal(net_of(made).weight, net_of(alone).weight)


def test_one_by_one_too() -> None:
    def way(its: Job) -> Made | None:
        if its.seed == 1:
            raise TrainingFailed("the loss became nan")
        return None if its.seed == 2 else Made(begun(its))

    one, failed, none, last = one_by_one([job(0.5, seed=seed) for seed in (0, 1, 2, 3)], way)
    assert count(net_of(one)) == count(net_of(last)) == 165
    assert isinstance(failed, TrainingFailed)
    assert none is None


def recorded(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> list[int]:
    """The numbers of edges that are kept by magnitude from now on."""
    dues: list[int] = []

    def noted(net: MeshNet, edges: int) -> Change:
        dues.append(edges)
        return by_magnitude(net, edges)

    monkeypatch.setattr(module, "by_magnitude", noted)
    return dues


@pytest.mark.parametrize(("name", "first"), [("magnitude", 165), ("magnitude-of-pruned", 68)])
def test_by_magnitude_edges_go_little_by_little_of_all_or_of_a_mesh_that_was_pruned_at_random(
    name: str, first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    its, dues = job(0.2), recorded(monkeypatch, ways)
    start = DENSE if first == 165 else its.pruned(0.4).topology
    (made,) = cells.WAYS[name]([its])
    assert len(ends(start)) == first + 11
    assert ends(net_of(made).topology) < ends(start)
    assert 0.7 * first < dues[0] < first
    assert dues[-1] == its.edges
    assert len(dues) > 7
    assert dues == sorted(set(dues), reverse=True)


def ends(topology: Topology) -> set[tuple[int, int]]:
    return set(zip(topology.source.tolist(), topology.target.tolist(), strict=True))


@pytest.mark.parametrize("part", [0.5, 0.25])
@pytest.mark.parametrize("press", [1.0, 1.5, 10.0])
def test_neurons_vanish_whole_until_few_enough_edges_are_left(
    part: float, press: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the penalty has the strength to take them or has not, and the rest is forced; which of both, is told."""
    monkeypatch.setattr(neurons, "PRESS", press)
    made = pruned_by_neurons(job(part))
    assert made is not None
    net, removed = made.net, made.removed
    assert net.topology == graphs.mesh(4, net.topology.hidden, 3)
    assert count(net) <= job(part).edges
    assert sum(removed.values()) == 165 - count(net)
    assert removed["smallest"] == 0
    if press == 1.0:
        assert removed["vanished"] == 0
        assert job(part).edges < count_of(net.topology.hidden + 1), "none more than had to go"
    if press == 10.0:
        assert removed["vanished"] > 0


def count_of(hidden: int) -> int:
    return (4 + hidden + 3) * (hidden + 3)


def test_group_lasso_cannot_come_below_the_edges_of_no_hidden_neuron() -> None:
    assert pruned_by_neurons(job(0.12)) is None
    made = pruned_by_neurons(job(0.12), start=2.0)
    assert made is not None
    assert count(made.net) <= job(0.12).edges


def test_where_an_output_would_be_cut_off_the_smallest_edges_go_as_many_as_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not at once as many as are to go in the end; how many they are is told."""
    monkeypatch.setattr(neurons, "PRESS", 10.0)
    monkeypatch.setattr(neurons, "possible", lambda change, ticks: change.after.hidden == change.before.hidden)
    its, dues = job(0.5), recorded(monkeypatch, neurons)
    made = pruned_by_neurons(its)
    assert made is not None
    assert count(made.net) == its.edges == dues[-1] < dues[0]
    assert made.removed == {"vanished": 0, "forced": 0, "smallest": 165 - its.edges}
    assert set(dues) <= {its.falling(epoch, 165) for epoch in range(1, 21)}
    assert dues == sorted(set(dues), reverse=True)


def test_regrowing_begins_where_random_pruning_does_and_moves_edges() -> None:
    its = job(0.2)
    start = its.pruned(0.2).topology
    left, regrown = (net_of(cells.WAYS[way]([its])[0]).topology for way in ("random", "regrown"))
    assert left == start
    assert regrown.edges == start.edges
    assert regrown != start
    (still,) = cells.WAYS["regrown"]([job(0.2, recipe=replace(RECIPE, epochs=2))])
    assert net_of(still).topology == start, "too short a run for an exchange"


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
        way=cells.WAYS["magnitude"],
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


def failing(jobs: Sequence[Job], at: tuple[float, ...]) -> list[Ending]:
    """A way whose meshes do not stay finite at some rates; at others they stay as they were first drawn."""
    optimiser = jobs[0].recipe.optimiser
    assert isinstance(optimiser, partial)
    failed = optimiser.keywords["lr"] in at
    return [TrainingFailed("the loss became nan in epoch 3") if failed else Made(pruned(its)) for its in jobs]


def worth_nothing(jobs: Sequence[Job]) -> list[Ending]:
    """A way whose meshes are finite and whose outputs are not."""
    return [Made(huge(replace(its, seed=1))) for its in jobs]


def test_a_rate_at_which_training_fails_is_passed_over_and_counted() -> None:
    rates = (0.003, 0.01, 0.03)
    (outcome,) = TRIAL(
        [0], lambda part: None, data=datasets.iris, way=partial(failing, at=(0.003, 0.03)), parts=(0.5,), rates=rates
    )
    assert outcome.metrics["rate_at_50"] == 0.01
    assert outcome.metrics["failed_at_50"] == 2
    both = TRIAL([0, 1], lambda part: None, data=datasets.iris, way=partial(failing, at=()), parts=(0.5, 0.2), rates=rates)
    for seed, outcome in enumerate(both):
        assert outcome.metrics["failed_at_50"] == 0
        its = job(0.2, seed=seed, data=datasets.iris(seed))
        assert {name[:-6]: value for name, value in outcome.metrics.items() if name.endswith("_at_20")}.items() >= measure(
            pruned(its), its.data
        ).items(), "every seed is judged by its own mesh and data"


@pytest.mark.parametrize("way", [partial(failing, at=(0.01, 0.03)), worth_nothing])
def test_where_training_fails_at_every_rate_the_trial_fails(way) -> None:
    with pytest.raises(
        TrainingFailed, match="at none of the rates .0.01, 0.03. did the mesh of seed 7 with 20 % of its edges"
    ):
        TRIAL([7], lambda part: None, data=datasets.iris, way=way, parts=(0.2,), rates=(0.01, 0.03))


def test_weights_that_are_not_finite_between_two_steps_are_a_failure_of_training() -> None:
    its = job(0.5)
    net = its.mesh(DENSE)
    run = begin(its, net)
    change = by_magnitude(net, 100)
    with torch.no_grad():
        net.weight[3] = torch.nan
    with pytest.raises(TrainingFailed, match="a weight is no longer finite between two steps"):
        neurons.take(run, net, change)
    assert net.topology == DENSE


def test_edges_are_live_by_what_all_neurons_say_at_rest_not_by_hidden_ones_alone() -> None:
    """An output that is not silent at zero speaks to itself before anything has reached it."""
    source, target = np.array([0, 4, 4, 4, 5]), np.array([4, 5, 6, 7, 5])
    topology = Topology(4, 1, 3, source, target)
    silent, loud = (MeshNet(topology, 2, output=output, weight=torch.ones(5)) for output in ("identity", "sigmoid"))
    data = datasets.iris(0)
    assert measure(silent, data)["live"] == 4
    assert measure(loud, data)["live"] == 5


def test_parts_that_cannot_be_had_are_left_out() -> None:
    (outcome,) = TRIAL(
        [0], lambda part: None, data=datasets.iris, way=cells.WAYS["neurons"], parts=(0.5, 0.1), rates=(0.03,)
    )
    assert "test_accuracy_at_50" in outcome.metrics
    assert "test_accuracy_at_10" not in outcome.metrics
    assert outcome.history["neurons"][0] == 5


def test_every_trial_runs_on_one_thread_and_edges_are_taken_of_all_or_of_a_pruned_mesh() -> None:
    specs = {key: one.spec["trial"] for key, one in cells.EXPERIMENTS.items()}
    assert all(spec["call"].endswith(".on_one_thread") for spec in specs.values())
    said = {way: json.dumps(specs["moons", way]["trial"]["way"]) for way in cells.WAYS}
    assert [way for way in said if f'"start": {cells.START}' in said[way]] == ["magnitude-of-pruned", "neurons-of-pruned"]
    assert len({one.digest for one in cells.EXPERIMENTS.values()}) == 4 * 7


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
                        "rate": cells.RATES[k % 3],
                        "failed": k // 9,
                    }
                    if way in cells.LASSO:
                        at |= dict(zip(REMOVED, (30, 10, 60) if way == "neurons" else (90, 10, 0), strict=True))
                    metrics |= {f"{name}_at_{round(100 * part)}": value for name, value in at.items()}
                found[cells.EXPERIMENTS[problem, way].name].append(result(problem, way, 100 + k, metrics, history))
    return found


def by_key(found: dict[str, list[Result]]) -> dict[tuple[str, str], list[Result]]:
    return {key: found[one.name] for key, one in cells.EXPERIMENTS.items()}


def shaken(found: dict[str, list[Result]], problem: str, way: str, by: float) -> None:
    """Let the accuracies of a way be more by so much on every other seed, and less on those between."""
    for result in found[cells.EXPERIMENTS[problem, way].name]:
        for name in result.metrics:
            if name.startswith("test_accuracy"):
                result.metrics[name] += by if result.seed % 2 else -by


def test_verdicts_follow_the_intervals() -> None:
    random = {0.5: 0.0, 0.3: 0.0, 0.2: 0.02, 0.1: 0.1, 0.05: 0.3}
    said = verdicts.verdict(
        by_key(made_up(random=random, magnitude={0.5: 0.05, 0.3: 0.0, 0.2: 0.0, 0.1: 0.0, 0.05: 0.0}, neurons={0.5: 0.0})),
        "moons",
    )
    sentence = next(one for one in said.split("moons, ") if one.startswith("by magnitude from all"))
    assert "**better** at 20 % (+0.020 ± 0.000), 10 % (+0.100 ± 0.000) and 5 % (+0.300 ± 0.000)" in sentence
    assert "**worse** at 50 % (-0.050 ± 0.000)" in sentence
    assert "not told apart at 30 % (+0.000 ± 0.000)" in sentence
    sentence = next(one for one in said.split("moons, ") if one.startswith("group lasso from all"))
    assert "without a comparison at 30 %, 20 %, 10 % and 5 %" in sentence
    assert said.count("against random") == len(cells.ONLINE) == 5


def test_what_could_be_chance_among_several_parts_is_not_told_apart_and_its_interval_stands_beside() -> None:
    """Each part alone would be: a chance of 3 % against 5 %, but of five parts 1 % is asked of the first, 1.25 % of the second."""
    found = made_up(magnitude={0.5: -0.0086, 0.3: -0.0086, 0.2: 0.02, 0.1: -0.0086, 0.05: -0.02}, regrown={0.5: -0.0086})
    for way in ("magnitude", "regrown"):
        shaken(found, "moons", way, 0.01)
    said = verdicts.verdict(by_key(found), "moons")
    assert (
        "by magnitude from all edges against random: **better** at 5 % (+0.020 ± 0.008); **worse** at 20 % (-0.020 ± 0.008); "
        "not told apart at 50 % (+0.009 ± 0.008), 30 % (+0.009 ± 0.008) and 10 % (+0.009 ± 0.008)." in said
    )
    assert "gradient against random: **better** at 50 % (+0.009 ± 0.008); without" in said, "one part alone is one test"


@pytest.mark.parametrize(
    ("lost", "by_mean", "surely", "ended_at", "sure_loss"),
    [
        ({0.5: 0.0, 0.3: 0.009, 0.2: 0.02, 0.1: 0.0, 0.05: 0.0}, 0.3, 0.3, 0.2, True),
        ({0.5: 0.0, 0.3: 0.0, 0.2: 0.0, 0.1: 0.0, 0.05: 0.0103}, 0.05, 0.1, 0.05, False),
        ({0.5: 0.5, 0.3: 0.0, 0.2: 0.0, 0.1: 0.0, 0.05: 0.0}, None, None, 0.5, True),
        ({0.5: 0.0, 0.3: 0.0}, 0.3, 0.3, None, False),
        ({0.5: 0.01003, 0.3: 0.5}, 0.5, 0.5, 0.3, True),  # would not pass by an interval widened for five parts
        (dict.fromkeys(cells.PARTS, 0.0), 0.05, 0.05, None, False),
    ],
)
def test_the_smallest_part_is_the_last_that_loses_a_point_at_most(
    lost: dict, by_mean: float | None, surely: float | None, ended_at: float | None, sure_loss: bool
) -> None:
    found = by_key(made_up(magnitude=lost))
    assert verdicts.descend(found, "digits", "magnitude", sure=False).least == by_mean
    sure = verdicts.descend(found, "digits", "magnitude", sure=True)
    assert (sure.least, sure.ended_at, sure.lost) == (surely, ended_at, sure_loss)
    if ended_at is not None:
        assert sure.change is not None
        assert sure.change.value == pytest.approx(0.0004 - lost[ended_at])


def test_the_report_shows_what_there_is() -> None:
    found = made_up(neurons={0.5: 0.0, 0.3: 0.0})
    elements = list(report.render(found))
    tables = [one for one in elements if isinstance(one, Table)]
    assert len(tables) == 8
    assert tables[1].rows[4] == [
        "group lasso from all edges",
        "",
        "0.900 ± 0.000",
        "0.900 ± 0.000",
        "cannot",
        "cannot",
        "cannot",
    ]
    assert tables[4].rows[3][1] == "30 %; surely 30 %"
    assert tables[5].rows[0] == ["moons, group lasso from all edges", *["**30 %, 10 %, 60 %**"] * 2, *["cannot"] * 3]
    assert tables[5].rows[1] == ["moons, group lasso from a pruned mesh", *["90 %, 10 %, 0 %"] * 5]
    assert tables[6].rows[0] == ["all edges", *["40 %, 30 %, 30 %"] * 4]
    assert tables[6].caption.endswith(f"passed over: {4 * (1 + 5 * 5 + 2)}.")
    assert len([one for one in elements if isinstance(one, Picture)]) == 2
    partial_ = {name: its[:2] if k % 3 else [] for k, (name, its) in enumerate(found.items())}
    assert [one for one in report.render(partial_) if isinstance(one, Table)]
    less = list(
        report.render(made_up(magnitude={0.5: 0.0, 0.3: 0.0103, 0.2: 0.5, 0.1: 0.5, 0.05: 0.5}, regrown={0.5: 0.02}))
    )
    rows = next(one for one in less if isinstance(one, Table) and "smallest part" in one.caption).rows
    assert rows[1][1] == "30 %; surely 50 % (30 %: -0.010 ± 0.000, undecided)"
    assert rows[5][1] == "none; surely none (50 %: -0.020 ± 0.000, lost)"
    nothing = list(report.render({name: [] for name in found}))
    assert all(isinstance(one, Text) for one in nothing)
