"""Ways take turns, for as many steps as their time allows, on the threads that they are given."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from threadpoolctl import threadpool_info

from onward.experiments.turns import Turns, alone, balanced, in_balanced_turns, in_turns


@pytest.mark.parametrize(
    ("seconds", "steps"), [(1e-5, 10_000), (1e-3, 100), (0.01, 50), (0.07, 50), (0.09, 44), (1.6, 2), (30.0, 1)]
)
def test_a_turn_has_at_least_so_many_steps_where_they_fit(seconds: float, steps: int) -> None:
    assert Turns(3, steps=50, seconds=0.1, longest=4.0).count(seconds) == steps


def ways_on_a_clock(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Callable[[str, float], None]]:
    """A list of what was called, and what is called: it takes so many seconds of a clock that nothing else moves."""
    clock, called = [0.0], []
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])

    def way(name: str, takes: float) -> None:
        called.append(name)
        clock[0] += takes

    return called, way


def test_ways_take_turns_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    called, way = ways_on_a_clock(monkeypatch)
    told: list[float] = []
    steps = {"quick": lambda: way("quick", 0.5), "slow": lambda: way("slow", 3.0)}
    counts, history = in_turns(steps, Turns(2, steps=4, seconds=0.1, longest=4.0), told.append)
    assert counts == {"quick": 4, "slow": 1}
    assert history == {"quick": [0.5, 0.5], "slow": [3.0, 3.0]}
    assert called == ["quick", "slow", *(["quick"] * 4 + ["slow"]) * 2]
    assert told == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("ways", [1, 2, 3, 6, 11, 14])
def test_in_balanced_rounds_no_way_always_follows_the_same_other(ways: int) -> None:
    rounds = [balanced(ways, number) for number in range(ways)]
    assert all(sorted(order) == list(range(ways)) for order in rounds)
    assert sorted(order[0] for order in rounds) == list(range(ways)), "each begins once"
    after = Counter(pair for order in rounds for pair in pairwise(order))
    if ways % 2 == 0:
        assert after == dict.fromkeys(((a, b) for a in range(ways) for b in range(ways) if a != b), 1)
    else:
        assert set(after.values()) <= {2}


def test_balanced_turns_are_booked_to_the_way_that_was_run(monkeypatch: pytest.MonkeyPatch) -> None:
    called, way = ways_on_a_clock(monkeypatch)
    told: list[float] = []
    steps = {
        name: lambda name=name, takes=takes: way(name, takes)
        for name, takes in (("a", 0.5), ("b", 1.0), ("c", 2.0), ("d", 4.0))
    }
    counts, history = in_balanced_turns(steps, Turns(3, steps=1, seconds=0.1, longest=4.0), told.append)
    assert counts == dict.fromkeys("abcd", 1)
    assert history == {"a": [0.5] * 3, "b": [1.0] * 3, "c": [2.0] * 3, "d": [4.0] * 3}
    assert called[4:] == [*"abdc", *"bcad", *"cdba"]
    assert told == pytest.approx([(k + 1) / 12 for k in range(12)])


def test_threads_are_limited_for_torch_and_numpy_and_given_back() -> None:
    def of_numpy() -> list[int]:
        return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

    before, numpys = torch.get_num_threads(), of_numpy()
    with alone(before + 1):
        assert torch.get_num_threads() == before + 1
        assert set(of_numpy()) <= {before + 1}
    with alone(1):
        assert torch.get_num_threads() == 1
        assert set(of_numpy()) <= {1}
    assert (torch.get_num_threads(), of_numpy()) == (before, numpys)
