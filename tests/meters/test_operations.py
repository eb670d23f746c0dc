"""Operations of a step are recorded by shapes, and the time that they take adds up to about that of the step."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.mono_forward import MonoForward
from onward.meters import operations, rate
from onward.meters.operations import Known, Operation, Operations, Stopwatch
from onward.meters.weightless import weightless
from onward.nets.builders import cnn, mlp
from onward.nets.layered import LayeredNet
from onward.training.fit import Recipe
from onward.training.step_cost import step_cost
from onward.training.steps import GradientSteps

CPU = torch.device("cpu")
ADAM = Recipe(partial(torch.optim.Adam, fused=True), 1)
SGD = Recipe(partial(torch.optim.SGD, lr=0.1, fused=True), 1)  # takes next to no time


def recorded(run: Callable[[], object]) -> dict[Operation, int]:
    with Operations() as found:
        run()
    return dict(found.found)


def test_operations_of_the_same_shapes_are_one() -> None:
    x, w = torch.zeros(4, 5), torch.zeros(5, 6)
    found = recorded(lambda: [x @ w, x @ w, x[:2] @ w, torch.zeros(6, 5).T, x.double()])
    names = {(one.function.__name__, one.leaves[0].size): count for one, count in found.items() if one.products}
    assert names == {("mm.default", (4, 5)): 2, ("mm.default", (2, 5)): 1}
    assert [one.products for one in found if one.products] == [4 * 5 * 6, 2 * 5 * 6]
    assert [one.moved for one in found if one.products] == [4 * (20 + 30 + 24), 4 * (10 + 30 + 12)]
    assert not any("transpose" in one.function.__name__ for one in found)  # only looks


def test_what_is_put_aside_is_recorded_apart() -> None:
    x = torch.zeros(4, 5)
    with Operations() as found:
        with found.aside():
            x.add(1)
        x.mul(2)
    assert [one.function.__name__ for one in found.found] == ["mul.Tensor"]
    assert [one.function.__name__ for one in found.beside] == ["add.Tensor"]
    assert found.moved == 2 * 2 * 4 * 20


def test_an_operation_that_another_record_has_met_is_the_same_object() -> None:
    x, known = torch.zeros(4, 5), dict[Any, Operation]()
    met = []
    for _ in range(2):
        with Operations(known) as found:
            x.add(1)
        met += found.found
    assert met[0] is met[1]


def test_the_optimisers_own_operations_are_not_among_those_of_a_step() -> None:
    cost = step_cost(Backprop(mlp(20, (30, 40), 3)), ADAM, (20,), 16, 3)
    names = {one.function.__name__ for one in cost.operations}
    assert "_fused_adam_.default" not in names
    assert sum(one.products * count for one, count in cost.operations.items()) == cost.products[-1]


@pytest.mark.parametrize("kind", ["product", "transposed", "relu", "convolution", "pooling", "sum"])
def test_what_is_too_large_is_timed_by_a_part_of_it(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    runs: dict[str, Callable[[], object]] = {
        "product": lambda: torch.empty(4096, 300) @ torch.empty(300, 200),
        "transposed": lambda: torch.empty(4096, 300).T @ torch.empty(4096, 200),
        "relu": lambda: torch.relu(torch.empty(4096, 1000)),
        "convolution": lambda: torch.conv2d(torch.empty(64, 8, 20, 20), torch.empty(8, 8, 3, 3), padding=1),
        "pooling": lambda: torch.nn.functional.avg_pool2d(torch.empty(64, 32, 20, 20), 2),
        "sum": lambda: torch.empty(4096, 1000).sum(0),
    }
    with weightless():
        found = {one: count for one, count in recorded(runs[kind]).items() if one.function.__name__ != "empty"}
    calls: list[float] = []
    monkeypatch.setattr(operations, "MOST_PRODUCTS", 10_000_000)
    monkeypatch.setattr(operations, "MOST_NUMBERS", 100_000)
    monkeypatch.setattr(operations, "copied_per_second", lambda _: 1e-9)  # what is not timed would take for ever

    def best(run: Callable[[], torch.Tensor], device: torch.device, budget: float) -> float:
        made = run()
        calls.append(made.numel())
        return 1.0

    monkeypatch.setattr(operations, "best", best)
    taken = Stopwatch(found, CPU).seconds(found)
    assert max(calls) <= 100_000
    assert 1 < taken < 10_000
    (one,) = found
    if kind in ("product", "transposed"):
        monkeypatch.setattr(operations, "MOST_PRODUCTS", 10**12)
        assert taken == pytest.approx(one.products / 10_000_000, rel=1.1)


def test_what_cannot_be_run_by_itself_takes_as_long_as_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.zeros(100, 100)
    (one,) = recorded(lambda: x + 1)

    def fails(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(operations, "copied_per_second", lambda _: 1000.0)
    broken = Operation(fails, one.leaves, one.spec, 0, one.moved)
    assert Stopwatch([broken], CPU).seconds({broken: 2}) == pytest.approx(2 * one.moved / 1000, rel=0.01)


def measured(learner: AbstractLearner, net: LayeredNet, batch: int) -> float:
    """The fastest of some steps."""
    steps = GradientSteps(learner.train(), partial(torch.optim.SGD, lr=0.1, fused=True), None, ())
    x, y = (
        torch.randn(batch, *net.shapes[0]),
        torch.arange(batch) % 10,
    )  # one class is learned at once, and denormal gradients are slow
    steps.step(x, y, None)
    times = []
    for _ in range(6):
        began = time.thread_time()
        steps.step(x, y, None)
        times.append(time.thread_time() - began)
    return min(times)


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_the_seconds_that_are_estimated_are_about_those_that_a_step_takes(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a factor of 2, in time of this thread alone; on a machine that is busy even so, by another try."""
    monkeypatch.setattr(rate.time, "perf_counter", time.thread_time)
    net, batch = (mlp(784, (500,) * 3, 10), 256) if kind == "mlp" else (cnn((3, 32, 32), 10, channels=(64, 128)), 32)
    rules = {"bp": Backprop, "mf": MonoForward}
    known: Known = {}
    costs = {way: step_cost(rule(net), SGD, net.shapes[0], batch, 10, known=known) for way, rule in rules.items()}
    ratios: dict[str, float] = {}
    for _ in range(4):
        stopwatch = Stopwatch(known.values(), CPU)
        ratios = {
            way: stopwatch.seconds(cost.operations) / measured(rules[way](net), net, batch) for way, cost in costs.items()
        }
        if all(1 / 2 < ratio < 2 for ratio in ratios.values()):
            return
    raise AssertionError(f"estimated over measured: {ratios}")
