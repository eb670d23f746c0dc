"""Two threads: what is timed is the same gradient, and the verdict follows the intervals."""

import torch

from onward.experiments.result import Result
from onward.papers.mesh_neural_networks import threads
from onward.reports.artefact import Table, Text


def results(*speedups: float) -> list[Result]:
    metrics = [
        {"one_seconds": 0.01, "parts_speedup": one, "inside_speedup": 1.0, "difference": 2e-16, "edges": 100}
        for one in speedups
    ]
    return [Result("x", 100 + k, [100 + k], "", {}, each, {}, 1.0, {}, "") for k, each in enumerate(metrics)]


def test_all_ways_are_timed_for_every_turn_and_agree() -> None:
    before = torch.get_num_threads()
    (found,) = threads.measure([1], lambda _: None, hidden=5, batch=2, turns=2, seconds=0.001)
    assert set(found.history) == set(threads.WAYS)
    assert all(len(times) == 2 and min(times) > 0 for times in found.history.values())
    assert found.metrics["difference"] < 1e-12
    assert torch.get_num_threads() == before


def test_the_verdict_follows_the_intervals() -> None:
    found = {(10, 1): results(0.5, 0.52, 0.51), (50, 8): results(0.9, 1.2, 1.0), (150, 32): results(1.7, 1.75, 1.8)}
    said = threads.verdict(found)
    assert "faster: 150 hidden neurons at batch 32" in said
    assert "slower: 10 hidden neurons at batch 1;" in said
    assert "not told apart: 50 hidden neurons at batch 8" in said
    assert "at most 2.0e-16" in said
    assert "one seed says nothing" in threads.verdict({(10, 1): results(2.0)})


def test_the_page_is_there_before_anything_was_run() -> None:
    text, table = threads.render({one.name: [] for one in threads.EXPERIMENTS.values()})
    assert isinstance(text, Text)
    assert isinstance(table, Table)
    assert table.rows == []
