"""What is forward-only's own: the choice of the engine, and the Jacobian."""

import pytest
import torch

from onward import graphs
from onward.kernels.forward_only import FACTORED, INFLUENCE
from onward.learners import forward_only
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet


def test_engine_is_planned_for_each_number_of_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    for engine in (INFLUENCE, FACTORED):
        monkeypatch.setitem(
            __import__("onward.kernels.forward_only", fromlist=["ENGINES"]).ENGINES,
            engine.name,
            engine._replace(
                propagate=lambda *a, engine=engine, **k: taken.append(engine.name) or engine.propagate(*a, **k)
            ),
        )
    net = MeshNet(graphs.random(5, 20, 2, 0.1, generator=torch.Generator().manual_seed(0)), 3)
    learner = ForwardOnly(net)
    next(learner.credit(torch.randn(4, 5), torch.zeros(4, dtype=torch.int64)))
    assert set(taken) == {"factored"}
    taken.clear()
    next(learner.credit(torch.randn(4, 200, 5), torch.zeros(4, dtype=torch.int64)))
    assert set(taken) == {"influence"}


def test_the_factored_engine_is_not_counted_where_it_is_insisted_on_and_nothing_is_to_be_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = MeshNet(graphs.mesh(2, 4, 2), 3)
    x, y = torch.randn(4, 2), torch.zeros(4, dtype=torch.int64)
    (planned,) = ForwardOnly(net).credit(x, y)
    counted = []
    plan = forward_only.plan
    monkeypatch.setattr(forward_only, "plan", lambda *a, **k: counted.append(k["engine"]) or plan(*a, **k))
    (found,) = ForwardOnly(net, engine="factored").credit(x, y)
    assert not counted
    torch.testing.assert_close(found.gradients["net.weight"], planned.gradients["net.weight"])
    for cut in (
        ForwardOnly(net, engine="factored").within(10**6),
        ForwardOnly(net, engine="factored").within(None, threads=2),
    ):
        list(cut.credit(x, y))
    list(ForwardOnly(net, engine="influence").credit(x, y))
    assert counted == ["factored", "factored", "influence"]


def test_unknown_engine_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match="unknown engine 'influenza'.*did you mean 'influence'"):
        ForwardOnly(MeshNet(graphs.mesh(2, 2, 2), 2), engine="influenza")


def test_jacobian_has_a_row_for_every_output() -> None:
    learner = ForwardOnly(MeshNet(graphs.mesh(2, 3, 2), 2))
    assert learner.jacobian(torch.randn(6, 2)).shape == (6, 2, 40)
