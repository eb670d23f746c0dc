"""The benchmark of gradients: what it measures is what it says, and its verdicts follow the numbers."""

from collections.abc import Iterator
from functools import partial

import pytest
import torch

from onward.experiments.result import Result
from onward.experiments.turns import Turns
from onward.papers.mesh_neural_networks import gradients, speed, speed_cases, speed_trials
from onward.papers.mesh_neural_networks.curves import Repeats, kept_bytes, measure_curve
from onward.papers.mesh_neural_networks.gradient_tasks import task
from onward.papers.mesh_neural_networks.gradients import OURS
from onward.papers.mesh_neural_networks.speed_cases import CASES, CURVED, MNIST, WAYS, on
from onward.papers.mesh_neural_networks.speed_trials import measure_gradients, worst_bytes, worst_bytes_of_numpy
from onward.papers.mesh_neural_networks.speed_verdicts import (
    Found,
    judged,
    memory_verdict,
    recording,
    verdicts,
    where_slower,
)
from onward.reports.artefact import Picture, Table, Text

SMALL = partial(speed_cases.full, features=2, hidden=3, outputs=4)
QUICK = Turns(3, steps=2, seconds=0.0, longest=0.5)


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    with torch.compiler.set_stance("force_eager"):
        yield


def measured(**changed: object) -> dict:
    asked = {"graph": SMALL, "ticks": 3, "batch": 6, "ways": tuple(WAYS), "threads": 1, "turns": QUICK}
    (found,) = measure_gradients([1], lambda part: None, **{**asked, "most_flops": 1e9, "most_bytes": 1e9, **changed})
    return {**found.metrics, **found.history}


def result(history: dict, metrics: dict | None = None) -> Result:
    environment = {"processor": "a machine", "cores": "2", "torch": "2"}
    return Result("x", 100, [100], "", {}, metrics or {}, history, 1.0, environment, "")


def timed(**seconds: float) -> Result:
    """Every way takes the same in every turn; the library takes the factored engine."""
    metrics: dict = {"neurons": 8, "edges": 9, "chosen": OURS.index("factored")}
    for way in seconds:
        metrics |= {f"{way}_flops": 1e6, f"{way}_bytes": 2e6, f"{way}_steps": 5, f"{way}_apart": 0.0}
    return result({way: [value] * 6 for way, value in seconds.items()}, metrics)


def test_every_way_is_checked_counted_and_timed_in_every_turn() -> None:
    found = measured()
    for way in WAYS:
        assert len(found[way]) == 3
        assert min(found[way]) > 0
        assert found[f"{way}_apart"] < 1e-5
        assert found[f"{way}_flops"] > 0
        assert found[f"{way}_steps"] >= 1
        assert (f"{way}_bytes" in found) == (way not in ("compiled", "bptt_compiled", "by_hand_compiled"))
    assert (found["neurons"], found["edges"]) == (10, 10 * 7)


def test_a_way_that_would_take_too_much_is_left_out_and_its_needs_are_told() -> None:
    found = measured(most_bytes=100_000.0)
    assert "numpy" not in found
    assert found["numpy_needs_bytes"] > 100_000
    assert found["numpy_needs_flops"] > 0
    assert "factored" in found
    assert measured(most_flops=1.0).keys() >= {f"{way}_needs_flops" for way in WAYS}


def test_a_wrong_rival_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = gradients.MAKERS["jacrev"]
    wrong = {**gradients.MAKERS, "jacrev": lambda given: lambda: 1.01 * maker(given)()}
    monkeypatch.setattr(speed_trials, "MAKERS", wrong)
    with pytest.raises(ValueError, match="the gradient of jacrev differs"):
        measured()


def test_the_library_is_timed_as_it_chooses_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    watched = {
        name: lambda given, name=name: asked.append(name) or gradients.MAKERS[name](given) for name in gradients.MAKERS
    }
    monkeypatch.setattr(speed_trials, "MAKERS", watched)
    found = measured(ways=OURS)
    chosen = OURS[found["chosen"]]
    assert asked == ["chosen" if name == chosen else name for name in OURS]


def test_bytes_are_those_of_the_worst_moment() -> None:
    given = task(SMALL(0), ticks=2, batch=6, seed=1)

    def step() -> torch.Tensor:
        large = torch.zeros(1000)
        small = large[:10].clone()
        del large
        return small + torch.zeros(10)

    assert worst_bytes(given, step) == 4040
    assert worst_bytes_of_numpy(step) < 100_000

    def in_numpy() -> torch.Tensor:
        import numpy as np

        return torch.tensor(np.zeros(1_000_000).sum())

    assert 8_000_000 <= worst_bytes_of_numpy(in_numpy) < 8_100_000


def test_bytes_of_influence_are_flat_and_those_of_bptt_grow_with_every_tick() -> None:
    held, kept, by_hand = [], [], []
    for ticks in (3, 10, 40):
        given = speed_cases.at_ticks(7, ticks)
        step = gradients.MAKERS["influence"](given)
        step()
        held.append(worst_bytes(given, step))
        kept.append(kept_bytes(given, "bptt"))
        by_hand.append(kept_bytes(given, "by_hand"))
    e, f = given.net.topology.edges, given.net.topology.free
    assert held[0] == held[1] == held[2] >= 2 * 4 * 10 * e * f
    assert (kept[1] - kept[0]) / 7 == (kept[2] - kept[1]) / 30 >= 4 * 10 * f
    assert (by_hand[1] - by_hand[0]) / 7 == (by_hand[2] - by_hand[1]) / 30 == 4 * 10 * f, "an activity a tick"


def test_a_curve_is_measured_as_far_as_it_is_allowed() -> None:
    (found,) = measure_curve(
        [1], lambda part: None, problem=speed_cases.at_ticks, places=(1, 3, 9), ways=CURVED, threads=1,
        repeats=Repeats(2, 0.0), most_flops=2e6, most_bytes=1e9, metered=True,
    )  # fmt: skip
    history = found.history
    assert history["bptt_places"] == [1, 3, 9]
    assert history["influence_places"] == [1, 3]
    for way in CURVED:
        lengths = {
            len(history[f"{way}_{what}"]) for what in ("places", "seconds", "low", "high", "flops", "carried", "bytes")
        }
        assert lengths == {len(history[f"{way}_places"])}
        assert all(low <= value <= high for low, value, high in zip(*(history[f"{way}_{what}"] for what in ("low", "seconds", "high")), strict=True))  # fmt: skip


def test_a_goal_is_reached_or_missed_by_the_whole_interval() -> None:
    from onward.experiments.medians import Median

    assert judged(Median(5, 4, 6, 9), 4, at_least=True).startswith("reached")
    assert judged(Median(5, 4, 6, 9), 5, at_least=True).startswith("not decided")
    assert judged(Median(5, 4, 6, 9), 7, at_least=True).startswith("**not reached**")
    assert judged(Median(5, 4, 6, 9), 6, at_least=False).startswith("reached")
    assert judged(Median(5, 4, 6, 9), 5, at_least=False).startswith("not decided")
    assert judged(Median(5, 4, 6, 9), 3, at_least=False).startswith("**not reached**")


def test_verdicts_follow_the_numbers() -> None:
    title = MNIST.title
    fast = timed(
        factored=1.0, bptt=0.9, backprop=2.0, bptt_compiled=1.5, by_hand=0.5, jacfwd=301.0, jacfwd_of_loss=290.0, numpy=1999.0, numpy_single=2001.0
    )  # fmt: skip
    single, double, jacfwd, bptt, recorded, loses = verdicts([Found(title, fast, 1.5, rivals=True)])
    assert single.startswith(
        f"*{title}*: at least 2000 times as fast as naive NumPy in float32 (ours in float32 too) was the goal; reached, 2,000"
    )
    assert "in float64, as the paper has it (ours in float32) was the goal; **not reached**, 2,000" in double
    assert (
        "300 times as fast as `jacfwd` of the loss of the batch (the quicker of its two forms) was the goal; **not reached**, 290"
        in jacfwd
    )
    assert "at most 1.5 times eager BPTT was the goal; reached, 1.11" in bptt
    assert recorded.endswith(f"does without*: there is no gain on {title}.")
    assert f"slower on {title} 2 (2 to 2) (times as long)." in loses
    slow = timed(factored=1.0, bptt=0.4, backprop=0.6)
    paper, loses = verdicts([Found("other", slow, 2)])
    assert "at most 2 times eager BPTT was the goal; **not reached**, 2.5" in paper
    assert "slower on other 2.5" in loses
    (loses,) = verdicts([Found("tiny", timed(factored=1.0, bptt=1.1, backprop=1.2, numpy=1.5, numpy_single=0.5))])
    assert loses.endswith("Even the naive NumPy is quicker on tiny.")
    (loses,) = verdicts([Found("larger", timed(factored=1.0, bptt=1.1, backprop=1.2, numpy=1.5, numpy_single=1.4))])
    assert loses.endswith("slower on none of these nets (times as long).")
    left, loses = verdicts([Found("left out", timed(influence=1.0, bptt=1.1)), Found("x", timed(factored=1.0, bptt=1.1))])
    assert left == "*Not timed* was the engine that the library chooses on left out."
    assert verdicts([]) == []


def test_jacfwd_is_judged_by_the_form_that_is_quicker() -> None:
    outputs, *_ = verdicts([Found("x", timed(factored=1.0, bptt=1.0, jacfwd=310.0, jacfwd_of_loss=320.0), rivals=True)])
    assert (
        "`jacfwd` of the outputs, example by example (the quicker of its two forms) was the goal; reached, 310" in outputs
    )
    alone, *_ = verdicts([Found("x", timed(factored=1.0, bptt=1.0, jacfwd_of_loss=320.0), rivals=True)])
    assert "`jacfwd` of the loss of the batch was the goal; reached, 320" in alone


@pytest.mark.parametrize(
    ("recorded", "by_hand", "follows"),
    [
        ([2.0] * 6, [1.5] * 6, "some of the gain is its own"),
        ([2.0] * 6, [0.8] * 6, "the gain is the recording alone"),
        ([2.0] * 6, [1.25] * 4 + [0.8] * 2, "no more of the gain than the recording can be told"),
        ([0.8, 1.25] * 3, [0.5] * 6, "no gain can be told"),
        ([0.8] * 6, [0.5] * 6, "there is no gain"),
    ],
)
def test_what_the_recording_of_a_graph_takes_is_told_by_intervals(
    recorded: list[float], by_hand: list[float], follows: str
) -> None:
    found = timed(factored=1.0, backprop=9.0)
    found.history.update(bptt=recorded, by_hand=by_hand)
    assert recording(found) == follows


def curve(influence: list[float], bptt: list[float], bytes_held: tuple[list[int], list[int]]) -> Result:
    places = [1, 3, 10, 100]
    history: dict = {}
    measured = {"influence": influence, "bptt": bptt, "factored": [], "sparse": [], "by_hand": [0.5 * one for one in bptt]}
    held_by: dict[str, list[int]] = dict(zip(("influence", "bptt"), bytes_held, strict=True))
    for way, seconds in measured.items():
        held = held_by.get(way, [1] * len(seconds))
        history |= {f"{way}_places": places[: len(seconds)], f"{way}_bytes": held}
        history |= {f"{way}_{what}": [share * one for one in seconds] for what, share in (("seconds", 1), ("low", 0.9), ("high", 1.1))}  # fmt: skip
    return result(history)


def test_memory_is_judged_to_the_byte() -> None:
    flat = curve([1.0] * 4, [1.0] * 4, ([50, 70, 70, 70], [9, 29, 99, 999]))
    said = memory_verdict(flat, "Memory, 1 thread")
    assert said.startswith("*Memory, 1 thread*: the influence engine")
    assert "holds the same 70 bytes at every number of ticks from 3 to 100, and no more below" in said
    assert "BPTT keeps 10 bytes more with every tick: 999 at 100. Influence holds less from 10 ticks on." in said
    grows = memory_verdict(curve([1.0] * 4, [1.0] * 4, ([50, 70, 71, 72], [9, 29, 30, 31])), "x")
    assert "holds 50 to 72 bytes, **not constant**" in grows
    assert "Influence holds more at every number of ticks" in grows
    assert "too few" in memory_verdict(curve([1.0], [1.0], ([50], [9])), "x")


def test_where_it_is_slower_is_told_by_intervals() -> None:
    found = curve([1.0, 1.1, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0], ([1] * 4, [1] * 4))
    said = where_slower(found, "influence", "FOP, influence", "ticks")
    assert (
        said
        == "*FOP, influence* is slower than eager BPTT at 10, 100 ticks; at 100, the last that it was run for, it takes 3 times as long."
    )
    said = where_slower(found, "influence", "FOP, influence", "ticks", rival="by_hand", called="BPTT by hand")
    assert said.startswith("*FOP, influence* is slower than BPTT by hand at 1, 3, 10, 100 ticks; at 100,")
    assert said.endswith("it takes 6 times as long.")
    assert "is not measured" in where_slower(found, "factored", "FOP, factored", "ticks")
    assert "is nowhere slower" in where_slower(curve([0.5], [1.0], ([1], [1])), "influence", "FOP, influence", "ticks")


def test_every_case_has_a_name_of_its_own_and_the_nets_of_the_paper_have_goals() -> None:
    names = [one.name for one in speed.ARTEFACT.experiments]
    assert len(set(names)) == len(names)
    assert [(case.name, case.goal, case.rivals, case.threads) for case in CASES if case.goal is not None] == [
        ("2-d", 2, False, 1), ("iris", 2, False, 1), ("mnist", 1.5, True, 1), ("mnist", 1.5, True, 2)
    ]  # fmt: skip
    assert {case.threads for case in CASES if case.name.startswith("mnist-1000")} == {1, 2}
    for case in CASES:
        assert case.title.endswith(f", {on(case.threads)}")
        assert case.experiment.spec["trial"]["threads"] == case.threads
        assert set(case.experiment.spec["trial"]["ways"]) == set(WAYS) - set(case.without)
    mnist = MNIST.graph(100)
    assert (mnist.neurons, mnist.edges, MNIST.ticks, MNIST.batch) == (93, 798, 3, 32)


def test_the_page_shows_what_is_there() -> None:
    results: dict[str, list[Result]] = {one.name: [] for one in speed.ARTEFACT.experiments}
    (nothing,) = speed.render(results)
    assert isinstance(nothing, Text)
    assert "not run" in nothing.words
    found = timed(influence=5e-3, factored=1e-3, bptt=2e-3, backprop=4e-3, by_hand=1.6e-3)
    found.metrics.update(numpy_needs_flops=3e9, numpy_needs_bytes=7e9)
    results[MNIST.experiment.name] = [found]
    results[speed_cases.TICKS.name] = [curve([1.0] * 4, [1.0] * 4, ([50, 70, 70, 70], [9, 29, 99, 999]))]
    elements = speed.render(results)
    recorded, table = [one for one in elements if isinstance(one, Table)]
    assert recorded.rows == [
        [
            MNIST.title,
            "factored",
            "0.5 (0.5 to 0.5)",
            "0.625 (0.625 to 0.625)",
            "1.25 (1.25 to 1.25)",
            "some of the gain is its own",
        ]
    ]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["FOP, factored (chosen)"] == ["1,000 (1,000 to 1,000)", "0.5 (0.5 to 0.5)", "", "1", "2", "30"]
    assert rows["FOP, influence"][1:3] == ["2.5 (2.5 to 2.5)", "5 (5 to 5)"]
    assert rows["BPTT, eager"][1:3] == ["", "2 (2 to 2)"]
    assert rows["naive NumPy, float64"] == ["left out", "", "", "3,000", "7,000", "0"]
    (against,) = [one.words for one in elements if isinstance(one, Text) and "batch 10, 1 thread" in one.words]
    assert {against.count(f"*FOP, {engine}*") for engine in OURS} == {2}, "beside both backpropagations"
    assert sum(isinstance(one, Picture) for one in elements) == 1
