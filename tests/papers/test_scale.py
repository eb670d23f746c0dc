"""Large meshes: what is measured is what is said, and the page judges it."""

import os
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from onward.experiments.result import Result
from onward.papers.mesh_neural_networks import scale, scale_trials
from onward.papers.mesh_neural_networks.scale_trials import Case
from onward.reports.artefact import Element, Table, Text

SMALL = Case((8, 10), 0.2, batch=2, threads=1, rounds=2)


def words(elements: Sequence[Element]) -> str:
    return " ".join(element.words for element in elements if isinstance(element, Text))


def result(**changed: float) -> Result:
    metrics = {
        "live": 0.9, "fop_seconds": 2.0, "bptt_seconds": 0.5, "ratio": 4.0, "layout_seconds": 9.0, "peak_bytes": 2 * 10**9,
        "error": 1e-6, "bptt_error": 2e-6, "exact_error": 3e-16, **changed,
    }  # fmt: skip
    return Result("x", 100, [100], "", {}, metrics, {}, 1.0, {}, "")


def test_a_case_is_measured_in_a_process_of_its_own() -> None:
    parts: list[float] = []
    (found,) = scale_trials.measure([3], parts.append, case=SMALL)
    assert parts == [1.0]
    assert found.metrics["neurons"] == 784 + 80 + 10
    assert found.metrics["edges"] == 80 * 10
    assert len(found.history["fop"]) == len(found.history["bptt"]) == 2
    assert found.metrics["before_bytes"] < found.metrics["peak_bytes"] < 3e9
    assert 0 < found.metrics["moved"] <= found.metrics["live"] <= 1
    assert 0 < found.metrics["alive"] < 1


def test_errors_are_those_of_rounding_and_a_wrong_gradient_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    found = scale_trials.run(SMALL, 3)["metrics"]
    assert found["exact_error"] < 1e-14 < 1e-9 < found["error"] < 1e-5
    right = scale_trials._gradient
    monkeypatch.setattr(scale_trials, "_gradient", lambda one, x, y: right(one, x, y) * (1 + 1e-3 * hasattr(one, "engine")))
    assert scale_trials.run(SMALL, 3)["metrics"]["exact_error"] == pytest.approx(1e-3, rel=0.01)
    torch.set_num_threads(before)


def test_a_process_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run

    def without_input(*given: Any, **named: Any) -> Any:
        return run(*given, **(named | {"input": "{}", "env": dict(os.environ)}))

    monkeypatch.setattr(scale_trials.subprocess, "run", without_input)
    with pytest.raises(RuntimeError, match="has failed: KeyError: 'case'"):
        scale_trials.measure([3], lambda _: None, case=SMALL)


def test_the_page_judges_every_case_and_names_those_that_were_not_run() -> None:
    good = {experiment.name: [result()] for experiment in scale.EXPERIMENTS.values()}
    told = words(scale.render(good))
    assert "*Under 16 GB*: reached in every run; the most is 2 GB" in told
    assert "*At most 8 times sparse BPTT*: reached in every run; the most is 4 times" in told
    assert "differ by at most 3.0e-16" in told
    assert "Not run" not in told
    slow = scale.EXPERIMENTS["small world", 10**6, 8].name
    some = good | {slow: [result(ratio=9.5, peak_bytes=17 * 10**9)], scale.EXPERIMENTS["lattice", 10**4, 1].name: []}
    told = words(scale.render(some))
    assert "*Under 16 GB*: **not reached** on small world, 1,000,000 neurons, batch 8; the most is 17 GB" in told
    assert "*At most 8 times sparse BPTT*: **not reached** on small world" in told
    assert "Not run: lattice, 10,000 neurons, batch 1." in told


def test_the_page_is_there_before_anything_was_run() -> None:
    nothing = scale.render({experiment.name: [] for experiment in scale.EXPERIMENTS.values()})
    assert "not run" in words(nothing)
    assert not any(isinstance(element, Table) for element in nothing)
