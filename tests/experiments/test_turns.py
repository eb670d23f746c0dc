"""Ways take turns, for as many steps as their time allows, on the threads that they are given."""

import pytest
import torch
from threadpoolctl import threadpool_info

from onward.experiments.turns import Turns, alone, in_turns


@pytest.mark.parametrize(
    ("seconds", "steps"), [(1e-5, 10_000), (1e-3, 100), (0.01, 50), (0.07, 50), (0.09, 44), (1.6, 2), (30.0, 1)]
)
def test_a_turn_has_at_least_so_many_steps_where_they_fit(seconds: float, steps: int) -> None:
    assert Turns(3, steps=50, seconds=0.1, longest=4.0).count(seconds) == steps


def test_ways_take_turns_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    called: list[str] = []

    def way(name: str, takes: float) -> None:
        called.append(name)
        clock[0] += takes

    told: list[float] = []
    steps = {"quick": lambda: way("quick", 0.5), "slow": lambda: way("slow", 3.0)}
    counts, history = in_turns(steps, Turns(2, steps=4, seconds=0.1, longest=4.0), told.append)
    assert counts == {"quick": 4, "slow": 1}
    assert history == {"quick": [0.5, 0.5], "slow": [3.0, 3.0]}
    assert called == ["quick", "slow", *(["quick"] * 4 + ["slow"]) * 2]
    assert told == [0.25, 0.5, 0.75, 1.0]


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
