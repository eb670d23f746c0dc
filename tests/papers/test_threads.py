"""Two threads: what is timed is the same gradient, and the verdicts follow the numbers."""

import pytest
import torch

from onward.experiments.result import Result
from onward.experiments.turns import Turns
from onward.learners.forward_only import ForwardOnly
from onward.papers.mesh_neural_networks import threads
from onward.reports.artefact import Table, Text

QUICK = Turns(2, steps=1, seconds=0.001)


def results(*speedups: float, difference: float = 2e-16) -> list[Result]:
    metrics = [
        {"one_seconds": 0.01, "parts_speedup": one, "inside_speedup": 1.0, "difference": difference, "edges": 100}
        for one in speedups
    ]
    turns = [
        {"parts": [1.0, 1.0, 2.0], "inside": [one, one, 9 * one]} for one in speedups
    ]  # inside is never quicker than one thread
    return [
        Result("x", 100 + k, [100 + k], "", {}, each, of_turns, 1.0, {}, "")
        for k, (each, of_turns) in enumerate(zip(metrics, turns, strict=True))
    ]


def test_all_ways_are_timed_for_every_turn_and_agree() -> None:
    before = torch.get_num_threads()
    (found,) = threads.measure([1], lambda _: None, hidden=5, batch=2, turns=QUICK)
    assert set(found.history) == set(threads.WAYS)
    assert all(len(times) == 2 and min(times) > 0 for times in found.history.values())
    assert found.metrics["difference"] < threads.EQUAL
    assert torch.get_num_threads() == before


def test_every_way_runs_on_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[tuple[int, int]] = set()
    right = threads._gradient

    def watched(learner: ForwardOnly, *given: torch.Tensor) -> torch.Tensor:
        if learner.net.weight.dtype == torch.float32:
            seen.add((learner.threads, torch.get_num_threads()))
        return right(learner, *given)

    monkeypatch.setattr(threads, "_gradient", watched)
    threads.measure([1], lambda _: None, hidden=5, batch=2, turns=QUICK)
    assert seen == set(threads.WAYS.values())


def test_the_verdicts_follow_the_intervals() -> None:
    found = {(10, 1): results(0.5, 0.52, 0.51), (50, 8): results(0.9, 1.2, 1.0), (150, 32): results(1.7, 1.75, 1.8)}
    said, beside, equal = threads.verdicts(found)
    assert "faster: 150 hidden neurons at batch 32" in said
    assert "slower: 10 hidden neurons at batch 1;" in said
    assert "not told apart: 50 hidden neurons at batch 8" in said
    assert beside == said.replace("against one thread", "against two threads inside products")
    assert equal == "*Equal in float64 within 1e-12 of the largest entry*: reached in every run; the most is 2.0e-16."
    assert "one seed says nothing" in threads.verdicts({(10, 1): results(2.0)})[0]


def test_gradients_that_differ_are_named() -> None:
    found = {(10, 1): results(1.0, 1.0), (50, 8): results(1.0, 1.0, difference=2e-12)}
    assert "**not reached** on 50 hidden neurons at batch 8; the most is 2.0e-12" in threads.verdicts(found)[2]
    assert "**not reached**" in threads.verdicts({(10, 1): results(1.0, difference=float("nan"))})[2]


def test_parts_are_compared_with_threads_inside_turn_by_turn() -> None:
    one = threads.EXPERIMENTS[10, 1]
    _, table, *_ = threads.render(
        {other.name: [] for other in threads.EXPERIMENTS.values()} | {one.name: results(0.5, 0.5)}
    )
    assert isinstance(table, Table)
    assert table.rows == [["10", "100", "1", "10", "0.50 ± 0.00", "1.00 ± 0.00", "0.50 ± 0.00", "2"]]


def test_the_page_is_there_before_anything_was_run() -> None:
    text, table = threads.render({one.name: [] for one in threads.EXPERIMENTS.values()})
    assert isinstance(text, Text)
    assert isinstance(table, Table)
    assert table.rows == []
