"""The tasks of the online report are what it says, its rivals keep as many bytes, and its sentences follow from results."""

from collections.abc import Collection
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from onward.experiments.result import Result
from onward.experiments.statistics import paired, wider
from onward.experiments.streams import bytes_of, learn_streams
from onward.learners.online import Online
from onward.papers.mesh_neural_networks import online, online_nets, online_tasks
from onward.papers.mesh_neural_networks.online_tasks import TASKS
from onward.papers.mesh_neural_networks.online_verdict import GREATER_IS_BETTER, difference, verdict
from onward.reports.artefact import Picture, Table


@pytest.mark.parametrize("name", TASKS)
def test_the_rival_keeps_as_many_bytes_and_not_one_tick_more_would_fit(name: str) -> None:
    task = TASKS[name]
    streams = 1 if name in online.SERIES else online_tasks.STREAMS
    net = task.net()
    ours = bytes_of(Online(net, task.loss), streams)["kept_bytes"]
    rival = online.as_many_bytes(net, streams, loss=task.loss)
    theirs = bytes_of(rival, streams)["kept_bytes"]
    tick = 4 * streams * net.topology.neurons
    assert ours - tick < theirs <= ours
    assert task.long > rival.window


def test_some_delays_lie_within_the_window_of_the_rival_and_some_beyond() -> None:
    task = TASKS[online.RECALL[0]]
    window = online.as_many_bytes(task.net(), 16, loss=task.loss).window
    assert min(online.DELAYS) < window / 2
    assert max(online.DELAYS) > window + 5


def test_one_length_of_the_adding_problem_lies_within_the_window_of_the_rival_and_one_far_beyond() -> None:
    short, long = (TASKS[f"adding-{ticks:02d}"] for ticks in online_tasks.LENGTHS)
    window = online.as_many_bytes(short.net(), 16, loss=short.loss).window
    assert window == online.as_many_bytes(long.net(), 16, loss=long.loss).window
    assert online_tasks.LENGTHS[0] <= window
    assert online_tasks.LENGTHS[1] > 1.5 * window


def test_self_loops_begin_with_their_own_weight() -> None:
    net = TASKS[online.RECALL[0]].net(generator=torch.Generator().manual_seed(0))
    topology = net.topology
    itself = (topology.source == topology.target) & (topology.target < topology.neurons - topology.outputs)
    assert itself.sum() == topology.hidden
    assert (net.weight.detach().numpy()[itself] == np.float32(0.97)).all()
    assert np.std(net.weight.detach().numpy()[~itself]) > 0.05


def test_hidden_neurons_take_turns_and_what_enters_them_is_scaled_in_the_same_turns() -> None:
    topology = online_nets.sparse(400, 4, 1, feeds=1)
    drawn = torch.Generator().manual_seed(0)
    weight = online_nets.keeping(topology, drawn, own=(0.9, 0.0), gain=(0.1, 1.0), read=5.0).numpy()
    first = topology.inputs
    for number, (own, gain) in enumerate([(0.9, 0.1), (0.0, 1.0)] * 2):
        enters = topology.target == first + number
        itself = enters & (topology.source == first + number)
        assert weight[itself].tolist() == [own]
        from_inputs = enters & (topology.source < topology.features)
        assert weight[from_inputs].std() == pytest.approx(gain / 402**0.5, rel=0.15)
    out = topology.target == first + 4
    smaller = online_nets.keeping(topology, drawn.manual_seed(0), own=(0.9, 0.0), gain=(0.1, 1.0), read=1.0).numpy()
    np.testing.assert_allclose(weight[out], 5 * smaller[out])
    np.testing.assert_array_equal(weight[~out], smaller[~out])


@pytest.mark.parametrize("name", TASKS)
def test_what_is_read_of_a_series_reaches_the_outputs_at_the_same_tick(name: str) -> None:
    net = TASKS[name].net()
    assert ("input-output" in net.topology.blocks) is (name in online_tasks.SERIES)
    assert len(net.topology.blocks["bias-output"]) == net.topology.outputs
    x = torch.randn(1, 1, net.topology.features, generator=torch.Generator().manual_seed(0))
    moves = (Online(net).outlook(x) - Online(net).outlook(-x)).any()
    assert bool(moves) is (name in online_tasks.SERIES)


def test_sequences_follow_each_other_in_every_stream() -> None:
    passage = online_tasks.recall(3, delay=4, learned=6, judged=2)
    x, y = passage.learned.x, passage.learned.y
    assert x.shape == (16, 30, 3)
    shown = x[:, ::5, :2]
    assert (shown.argmax(-1) == y).all()
    assert x[..., :2].sum() == shown.sum() == 16 * 6
    added = online_tasks.adding(3, ticks=4, learned=6, judged=2).learned
    sums = ((added.x[..., 0] + 0.5) * added.x[..., 1]).reshape(16, 6, 4).sum(-1)
    torch.testing.assert_close(sums, added.y.squeeze(-1))
    assert added.x[..., 0].min() < -0.3
    assert added.x[..., 0].max() > 0.3


def test_series_are_parted_in_time_and_scaled_by_what_is_learned_from() -> None:
    passage = online_tasks.eeg(0, ahead=4, passes=3)
    assert passage.learned.x.shape == (1, 3 * 480, 4)
    assert passage.chosen_by.x.shape == (1, 120, 4)
    assert passage.judged_on.x.shape == (1, 800 - 600 - 4, 4)
    once = passage.learned.x[0, :480]
    torch.testing.assert_close(once.mean(0), torch.zeros(4), rtol=0, atol=1e-5)
    torch.testing.assert_close(once.std(0, correction=0), torch.ones(4), rtol=1e-4, atol=0)
    series = torch.cat([once, passage.chosen_by.x[0], passage.judged_on.x[0]])
    said = torch.cat([passage.learned.y[0, :480], passage.chosen_by.y[0], passage.judged_on.y[0]])
    torch.testing.assert_close(said[:-4], series[4:])


def test_baselines_are_persistence_and_the_best_autoregression() -> None:
    data = partial(online_tasks.mackey_glass, ahead=3, learned=600, judged=200)
    (outcome,) = online_tasks.baselines([1], lambda part: None, data=data)
    passage = data(1)
    x, y = passage.judged_on.x[0].double(), passage.judged_on.y[0].double()
    expected = ((x - y).square().mean() / y.var(0, correction=0).mean()).sqrt().item()
    assert outcome.metrics["persistence_nrmse"] == pytest.approx(expected)
    assert outcome.metrics["autoregression_nrmse"] < 0.5 * expected
    assert outcome.metrics["lags"] in online_tasks.LAGS


def test_autoregression_finds_a_linear_rule_exactly() -> None:
    x = np.random.default_rng(0).normal(size=(200, 1))
    y = 0.5 * x + 2 * np.vstack([np.zeros((1, 1)), x[:-1]]) + 1
    said = online_tasks._autoregression(x, y, 2, slice(10, 100))
    np.testing.assert_allclose(said[1:], y[1:], atol=1e-3)


def _result(name: str, seed: int, **metrics: float) -> Result:
    everything = {"kept_bytes": 10, "peak_bytes": 20, "window": 3, "seconds": 1.0, **metrics}
    history = {"tick": [1, 2], "loss": [0.5, 0.4], "said": [0.0, 1.0], "true": [0.1, 0.9]}
    return Result(name, seed, [seed], "", {}, everything, history, 1.0, {}, "")


def _results(
    ours: float, theirs: float, *, chance: Collection[str] = (), behind: Collection[str] = ()
) -> dict[str, list[Result]]:
    """Five seeds of every arm; on the tasks of `chance` a long window learns nothing, in those of `behind` persistence is better."""
    found = {}
    for (name, arm), experiment in online.EXPERIMENTS.items():
        learned = 0.9 if TASKS[name].metric in GREATER_IS_BETTER else 0.3
        if name in chance:
            learned = 0.601
        value = {"online": ours, "truncated": theirs, "bptt": learned, "present": 0.6}[arm]
        wobble = {"online": 0.001, "bptt": 0.01}.get(arm, 0.0)
        found[experiment.name] = [
            _result(
                experiment.name,
                100 + k,
                **{TASKS[name].metric: value + wobble * (-1) ** k * (k < 4), "rate": (0, 0, 4, 2, 1)[k]},
            )
            for k in range(5)
        ]
    for name, experiment in online.BASELINES.items():
        rival = 0.2 if name in behind else 0.9
        found[experiment.name] = [
            _result(experiment.name, 100 + k, persistence_nrmse=rival, autoregression_nrmse=0.4, lags=8) for k in range(5)
        ]
    return found


def _parted(results: dict[str, list[Result]]) -> tuple[dict[Any, list[Result]], dict[str, list[Result]]]:
    arms = {key: results[one.name] for key, one in online.EXPERIMENTS.items()}
    return arms, {name: results[one.name] for name, one in online.BASELINES.items()}


def _said(results: dict[str, list[Result]]) -> str:
    return " ".join(verdict(*_parted(results)))


@pytest.mark.parametrize(("ours", "theirs"), [(0.9, 0.5), (0.5, 0.9), (0.5, 0.5)])
def test_the_verdict_follows_from_the_differences(ours: float, theirs: float) -> None:
    said = _said(_results(ours, theirs))
    recall, eeg = TASKS[online.RECALL[0]].title, TASKS["eeg"].title
    better = next((part for part in said.split("Forward-only") if "**better than**" in part), "")
    worse = next((part for part in said.split("Forward-only") if "**worse than**" in part), "")
    alike = next((part for part in said.split("Forward-only") if "**not told apart from**" in part), "")
    assert (recall in better) is (eeg in worse) is (ours > theirs)
    assert (eeg in better) is (recall in worse) is (ours < theirs)
    assert (recall in alike) is (eeg in alike) is (ours == theirs)
    assert f"widened for {len(TASKS)} comparisons" in said
    assert "Says nothing" not in said


VACUOUS = "**Says nothing about memory**"


@pytest.mark.parametrize("name", ["recall-50", "adding-30"])
def test_a_task_that_a_long_window_does_not_learn_is_left_out_and_widens_nothing(name: str) -> None:
    results = _results(0.9, 0.5, chance=[name])
    judged, left_out = _said(results).split(VACUOUS)
    title = TASKS[name].title
    assert title not in judged
    assert f"{title} (a long window is not surely better than the present tick alone, +0.001 ± 0.012)" in left_out
    assert f"widened for {len(TASKS) - 1} comparisons" in judged
    arms, _ = _parted(results)
    kept = "recall-05"
    against = wider(paired(arms[kept, "online"], arms[kept, "truncated"], "test_accuracy"), len(TASKS) - 1)
    assert f"{TASKS[kept].title} ({difference(against)})" in judged


@pytest.mark.parametrize("name", online_tasks.SERIES)
def test_a_series_that_persistence_forecasts_better_is_left_out_and_widens_nothing(name: str) -> None:
    judged, left_out = _said(_results(0.5, 0.9, behind=[name])).split(VACUOUS)
    assert TASKS[name].title not in judged
    assert f"{TASKS[name].title} (a long window is not surely better than persistence, +0.100 ± 0.012)" in left_out
    assert f"widened for {len(TASKS) - 1} comparisons" in judged
    both = _said(_results(0.5, 0.9, chance=[name], behind=[name])).split(VACUOUS)[1]
    assert "than the present tick alone, +0.001 ± 0.012 or persistence, +0.401 ± 0.012)" in both


def test_nothing_is_judged_where_a_rule_or_persistence_was_not_run() -> None:
    results = _results(0.9, 0.5)
    for key in (("recall-05", "present"), ("adding-15", "bptt")):
        results[online.EXPERIMENTS[key].name] = []
    results[online.BASELINES["eeg"].name] = results[online.BASELINES["eeg"].name][:1]
    said = _said(results)
    for name in ("recall-05", "adding-15", "eeg"):
        assert TASKS[name].title not in said
    assert f"widened for {len(TASKS) - 3} comparisons" in said
    assert verdict(*_parted({name: [] for name in results})) == []
    nothing = _said(_results(0.9, 0.5, chance=TASKS))
    assert nothing.startswith(VACUOUS)


def test_the_report_shows_all_of_it_or_says_that_it_was_not_run() -> None:
    elements = online.ARTEFACT.render(_results(0.9, 0.5))
    assert sum(isinstance(one, Picture) for one in elements) == 4
    scores = next(one for one in elements if isinstance(one, Table))
    assert len(scores.rows) == len(TASKS)
    rates = next(one for one in elements if isinstance(one, Table) and one.caption.startswith("How many seeds chose"))
    assert {cell for row in rates.rows for cell in row[1:]} == {"2 and 1 of 5"}
    empty = online.ARTEFACT.render({one.name: [] for one in online.ARTEFACT.experiments})
    assert not any(isinstance(one, Picture) for one in empty)
    table = next(one for one in empty if isinstance(one, Table))
    assert all(row[2:] == ["not run"] * 5 for row in table.rows)


@pytest.mark.slow
def test_a_short_run_of_every_rule() -> None:
    task = TASKS[online.RECALL[0]]
    data = partial(online_tasks.recall, delay=3, learned=60, judged=10)
    for arm in online.ARMS:
        trial: Any = online.EXPERIMENTS[online.RECALL[0], arm].trial
        rule = trial.keywords["trial"].keywords["rule"]
        for outcome in learn_streams([1, 2], lambda part: None, data=data, net=task.net, rule=rule, rates=(0.01,)):
            assert 0 <= outcome.metrics["test_accuracy"] <= 1
