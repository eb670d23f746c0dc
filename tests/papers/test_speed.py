"""The benchmark of steps: what it measures is what it says, and its verdicts follow the numbers."""

from functools import partial
from typing import Any

import pytest
import torch

from onward.experiments.result import Result
from onward.learners.backprop import Backprop
from onward.learners.backprop_by_block import BackpropByBlock
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.papers.mono_forward import speed, speed_cases, speed_verdicts
from onward.papers.mono_forward.speed_trials import FUSED, Turns, measure_delays, measure_epochs, measure_steps, updates
from onward.training.steps import GradientSteps

SMALL = partial(mlp, 5, (8, 8), 3, bias=False)


@pytest.fixture(autouse=True)
def _eager() -> Any:
    with torch.compiler.set_stance("force_eager"):
        yield


def _result(**seconds: float) -> Result:
    history = {way: [value, value] for way, value in seconds.items()}
    counted = ("products", "peak", "moved")
    metrics = {
        "steps": 50,
        "copied_a_second": 2e9,
        **{f"{rule}_{of}": 1e8 for rule in ("Backprop", "MonoForward") for of in counted},
    }
    return Result("x", 100, [100], "", {}, metrics, history, 1.0, {"processor": "a machine"}, "")


def test_all_ways_of_a_step_are_timed_for_every_turn() -> None:
    (found,) = measure_steps(
        [1], lambda _: None, net=SMALL, batch=4, threads=1, products=None, turns=Turns(2, 0.01), parallel=True
    )
    assert set(found.history) == set(speed_cases.WAYS)
    assert all(len(times) == 2 and min(times) > 0 for times in found.history.values())
    assert 0 < found.metrics["slowest_part"] < 1
    # Multiply-adds of weights: forward and blame on weights by both, blame passed on by BP alone; projections by MF twice, and back.
    assert found.metrics["Backprop_products"] == 4 * (2 * (40 + 64 + 24) + 64 + 24)
    assert found.metrics["copied_a_second"] > 1e8
    weights = 40 + 64 + 24
    assert min(found.metrics["Backprop_moved"], found.metrics["MonoForward_moved"]) > 4 * 8 * weights  # what Adam moves
    assert found.metrics["MonoForward_products"] == 4 * (2 * (40 + 64) + 3 * (24 + 24))


def test_a_turn_is_cut_where_steps_are_slow_but_has_one() -> None:
    (found,) = measure_steps(
        [1], lambda _: None, net=SMALL, batch=4, threads=1, products=None, turns=Turns(1, 0.0), parallel=False
    )
    assert found.metrics["steps"] == 1
    assert "mf_parallel" not in found.history
    assert "slowest_part" not in found.metrics
    assert min(found.history["adam"]) > 0


def test_an_epoch_learns_from_all_examples_by_every_way() -> None:
    (found,) = measure_epochs([1], lambda _: None, net=SMALL, examples=10, batch=4, threads=1, rounds=2)
    assert set(found.history) == set(speed_cases.WAYS) - {"mf_parallel", "adam"}
    assert all(len(times) == 2 for times in found.history.values())


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    measure_delays([1], lambda _: None, net=SMALL, batch=4, threads=before + 1, steps=1)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("rule", "order"), [(MonoForward, [0, 1, 2]), (BackpropByBlock, [2, 1, 0]), (Backprop, [0, 0, 0])])
def test_blocks_are_updated_in_the_order_of_the_rule(rule: Any, order: list[int]) -> None:
    learner = rule(mlp(5, (8, 8, 8), 3, generator=torch.Generator().manual_seed(1)))
    x, y = torch.randn(4, 5), torch.tensor([0, 1, 2, 0])
    times = updates(learner, GradientSteps(learner, FUSED, None, ()), x, y)
    assert [sorted(set(times)).index(one) for one in times] == order


def test_ratios_are_those_of_turns_side_by_side() -> None:
    assert speed_verdicts.ratio([1.0, 4.0, 9.0], [1.0, 2.0, 3.0]) == (2.0, 1.0, 3.0)


def test_verdicts_follow_the_numbers() -> None:
    case = speed_cases.Case("net", SMALL, 4, 2, printed=2.0, wanted=1.2)
    fast = _result(bp_first=3.0, bp_fused=1.5, bp_compiled=1.6, mf=1.0, mf_compiled=1.1, mf_parallel=0.5)
    goal, paper, parallel = speed_verdicts.verdicts([(case, fast)])
    assert "at least 1.2 times the best BP was the goal, one block after another: yes, 1.50 (1.50 to 1.50)." in goal
    assert "at least the paper's 2.00 against the best BP: **no**, 1.50 (" in paper
    assert "against BP as first written: yes, 3.00 (" in paper
    assert "Arithmetic allows 1.00" in paper
    assert "was the goal, reached in net, 2 (3.00" in parallel
    assert "[ranks.md](ranks.md)" in parallel
    slow = _result(bp_first=1.0, bp_fused=1.1, bp_compiled=1.05, mf=1.0, mf_compiled=1.1, mf_parallel=1.0)
    goal, paper, parallel = speed_verdicts.verdicts([(case, slow)])
    assert "another: **no**, 1.05" in goal
    assert "was the goal, not reached in net, 2 (1.05" in parallel
    assert "allow less" not in parallel
    slow.metrics["slowest_part"] = 0.84
    assert speed_verdicts.in_parallel(slow) == pytest.approx(1.25)
    assert "timed alone, allow less in net, 2 (1.25)." in speed_verdicts.verdicts([(case, slow)])[-1]
    slow.metrics["slowest_part"] = 0.7
    assert "allow less" not in speed_verdicts.verdicts([(case, slow)])[-1]


def test_a_bound_between_the_turns_is_undecided_for_goals_the_paper_and_in_parallel() -> None:
    case = speed_cases.Case("net", SMALL, 4, 2, printed=1.5, wanted=1.2)
    result = _result(bp_first=3.0, bp_fused=1.2, bp_compiled=1.3, mf=1.0, mf_compiled=1.1, mf_parallel=0.9)
    result.history.update({"bp_fused": [1.1, 1.3], "bp_first": [1.4, 1.8]})
    goal, paper, parallel = speed_verdicts.verdicts([(case, result)])
    assert "undecided (above by the middle), 1.20 (1.10 to 1.30)" in goal
    assert "best BP: **no**, 1.20" in paper
    assert "first written: undecided (above by the middle), 1.60 (1.40 to 1.80)" in paper
    assert "undecided in net, 2 (1.33 (1.22 to 1.44))" in parallel


def test_what_a_full_batch_would_take_in_float32_is_said() -> None:
    case = next(one for one in speed_cases.CASES if (one.title, one.threads) == speed_cases.IN_FLOAT32 and not one.products)
    found = _result(bp_first=0.5, bp_fused=0.3, bp_compiled=0.256, mf=0.2, mf_compiled=0.2)
    results: dict[str, list[Result]] = {one.name: [] for one in speed.ARTEFACT.experiments}
    results[case.experiment.name] = [found]
    first = speed.render(results)[0]
    assert isinstance(first, speed.Text)
    assert "would take some 15 s, by its time at batch 1024" in first.words  # 60,000 / 1024 x 0.256


def test_goals_and_epochs_are_those_that_were_set() -> None:
    goals = {(one.title, one.threads): one for one in speed_cases.CASES if one.wanted is not None}
    assert [(goals[key].wanted, goals[key].turns.rounds) for key in sorted(goals)][-2:] == [(1.2, 12), (1.2, 12)]
    assert {(one.title, one.threads, one.examples) for one in speed_cases.EPOCHS} == {
        ("MNIST 2x1000, batch 128", 1, 60_000),
        ("MNIST 2x1000, batch 1024", 2, 60_000),
        ("CIFAR-10 3x2000, batch 128", 2, 50_000),
        ("8x1000, batch 1024", 2, 60_000),
    }
    assert all(any(case.title == one.title for case in speed_cases.CASES) for one in speed_cases.EPOCHS)


def test_arithmetic_is_shown_where_the_optimiser_forbids_a_goal() -> None:
    case = speed_cases.Case("net", SMALL, 4, 1, wanted=1.5)
    result = _result(bp_first=3.0, bp_fused=1.5, bp_compiled=1.6, mf=1.1, mf_compiled=1.2, adam=0.5)
    result.metrics["Backprop_products"] = 2e8
    assert speed_verdicts.in_time(result) == pytest.approx(1.5 / (0.5 + 1.0 / 2))
    (goal,) = speed_verdicts.verdicts([(case, result)])
    assert "would be had" not in goal
    result.history["adam"] = [1.0, 1.0]
    (goal,) = speed_verdicts.verdicts([(case, result)])
    assert "Of BP's 1500.0 ms a step 1000.0 are Adam's" in goal
    assert "1500.0 / (1000.0 + 500.0 / 2.00) = 1.20 is what would be had" in goal


def test_every_case_has_a_name_of_its_own() -> None:
    names = [one.name for one in speed.ARTEFACT.experiments]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and " " not in name and "," not in name for name in names)


def test_the_page_shows_the_times_of_every_way() -> None:
    case = speed_cases.CASES[0]
    results: dict[str, list[Result]] = {one.name: [] for one in speed.ARTEFACT.experiments}
    assert speed.render(results) == []
    results[case.experiment.name] = [_result(bp_first=3.0, bp_fused=1.5, bp_compiled=1.6, mf=1.0, mf_compiled=1.1)]
    epoch, delays = speed_cases.EPOCHS[0].experiment, speed_cases.DELAYS
    results[epoch.name] = [_result(bp_first=3.0, bp_fused=1.5, bp_compiled=1.6, mf=1.0, mf_compiled=0.9)]
    results[delays.name] = [_result(mf=1.0, bp=2.0, bp_by_block=3.0)]
    times, ratios, epochs = [one for one in speed.render(results) if isinstance(one, speed.Table)]
    assert times.rows[0][2:] == ["3000.0", "1500.0", "1600.0", "1000.0", "1100.0", "", "", "50 x 2"]
    assert ratios.rows[0][-2:] == ["100 / 100", "0.1 / 0.1 / 2.0"]
    assert ratios.rows[0][3:8] == ["", "1.50 (1.50 to 1.50)", "", "", "3.00 (3.00 to 3.00)"]
    assert all(len(row) == len(ratios.header) for row in ratios.rows)
    assert {row[5] for row in epochs.rows if row[2].startswith("BP")} == {"2.28"}
    assert {row[5] for row in epochs.rows if row[2].startswith("MF")} == {""}
    assert [row[2] for row in epochs.rows if "(" in row[2]] == ["BP, fused Adam (the best)", "MF, compiled (the quicker)"]
