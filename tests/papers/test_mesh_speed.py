"""The benchmark of gradients: what it measures is what it says, and its verdicts follow the numbers."""

from collections.abc import Iterator
from functools import partial

import pytest
import torch

from onward.experiments.result import Result
from onward.experiments.turns import Turns
from onward.papers.mesh_neural_networks import gradients, speed, speed_trials
from onward.papers.mesh_neural_networks.curves import Repeats, kept_bytes, measure_curve
from onward.papers.mesh_neural_networks.gradients import OURS, task
from onward.papers.mesh_neural_networks.speed_trials import measure_gradients, worst_bytes, worst_bytes_of_numpy
from onward.papers.mesh_neural_networks.speed_verdicts import judged, memory_verdict, verdicts, where_slower
from onward.reports.artefact import Picture, Table, Text

SMALL = partial(speed.full, features=2, hidden=3, outputs=4)
QUICK = Turns(3, steps=2, seconds=0.0, longest=0.5)


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    with torch.compiler.set_stance("force_eager"):
        yield


def measured(**changed: object) -> dict:
    asked = {"graph": SMALL, "ticks": 3, "batch": 6, "ways": tuple(speed.WAYS), "threads": 1, "turns": QUICK}
    (found,) = measure_gradients([1], lambda part: None, **{**asked, "most_flops": 1e9, "most_bytes": 1e9, **changed})
    return {**found.metrics, **found.history}


def result(history: dict, metrics: dict | None = None) -> Result:
    environment = {"processor": "a machine", "torch": "2"}
    return Result("x", 100, [100], "", {}, metrics or {}, history, 1.0, environment, "")


def timed(**seconds: float) -> Result:
    """Every way takes the same in every turn; the library takes the factored engine."""
    metrics: dict = {"neurons": 8, "edges": 9, "chosen": OURS.index("factored")}
    for way in seconds:
        metrics |= {f"{way}_flops": 1e6, f"{way}_bytes": 2e6, f"{way}_steps": 5, f"{way}_apart": 0.0}
    return result({way: [value] * 6 for way, value in seconds.items()}, metrics)


def test_every_way_is_checked_counted_and_timed_in_every_turn() -> None:
    found = measured()
    for way in speed.WAYS:
        assert len(found[way]) == 3
        assert min(found[way]) > 0
        assert found[f"{way}_apart"] < 1e-5
        assert found[f"{way}_flops"] > 0
        assert found[f"{way}_steps"] >= 1
        assert (f"{way}_bytes" in found) == (way not in ("compiled", "bptt_compiled"))
    assert (found["neurons"], found["edges"]) == (10, 10 * 7)


def test_a_way_that_would_take_too_much_is_left_out_and_its_needs_are_told() -> None:
    found = measured(most_bytes=100_000.0)
    assert "numpy" not in found
    assert found["numpy_needs_bytes"] > 100_000
    assert found["numpy_needs_flops"] > 0
    assert "factored" in found
    assert measured(most_flops=1.0).keys() >= {f"{way}_needs_flops" for way in speed.WAYS}


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
    held, kept = [], []
    for ticks in (3, 10, 40):
        given = speed.at_ticks(7, ticks)
        held.append(worst_bytes(given, gradients.MAKERS["influence"](given)))
        kept.append(kept_bytes(given))
    e, f = given.net.topology.edges, given.net.topology.free
    assert held[0] == held[1] == held[2] >= 2 * 4 * 10 * e * f
    assert (kept[1] - kept[0]) / 7 == (kept[2] - kept[1]) / 30 >= 4 * 10 * f


def test_a_curve_is_measured_as_far_as_it_is_allowed() -> None:
    (found,) = measure_curve(
        [1], lambda part: None, problem=speed.at_ticks, places=(1, 3, 9), ways=speed.CURVED, threads=1,
        repeats=Repeats(2, 0.0), most_flops=2e6, most_bytes=1e9, metered=True,
    )  # fmt: skip
    history = found.history
    assert history["bptt_places"] == [1, 3, 9]
    assert history["influence_places"] == [1, 3]
    for way in speed.CURVED:
        lengths = {
            len(history[f"{way}_{what}"]) for what in ("places", "seconds", "low", "high", "flops", "carried", "bytes")
        }
        assert lengths == {len(history[f"{way}_places"])}
        assert all(low <= value <= high for low, value, high in zip(*(history[f"{way}_{what}"] for what in ("low", "seconds", "high")), strict=True))  # fmt: skip


def test_a_goal_is_reached_or_missed_by_the_whole_interval() -> None:
    from onward.experiments.medians import Middle

    assert judged(Middle(5, 4, 6, 9), 4, at_least=True).startswith("reached")
    assert judged(Middle(5, 4, 6, 9), 5, at_least=True).startswith("not decided")
    assert judged(Middle(5, 4, 6, 9), 7, at_least=True).startswith("**not reached**")
    assert judged(Middle(5, 4, 6, 9), 6, at_least=False).startswith("reached")
    assert judged(Middle(5, 4, 6, 9), 5, at_least=False).startswith("not decided")
    assert judged(Middle(5, 4, 6, 9), 3, at_least=False).startswith("**not reached**")


def test_verdicts_follow_the_numbers() -> None:
    title = speed.MNIST.title
    fast = timed(factored=1.0, bptt=0.9, backprop=2.0, bptt_compiled=1.5, jacfwd=301.0, numpy=1999.0, numpy_single=1000.0)
    numpy, jacfwd, bptt, loses = verdicts([(title, True, fast)], mnist=title)
    assert "at least 2000 times as fast as the naive NumPy was the goal; **not reached**, 2e+03" in numpy
    assert "in float32, as ours is: 1e+03" in numpy
    assert "at least 300 times as fast as `jacfwd` was the goal; reached, 301" in jacfwd
    assert "at most 1.5 times eager BPTT was the goal; reached, 1.11" in bptt
    assert f"slower on {title} 1.11 (1.11 to 1.11)" in loses
    slow = timed(factored=1.0, bptt=0.4, backprop=0.6)
    paper, loses = verdicts([("other", True, slow)], mnist=title)
    assert "at most 2 times eager BPTT was the goal; **not reached**, 2.5" in paper
    assert "slower on other 2.5" in loses
    (loses,) = verdicts([("tiny", False, timed(factored=1.0, bptt=1.1, backprop=1.2, numpy=0.5))], mnist=title)
    assert loses.endswith("Even the naive NumPy is quicker on tiny.")
    (loses,) = verdicts([("larger", False, timed(factored=1.0, bptt=1.1, backprop=1.2))], mnist=title)
    assert "slower on none of these nets" in loses
    assert verdicts([], mnist=title) == []


def curve(influence: list[float], bptt: list[float], bytes_held: tuple[list[int], list[int]]) -> Result:
    places = [1, 3, 10, 100]
    history: dict = {}
    for way, seconds, held in zip(("influence", "bptt", "factored"), (influence, bptt, []), (*bytes_held, []), strict=True):
        history |= {f"{way}_places": places[: len(seconds)], f"{way}_bytes": held}
        history |= {f"{way}_{what}": [share * one for one in seconds] for what, share in (("seconds", 1), ("low", 0.9), ("high", 1.1))}  # fmt: skip
    return result(history)


def test_memory_is_judged_to_the_byte() -> None:
    flat = curve([1.0] * 4, [1.0] * 4, ([50, 70, 70, 70], [9, 29, 99, 999]))
    said = memory_verdict(flat)
    assert "holds the same 70 bytes at every number of ticks from 3 to 100, and no more below" in said
    assert "BPTT keeps 10 bytes more with every tick: 999 at 100. Influence holds less from 10 ticks on." in said
    grows = memory_verdict(curve([1.0] * 4, [1.0] * 4, ([50, 70, 71, 72], [9, 29, 30, 31])))
    assert "holds 50 to 72 bytes, **not constant**" in grows
    assert "Influence holds more at every number of ticks" in grows
    assert "too few" in memory_verdict(curve([1.0], [1.0], ([50], [9])))


def test_where_it_is_slower_is_told_by_intervals() -> None:
    found = curve([1.0, 1.1, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0], ([1] * 4, [1] * 4))
    said = where_slower(found, "influence", "FOP, influence", "ticks")
    assert (
        said
        == "*FOP, influence* is slower than eager BPTT at 10, 100 ticks; at 100, the last that it was run for, it takes 3 times as long."
    )
    assert "is not measured" in where_slower(found, "factored", "FOP, factored", "ticks")
    assert "is nowhere slower" in where_slower(curve([0.5], [1.0], ([1], [1])), "influence", "FOP, influence", "ticks")


def test_every_case_has_a_name_of_its_own_and_the_nets_of_the_paper_have_goals() -> None:
    names = [one.name for one in speed.ARTEFACT.experiments]
    assert len(set(names)) == len(names)
    assert [case.name for case in speed.CASES if case.of_paper] == ["2-d", "iris", "mnist"]
    mnist = speed.MNIST.graph(100)
    assert (mnist.neurons, mnist.edges, speed.MNIST.ticks, speed.MNIST.batch) == (93, 798, 3, 32)


def test_the_page_shows_what_is_there() -> None:
    results: dict[str, list[Result]] = {one.name: [] for one in speed.ARTEFACT.experiments}
    (nothing,) = speed.render(results)
    assert isinstance(nothing, Text)
    assert "not run" in nothing.words
    found = timed(influence=5e-3, factored=1e-3, bptt=2e-3, backprop=4e-3)
    found.metrics.update(numpy_needs_flops=3e9, numpy_needs_bytes=7e9)
    results[speed.MNIST.experiment.name] = [found]
    results[speed.TICKS.name] = [curve([1.0] * 4, [1.0] * 4, ([50, 70, 70, 70], [9, 29, 99, 999]))]
    elements = speed.render(results)
    (table,) = [one for one in elements if isinstance(one, Table)]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["FOP, factored (chosen)"] == ["1,000 (1,000 to 1,000)", "0.5 (0.5 to 0.5)", "", "1", "2", "30"]
    assert rows["FOP, influence"][1:3] == ["2.5 (2.5 to 2.5)", "5 (5 to 5)"]
    assert rows["BPTT, eager"][1:3] == ["", "2 (2 to 2)"]
    assert rows["naive NumPy"] == ["left out", "", "", "3e+03", "7e+03", "0"]
    assert sum(isinstance(one, Picture) for one in elements) == 1
