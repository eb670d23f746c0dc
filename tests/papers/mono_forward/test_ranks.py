"""Two ranks over one: a tiny trial by real processes, BP's pipelines against BP in one process, and the report on made results."""

import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from onward.experiments.result import Result
from onward.experiments.statistics import Mean
from onward.nets.cost import counted
from onward.papers.mono_forward import ranks, ranks_alone, ranks_backprop, ranks_block, ranks_many
from onward.papers.mono_forward.ranks_backprop import SCHEDULES, part_times
from onward.papers.mono_forward.ranks_case import PIECES, Case, backward_products, parts_of
from onward.papers.mono_forward.ranks_processes import Launcher, RanksFailed
from onward.papers.mono_forward.ranks_trials import judged, measure, run
from onward.papers.registry import ARTEFACTS
from onward.pipeline import scaling
from onward.pipeline.scaling import Block, Ways
from onward.reports.artefact import Element, Picture, Table, Text

TINY = Case((6,), (8, 8), 16, steps=8, turns=2, compiled=False)
DEADLINE = 120.0


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    with Launcher() as found:
        yield found


def test_a_tiny_trial_runs_end_to_end(launcher: Launcher) -> None:
    told: list[float] = []
    found, history = (outcome := run(launcher, 100, TINY, DEADLINE, told.append)).metrics, outcome.history
    assert all(math.isfinite(value) and value > 0 for value in found.values())
    assert found["bp_bytes"] == 2 * 16 * 8 * 4
    frames = (
        2048 + 16 * 8 * 4 + 16 * 8 + 64
    )  # header, activity, labels and the loss of the first block, without the ends of epochs
    assert frames < found["mf_bytes"] <= frames + 2048
    assert found["mf_reached"] == pytest.approx(found["mf_speedup"] / found["mf_allowed"])
    assert 1 <= found["mf_allowed"] <= 2
    assert found["mf_2_peak_1"] > found["mf_2_before_1"]
    assert history["partition"] == [1, 1]
    assert {len(history[way]) for way in ("mf_1", "mf_2", "mf_2t", "bp_1", "bp_2t", "gpipe", "1f1b")} == {TINY.turns}
    for name in SCHEDULES:
        tries = history[f"{name}_tries"]
        assert found[f"{name}_pieces"] == PIECES[tries.index(min(tries))]
    assert told[-1] == 1
    assert told == sorted(told)


@pytest.mark.parametrize("pieces", [2, 16])
@pytest.mark.parametrize("name", SCHEDULES)
def test_pipelines_of_backprop_give_the_gradients_of_one_process(launcher: Launcher, name: str, pieces: int) -> None:
    case = Case((6,), (8, 7, 5), 16)
    order = {"case": asdict(case), "seed": 3, "name": name, "pieces": pieces, "sizes": [2, 1]}
    first, second = launcher.run("differentiated", order, 2, deadline=DEADLINE)
    x, y = (part[:16] for part in (case.data(3, 1).train.x, case.data(3, 1).train.y))
    net = case.net(3)
    whole = torch.nn.Sequential(*parts_of(net))
    expected = torch.autograd.grad(functional.cross_entropy(whole(x), y), list(whole.parameters()))
    found = [torch.tensor(one) for one in [*first["gradients"], *second["gradients"]]]
    assert len(first["gradients"]) == 2
    torch.testing.assert_close(found, list(expected), atol=1e-5, rtol=1e-5)
    stepped = [torch.tensor(one) for one in [*first["weights"], *second["weights"]]]
    optimiser = torch.optim.Adam(whole.parameters(), lr=0.0001, fused=True)
    for parameter, gradient in zip(whole.parameters(), expected, strict=True):
        parameter.grad = gradient
    optimiser.step()
    torch.testing.assert_close(stepped, [one.detach() for one in whole.parameters()], atol=1e-5, rtol=1e-5)


def test_a_rank_that_fails_is_one_clear_sentence(launcher: Launcher) -> None:
    one_block = Case((6,), (8,), 16, turns=1, compiled=False)
    with pytest.raises(RanksFailed, match="^rank 0 of 'timed' has failed: .*this net takes at most 1 ranks, got 2$"):
        launcher.run("timed", {"case": asdict(one_block), "seed": 1}, 2, deadline=DEADLINE)


def test_ranks_that_do_not_end_are_ended(launcher: Launcher) -> None:
    endless = Case((6,), (8, 8), 16, turns=10**9, compiled=False)
    began = time.monotonic()
    with pytest.raises(RanksFailed, match="^the ranks of 'timed' have not ended within 1 seconds$"):
        launcher.run("timed", {"case": asdict(endless), "seed": 1}, 2, deadline=1)
    assert time.monotonic() - began < 10


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_nothing_goes_on_when_a_trial_is_interrupted() -> None:
    endless = Case((6,), (8, 8), 16, turns=10**9, compiled=False)
    before, left = _children(os.getpid()), []

    def leave(part: float) -> None:
        left.extend(own := _children(os.getpid()) - before)
        left.extend(child for one in own for child in _children(one))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure([100], leave, case=endless, deadline=DEADLINE)
    assert len(left) == 3
    assert not any(Path(f"/proc/{one}").exists() for one in left)


def _children(process: int) -> set[int]:
    return {int(one) for task in Path(f"/proc/{process}/task").iterdir() for one in (task / "children").read_text().split()}


def test_products_of_backprop_are_those_that_are_run() -> None:
    case = Case((6,), (8, 7, 5), 16)
    net, data = case.net(1), case.data(1, 1).train
    whole = torch.nn.Sequential(*parts_of(net))
    run = counted(lambda: functional.cross_entropy(whole(data.x), data.y).backward())
    assert sum(backward_products(net, data.x)) == run
    times = part_times(net, data.x, data.y, 1)
    assert {name: len(one) for name, one in times.items()} == {"forward": 3, "backward": 3, "update": 3}


def test_times_of_parts_are_medians_over_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    told = iter([100.0, 1.0, 5.0, 3.0])  # the first step does not count
    monkeypatch.setattr(
        ranks_backprop, "_part_times", lambda *_: dict.fromkeys(("forward", "backward", "update"), (next(told), 2.0))
    )
    data = TINY.data(1, 1).train
    assert part_times(TINY.net(1), data.x, data.y, 3)["forward"] == [3.0, 2.0]


def test_ways_of_one_process_learn_with_the_threads_they_name() -> None:
    data, before, seen = TINY.data(1, 1).train, torch.get_num_threads(), {}
    for name, way in ranks_alone.ways(TINY, 1, data.x, data.y).items():
        with ranks_alone.threads(way.threads):
            seen[name] = torch.get_num_threads()
            way.step()
    assert seen == {"bp_1": 1, "bp_2t": 2, "mf_2t": 2}
    assert torch.get_num_threads() == before
    whole = ranks_alone.Whole(TINY.net(1))
    weights = [one.detach().clone() for one in whole.optimiser.param_groups[0]["params"]]
    whole.step(data.x, data.y)
    assert all((one != was).any() for one, was in zip(whole.optimiser.param_groups[0]["params"], weights, strict=True))


def _turn(mf_1: float, mf_2: float, bp: float, gpipe: float) -> tuple[dict[str, Any], dict[str, Any]]:
    parts = {"forward": [1.0, 1.0], "backward": [2.0, 3.0], "update": [0.5, 0.5]}
    timed = {
        "mf_1": mf_1,
        "mf_2t": mf_2 + 1,
        "bp_1": bp,
        "bp_1_compiled": 2 * bp,
        "bp_2t": bp - 1,
        "bp_2t_compiled": bp - 2,
        "gpipe": gpipe,
        "1f1b": 2 * gpipe,
    }
    return {"blocks": [3.0, 1.0], "parts": parts, "wire": 1e-9, **timed}, {"mf_2": mf_2}


def test_ratios_are_of_turns_that_stood_side_by_side() -> None:
    turns = [_turn(4, 2, 6, 5), _turn(8, 5, 12, 10), _turn(6, 3.5, 9, 7.5)]
    first: dict[str, Any] = {"partition": [1, 1], "bp_partition": [1, 1], "bytes": 10.0, "bp_bytes": 20}
    first |= {"turns": [one for one, _ in turns], "pieces": {"gpipe": 4, "1f1b": 8}}
    first |= {"tries": {"gpipe": [2.0, 1.0], "1f1b": [3.0, 2.0]}}
    metrics, history = judged(first, {"turns": [other for _, other in turns]})
    assert metrics["mf_speedup"] == pytest.approx(6 / 3.5)
    assert metrics["mf_allowed"] == pytest.approx(4 / 3)
    assert metrics["bp_allowed"] == pytest.approx(8 / 4.5)
    assert metrics["gpipe_pieces"] == 4
    assert metrics["1f1b_pieces"] == 8
    assert metrics["gpipe_seconds"] == 7.5
    assert metrics["gpipe_speedup"] == pytest.approx(1.2)
    assert metrics["mf_over_gpipe"] == pytest.approx(7.5 / 3.5)
    assert metrics["bp_2t_seconds"] == metrics["bp_2t_compiled_seconds"] == 7
    assert metrics["bp_2t_eager_seconds"] == 8
    assert metrics["mf_over_bp_2t"] == metrics["mf_over_best"] == 2.0  # of 4 / 2, 10 / 5 and 7 / 3.5
    assert metrics["bp_2t_speedup"] == pytest.approx(9 / 7)
    assert metrics["mf_over_mf_2t"] == pytest.approx(4.5 / 3.5)
    for one, _ in turns:
        one["1f1b"] = 3.0
    assert judged(first, {"turns": [other for _, other in turns]})[0]["mf_over_best"] == pytest.approx(3 / 3.5)
    assert metrics["bp_1_seconds"] == 9
    assert metrics["bp_1_eager_seconds"] == 9
    assert metrics["bp_1_compiled_seconds"] == 18
    assert metrics["mf_over_bp"] == pytest.approx(1.5)
    assert history["mf_blocks"] == [3.0, 1.0]
    assert history["bp_backward"] == [2.0, 3.0]
    assert history["gpipe_tries"] == [2.0, 1.0]


def _made(
    speedups: Mapping[str, tuple[float, ...]], allowed: float = 1.9, over: tuple[float, ...] = (1.7,)
) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {one.name: [] for one in ranks.EXPERIMENTS.values()}
    for name, values in speedups.items():
        experiment, case = ranks.EXPERIMENTS[name], ranks.CASES[name]
        count = len(case.sizes)
        for k, speedup in enumerate(values):
            metrics: dict[str, float | int] = {
                "mf_speedup": speedup,
                "mf_allowed": allowed,
                "mf_reached": speedup / allowed,
            }
            metrics |= {f"{way}_seconds": 0.1 * (n + 1) for n, way in enumerate({**ranks.WAYS, **ranks.ALONE})}
            metrics |= {
                f"{way}_{when}_{rank}": 10**8 for way in ranks.WAYS for when in ("peak", "before") for rank in (0, 1)
            }
            metrics |= {f"{rival}_speedup": 1.4 for rival in ranks.RIVALS} | {"bp_allowed": 1.8}
            metrics |= {f"{rival}_pieces": 2 + k for rival in ranks.SCHEDULES}
            metrics |= {f"mf_over_{rival}": 1.7 for rival in ("bp", "mf_2t", *ranks.RIVALS)}
            metrics["mf_over_best"] = over[k % len(over)]
            metrics |= {"mf_bytes": 4.1e6, "bp_bytes": 8.2e6, "wire_seconds_a_byte": 5e-10}
            history: dict[str, list[float | int]] = {name: [0.01] * count for name in ("bp_forward", "bp_update")}
            history |= {"mf_blocks": [9.0, *[0.04] * (count - 2), 9.0], "bp_backward": [0.02] * count}
            history |= {"partition": [1, count - 1], "bp_partition": [2, count - 2]}
            found[experiment.name].append(_result(experiment.name, experiment.digest, 100 + k, metrics, history))
    return found


def _result(
    name: str, digest: str, seed: int, metrics: dict[str, float | int], history: dict[str, list[float | int]]
) -> Result:
    return Result(
        experiment=name, seed=seed, beside=[seed], digest=digest, spec={}, metrics=metrics, history=history, seconds=1.0,
        environment={}, commit="none",
    )  # fmt: skip


def _words(elements: list[Element]) -> str:
    return " ".join(one.words for one in elements if isinstance(one, Text))


def test_the_report_renders_with_none_with_some_and_with_all() -> None:
    assert ARTEFACTS["ranks"] is ranks.ARTEFACT
    assert not any(isinstance(one, Table) for one in ranks.render(_made({})))
    others = ranks.render(_made({"cnn-batch-128": (1.85, 1.86)}))
    assert not any(isinstance(one, Picture) for one in others)
    assert all(len(row) == len(one.header) for one in others if isinstance(one, Table) for row in one.rows)
    every = ranks.render(_made(dict.fromkeys(ranks.CASES, (1.9, 1.91, 1.92))))
    assert sum(isinstance(one, Picture) for one in every) == 1
    tables = [one for one in every if isinstance(one, Table)]
    assert [len(one.rows) for one in tables] == [5, 5, 5, 5, 5, 5, 2, 1, 8, 8, 8]
    assert all(len(row) == len(one.header) for one in tables for row in one.rows)


@pytest.mark.parametrize(
    ("speedups", "cell", "words"),
    [
        ((1.90, 1.91, 1.92), "yes", "are 1.91 ± 0.02 times as fast as 1, at least 1.85 asked: yes."),
        ((1.70, 1.71, 1.72), "**no**", "at least 1.85 asked: **no**."),
        ((1.80, 1.86, 1.92), "undecided (above by the middle)", "asked: undecided (above by the middle)."),
        ((1.78, 1.84, 1.90), "undecided (below by the middle)", "asked: undecided (below by the middle)."),
        ((1.90,), "undecided (above in one run)", "undecided (above in one run)."),
    ],
)
def test_the_verdict_on_the_main_net_follows_its_numbers(speedups: tuple[float, ...], cell: str, words: str) -> None:
    elements = ranks.render(_made({ranks.MAIN: speedups}))
    table = next(one for one in elements if isinstance(one, Table))
    assert table.rows[0][1] == "1 + 7"
    assert table.rows[0][-2:] == ["1.85 times", cell]
    assert words in _words(elements)


def test_the_verdict_on_other_nets_is_by_what_the_balance_allows() -> None:
    elements = ranks.render(_made({"cnn-batch-128": (1.2, 1.2, 1.2), "4x1000-batch-1024": (1.3, 1.3, 1.3)}, allowed=1.3))
    said = _words(elements)
    assert "in 2 other cases: reached in 4 x 1000 on 784, batch 1024, not reached in convolutional net" in said
    assert "not steady" not in said
    unsteady = _words(ranks.render(_made({"cnn-batch-128": (1.2, 1.5, 1.2)}, allowed=1.3)))
    assert "in 1 other cases: undecided in convolutional net" in unsteady
    assert "(run 101: 115 %)" in unsteady
    table = next(one for one in elements if isinstance(one, Table))
    assert [row[-1] for row in table.rows] == ["yes", "**no**"]
    assert ranks.verdict(Mean(float("nan"), float("nan"), 0), 1.0) == "not run"


@pytest.mark.parametrize(
    ("over", "cell", "words"),
    [
        ((1.41, 1.41), "yes", "was the goal, reached in 8 x 1000 on 784, batch 1024 (1.41"),
        ((1.21, 1.21), "**no**", "was the goal, not reached in 8 x 1000 on 784, batch 1024 (1.21"),
        ((1.2, 1.5), "undecided (above by the middle)", "was the goal, undecided in 8 x 1000 on 784, batch 1024 (1.35"),
    ],
)
def test_the_goal_is_judged_against_the_fastest_bp_on_two_cores(over: tuple[float, ...], cell: str, words: str) -> None:
    made = _made({ranks.MAIN: (1.9, 1.9)}, over=over)
    elements = ranks.render(made)
    row = next(one for one in elements if isinstance(one, Table) and "on one core and on two" in one.caption).rows[0]
    assert row[-3:-1] == ["BP, GPipe", cell]
    assert words in _words(elements)
    pipelines = next(one for one in elements if isinstance(one, Table) and one.caption.startswith("BP on two cores"))
    assert pipelines.rows[0][-2:] == ["2, 3", "2, 3"]
    for one in made[ranks.EXPERIMENTS[ranks.MAIN].name]:
        one.metrics["bp_2t_seconds"] = 0.01
    assert ranks.fastest(made[ranks.EXPERIMENTS[ranks.MAIN].name]) == "BP, 2 threads"


def test_the_blocks_of_a_derivation_add_up_to_the_measured_step() -> None:
    found = _made({ranks.MAIN: (1.9, 1.9, 1.9)})[ranks.EXPERIMENTS[ranks.MAIN].name]
    for number, one in enumerate(found):
        one.metrics.update({"mf_1_seconds": 0.2, "bp_1_seconds": 0.16 * (number + 1)})
        one.history.update({name: [0.02] * 8 for name in ("mf_blocks", "bp_backward")})
        one.history.update({name: [0.01] * 8 for name in ("bp_forward", "bp_update")})
    own = ranks_block.measured(found, ranks.CASES[ranks.MAIN])
    seconds = [own.block.forward, own.block.backward, own.block.update]
    assert seconds == pytest.approx([0.01, 0.02, 0.01])  # of 0.5, 1 and 1.5 times as much, the median
    assert 8 * own.block.teach == pytest.approx(0.2)
    rows = ranks_block.sums(found).rows
    assert rows == [["Mono-Forward", "160.0", "200.0", "1.250"], ["BP", "320.0", "320.0", "1.000"]]


def test_many_ranks_follow_from_the_measured_block() -> None:
    found = _made({ranks.MAIN: (1.9, 1.9)})[ranks.EXPERIMENTS[ranks.MAIN].name]
    for one in found:
        one.history["mf_blocks"] = [9.0, 0.04, 9.0]  # the first block reads the input, the last has the head of the net
        one.metrics.update({"mf_1_seconds": 18.04, "bp_1_seconds": 8 * 0.04})
    own = ranks_block.measured(found, ranks.CASES[ranks.MAIN])
    assert own.block == Block(1024, 1000, 10**6, own.block.projection, 0.04, 0.01, 0.02, 0.01)
    assert own.block.projection in (10_000, 10_010)
    assert ranks_many.mono_forward(own, 1024).rate == pytest.approx(25.0)
    assert ranks_many.few_pieces(own, 8).rate == pytest.approx(
        1 / scaling.one_f_one_b_seconds(own.block, Ways(8, wire=own.wire), 8)
    )
    assert math.isnan(ranks_many.many_pieces(own, 512).rate)
    assert ranks_many.many_pieces(own, 256).rate > ranks_many.few_pieces(own, 256).rate
    grown = ranks_many.larger_batches(own, 64)  # 256 micro-batches of 128 examples: 32 batches of 1024
    seconds = 319 * 0.03 / 8 + 2 * 63 * 5e-10 * 128 * 4000 * 4 + 0.01
    assert grown.rate == pytest.approx(32 / seconds)
    assert grown.memory == 16 * 10**6 + (64 * 2 + 2) * 128 * 4000
    assert grown.wire == pytest.approx(2 * 63 * own.block.activity)


def test_the_conclusion_on_many_ranks_says_who_needs_more_memory() -> None:
    found = _made({ranks.MAIN: (1.9, 1.9)})[ranks.EXPERIMENTS[ranks.MAIN].name]
    own = ranks_block.measured(found, ranks.CASES[ranks.MAIN])
    few, grown = (
        way(own, 1024).memory > ranks_many.mono_forward(own, 1024).memory
        for way in (ranks_many.few_pieces, ranks_many.larger_batches)
    )
    assert (few, grown) == (False, True)
    said = ranks_many.conclusion(own)
    assert "needs more than 1F1B with 8 micro-batches, and less than with batches that grow" in said
    assert "99.2 %" in said
