"""Whether inputs stand still decides what a gradient takes, so the engine is planned for either."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from onward.kernels.forward_only import ENGINES, FACTORED, INFLUENCE
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.topology import Topology


def test_engine_is_planned_for_inputs_that_stand_still_and_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 inputs, a ring of 10, two outputs: multiplied once or at each of 10 ticks, the inputs decide which engine takes fewer operations."""
    taken = []
    for engine in (INFLUENCE, FACTORED):
        monkeypatch.setitem(
            ENGINES,
            engine.name,
            engine._replace(
                propagate=lambda *a, engine=engine, **k: taken.append(engine.name) or engine.propagate(*a, **k)
            ),
        )
    ring = np.arange(10)
    source = np.concatenate([ring, 300 + ring, 300 + ring])
    target = np.concatenate([300 + ring, 300 + (ring + 1) % 10, 310 + ring % 2])
    net = MeshNet(Topology(300, 10, 2, source, target), 10, hidden="tanh", dtype=torch.float64)
    learner = ForwardOnly(net)
    x = torch.randn(4, 300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.tensor([0, 1, 0, 1])
    shared = x.unsqueeze(1).expand(4, 10, 300)
    (true,) = Backprop(net).credit(x, y)
    assert true.gradients["net.weight"].norm() > 1e-3
    for given, engine in ((x, "factored"), (shared.contiguous(), "influence"), (shared, "factored"), (x, "factored")):
        taken.clear()
        (found,) = learner.credit(given, y)
        assert set(taken) == {engine}
        assert_close(found.gradients, true.gradients, rtol=1e-11, atol=1e-13)
