"""Laws of memory: what each rule retains, in bytes counted exactly."""

import pytest
import torch

from onward import graphs
from onward.kernels import dynamics, influence
from onward.kernels.activations import relu
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet


def retained(learner: AbstractLearner, x: torch.Tensor, y: torch.Tensor) -> int:
    """Bytes that autograd keeps for a backward pass while a rule hands out its credit."""
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        list(learner.credit(x, y))
    return sum(kept.values())


def mesh(ticks: int) -> MeshNet:
    return MeshNet(graphs.mesh(3, 12, 2), ticks)


@pytest.mark.parametrize("engine", ["influence", "factored"])
def test_forward_only_retains_nothing_for_a_backward_pass(engine: str) -> None:
    x, y = torch.randn(8, 3), torch.zeros(8, dtype=torch.int64)
    assert retained(ForwardOnly(mesh(5), engine=engine), x, y) == 0


def test_backprop_retains_bytes_in_proportion_to_the_ticks() -> None:
    x, y = torch.randn(8, 3), torch.zeros(8, dtype=torch.int64)
    few, more, most = (retained(Backprop(mesh(ticks)), x, y) for ticks in (10, 20, 40))
    assert 0 < few < more < most
    assert most - more == 2 * (more - few)


def test_influence_carries_the_same_bytes_after_any_number_of_ticks() -> None:
    net = mesh(3)
    w = dynamics.matrix(net.weight.detach(), net.wiring)
    carried, sizes = None, []
    clamped, initial = net.drive(torch.randn(8, 50, 3))
    for tick in dynamics.run(w, clamped, initial, relu):
        carried = influence.step(carried, tick, relu.slope(tick.drive), w[net.topology.fixed :], net.wiring, final=False)
        sizes.append(carried.untyped_storage().nbytes())
    assert set(sizes) == {8 * net.topology.edges * net.topology.free * 4}
