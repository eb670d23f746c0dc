"""Reduced runs of the papers' tables, on seeds for development, and long runs; part of `make soak`."""

from collections.abc import Sequence
from typing import cast

import pytest
import torch

from onward import graphs
from onward.experiments.spec import Experiment, Outcome
from onward.kernels import dynamics, influence
from onward.kernels.activations import tanh
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks import iris, table_1

pytestmark = pytest.mark.slow


def accuracy(experiment: Experiment, seeds: Sequence[int]) -> float:
    outcomes = cast("list[Outcome]", experiment.trial(seeds, lambda part: None))
    return sum(outcome.metrics["test_accuracy"] for outcome in outcomes) / len(outcomes)


@pytest.mark.parametrize("hidden", sorted(table_1.PRINTED))
def test_reduced_table_1_reaches_the_papers_means(hidden: int) -> None:
    value, half = table_1.PRINTED[hidden]
    assert accuracy(table_1.SOUND["mesh", hidden], range(10)) > value - half


def test_reduced_iris_is_near_the_paper() -> None:
    for activation in ("relu", "tanh"):
        assert accuracy(iris.SOUND_MESH[activation], range(15)) > 0.94


def test_influence_runs_ten_thousand_ticks_in_the_bytes_of_one() -> None:
    net = MeshNet(graphs.recurrent(2, 16, 1), 2, hidden="tanh", dtype=torch.float64)
    w = dynamics.matrix(net.weight.detach(), net.wiring)
    x = torch.randn(2, 10_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    clamped, initial = net.drive(x)
    carried, sizes = None, set()
    for tick in dynamics.run(w, clamped, initial, tanh):
        slope = tanh.slope(tick.drive)
        carried = influence.step(carried, tick, slope, w[net.topology.fixed :], net.wiring, final=False)
        sizes.add(carried.untyped_storage().nbytes())
    assert carried is not None
    assert carried.isfinite().all()
    assert sizes == {2 * net.topology.edges * net.topology.free * 8}
