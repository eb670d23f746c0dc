"""Large meshes: what is measured is what is said, a wrong gradient ends the run, and the page judges every case."""

import subprocess
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from onward.experiments.result import Result
from onward.learners.forward_only import ForwardOnly
from onward.papers.mesh_neural_networks import scale, scale_trials
from onward.papers.mesh_neural_networks.scale_trials import Case
from onward.reports.artefact import Element, Picture, Table, Text

SMALL = Case((40, 45), 0.2, batch=2, threads=1, rounds=2, seconds=0.0)


def words(elements: Sequence[Element]) -> str:
    return " ".join(element.words for element in elements if isinstance(element, Text))


def result(fop: Sequence[float] = (2.0,) * 6, by_hand: float = 0.5, autograd: float = 0.8, **changed: float) -> Result:
    history = {"fop": list(fop), "by_hand": [by_hand] * len(fop), "autograd": [autograd] * len(fop)}
    metrics = {
        "neurons": 1794, "edges": 18_000, "live": 0.9, "moved": 0.5, "alive": 0.4, "planned_bytes": 1_230_000_000, "planned_ratio": 4.5,
        "before_bytes": 2e8, "net_bytes": 4e8, "fop_peak_bytes": 2 * 10**9, "by_hand_peak_bytes": 10**9,
        "autograd_peak_bytes": 1_250_000_000, "checked_peak_bytes": 3e9, "layout_seconds": 9.0, "fop_seconds": fop[0],
        "by_hand_seconds": by_hand, "autograd_seconds": autograd, "fop_apart": 1e-6, "by_hand_apart": 2e-6,
        "autograd_apart": 3e-6, "fop_exact": 3e-16, "by_hand_exact": 4e-16, **changed,
    }  # fmt: skip
    return Result("x", 100, [100], "", {}, metrics, history, 1.0, {}, "")


def test_a_way_is_measured_in_a_process_of_its_own() -> None:
    found = scale_trials._asked(SMALL, 3, "by_hand")
    assert found["history"] == {}
    assert set(found["metrics"]) == {"by_hand_peak_bytes"}
    assert 5e7 < found["metrics"]["by_hand_peak_bytes"] < 3e9


def test_a_case_has_the_times_of_all_ways_and_the_peak_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, parts, ways = torch.get_num_threads(), [], []

    def here(case: Case, seed: int, way: str) -> dict[str, Any]:
        ways.append(way)
        return scale_trials.run(case, seed, way)

    monkeypatch.setattr(scale_trials, "_asked", here)
    (found,) = scale_trials.measure([3], parts.append, case=SMALL)
    assert parts == pytest.approx([1 / 3, 2 / 3, 1])
    assert ways == ["fop", "by_hand", "autograd"]
    metrics = found.metrics
    assert set(metrics) == set(result().metrics)
    assert metrics["neurons"] == 784 + 1800 + 10
    assert metrics["edges"] == 1800 * 10
    assert 1 < metrics["planned_ratio"] < 30
    assert set(found.history) == set(ways)
    assert all(len(times) == 2 and min(times) > 0 for times in found.history.values())
    assert metrics["before_bytes"] <= metrics["net_bytes"] <= metrics["fop_peak_bytes"] <= metrics["checked_peak_bytes"]
    assert 0 < metrics["moved"] <= metrics["live"] <= 1
    assert 0 < metrics["alive"] < 1
    assert max(metrics["fop_exact"], metrics["by_hand_exact"]) < 1e-13
    assert all(1e-9 < metrics[f"{way}_apart"] < 1e-5 for way in ways)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("off", "named"), [(1e-3, "the gradient of FOP differs"), (1e-6, "the gradient of FOP in float64 differs")]
)
def test_a_wrong_gradient_ends_the_run(off: float, named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = scale_trials.gradient
    monkeypatch.setattr(
        scale_trials, "gradient", lambda one, x, y: right(one, x, y) * (1 + off * isinstance(one, ForwardOnly))
    )
    with pytest.raises(ValueError, match=named):
        scale_trials.run(SMALL, 3, "fop")


def test_a_wrong_rival_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    right = scale_trials.sparse_backprop.gradient
    monkeypatch.setattr(scale_trials.sparse_backprop, "gradient", lambda *given: 1.01 * right(*given))
    with pytest.raises(ValueError, match="the gradient of BPTT by hand differs"):
        scale_trials.run(SMALL, 3, "fop")


def test_a_case_that_the_plan_would_not_make_so_is_refused() -> None:
    with pytest.raises(ValueError, match="where the plan takes the engine 'sparse', got '(factored|influence)' for "):
        scale_trials.run(Case((5, 6), 0.0, threads=1), 3, "fop")


@pytest.mark.parametrize("key", [("lattice", 10**4, 1), ("small world", 10**4, 8)])
def test_the_plan_takes_the_sparse_engine_for_the_least_of_what_is_declared(key: tuple[str, int, int]) -> None:
    net, _, _ = scale_trials.made(scale.case(*key), 1)
    assert scale_trials.sparsely_planned(net, key[2], net.topology.edges).engine == "sparse"


@pytest.mark.parametrize(
    ("code", "stderr", "told"),
    [(1, "Traceback\nKeyError: 'case'\n", "KeyError: 'case'"), (-9, "", "it ended with exit code -9")],
)
def test_a_process_that_fails_is_told(code: int, stderr: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.CompletedProcess([], code, "", stderr)
    monkeypatch.setattr(scale_trials.subprocess, "run", lambda *given, **named: done)
    with pytest.raises(RuntimeError, match=rf"the measurement of Case\(.*\) has failed: {told}"):
        scale_trials.measure([3], lambda _: None, case=SMALL)


def test_the_page_judges_every_case_and_names_those_that_were_not_run() -> None:
    good = {experiment.name: [result()] for experiment in scale.EXPERIMENTS.values()}
    told = words(scale.render(good))
    assert "*Under 16 GB*: reached in every run; the most is 2 GB" in told
    assert "*At most 8 times the quicker sparse BPTT*: reached on lattice, 10,000 neurons, batch 1, 4 (4 to 4); " in told
    assert "*Exact (in float64 within 1e-10)*: reached in every run; the most is 3.0e-16" in told
    assert "*In float32 within 0.0001*: reached in every run; the most is 1.0e-06" in told
    assert "the peak of FOP is 2 (" in told
    assert "**not reached**" not in told
    assert "Not run" not in told
    slow, inexact = (scale.EXPERIMENTS["small world", size, 8].name for size in (10**6, 10**5))
    doubtful, missing = scale.EXPERIMENTS["lattice", 10**5, 1].name, scale.EXPERIMENTS["lattice", 10**4, 1].name
    some = good | {
        slow: [result(fop=[5.0] * 6, fop_peak_bytes=17 * 10**9, planned_ratio=6.0)],
        inexact: [result(), result(fop_exact=float("nan"))],
        doubtful: [result(fop=[3.0, 4.5, 4.75]), result(fop=[3.5, 4.5, 5.0])],
        missing: [],
    }
    told = words(scale.render(some))
    assert "*Under 16 GB*: **not reached** on small world, 1,000,000 neurons, batch 8; the most is 17 GB" in told
    assert (
        "**not reached** on small world, 1,000,000 neurons, batch 8, 10 (10 to 10). By the operations that the plan counts it would be 4.5 to 6 times, the most on small world, 1,000"
        in told
    )
    assert "not decided on lattice, 100,000 neurons, batch 1, 9 (6 to 10)." in told
    assert "*Exact (in float64 within 1e-10)*: **not reached** on small world, 100,000 neurons, batch 8;" in told
    assert "Not run: lattice, 10,000 neurons, batch 1." in told


def test_the_rival_is_the_quicker_of_both() -> None:
    assert scale.quicker([result(), result(autograd=0.6)]) == "by_hand"
    assert scale.quicker([result(autograd=0.25)]) == "autograd"
    assert scale.against([result(autograd=0.25)], "autograd").value == 8


def test_the_page_shows_what_was_planned_beside_what_it_took() -> None:
    elements = scale.render({experiment.name: [result()] * 2 for experiment in scale.EXPERIMENTS.values()})
    tables = [element for element in elements if isinstance(element, Table)]
    assert len(tables) == 3
    for table in tables:
        assert len(table.rows) == len(scale.EXPERIMENTS)
        assert all(len(row) == len(table.header) for row in table.rows)
    times, memory, gradients = (dict(zip(table.header, table.rows[0], strict=True)) for table in tables)
    assert (times["FOP / BPTT by hand"], times["FOP / BPTT by autograd"]) == ("4 (4 to 4)", "2.5 (2.5 to 2.5)")
    assert (times["FOP / BPTT by operations"], times["turns"], times["seeds"]) == ("4.5", "12", "2")
    assert (memory["FOP, planned"], memory["FOP, peak"], memory["BPTT by hand, peak"]) == ("1.23", "2", "1")
    assert (gradients["live"], gradients["of FOP in float64"]) == ("90.0%", "3.0e-16")
    assert sum(isinstance(element, Picture) for element in elements) == 1


def test_the_page_is_there_before_anything_was_run() -> None:
    nothing = scale.render({experiment.name: [] for experiment in scale.EXPERIMENTS.values()})
    assert "not run" in words(nothing)
    assert not any(isinstance(element, Table) for element in nothing)
