"""The public gradient check says when a gradient is right, and when it is not."""

import pytest
import torch

from onward import graphs
from onward.kernels import losses
from onward.kernels.activations import Activation
from onward.nets.mesh import MeshNet
from onward.training.gradient_check import check_gradients


def batch(features: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, features, generator=generator), torch.tensor([0, 1, 0, 1, 1, 0])


@pytest.mark.parametrize("loss", [losses.cross_entropy, losses.every_tick(losses.cross_entropy)])
def test_a_right_gradient_passes_in_every_block(loss: losses.Loss) -> None:
    net = MeshNet(graphs.mesh(3, 5, 2), 4, hidden="tanh")
    found = check_gradients(net, batch(), loss)
    assert [one.block for one in found.blocks] == [*net.topology.blocks, "all"]
    assert found.blocks[-1].edges == net.topology.edges
    assert found.error < 1e-13
    assert all(one.finite_difference < 1e-7 for one in found.blocks)
    assert found.alive == 1
    text = str(found)
    assert "hidden-hidden" in text
    assert "100% of the free neurons are active" in text


def test_a_wrong_slope_is_found_out() -> None:
    wrong = Activation("tanh with a wrong slope", torch.tanh, lambda z: 1 - z.square())
    found = check_gradients(MeshNet(graphs.mesh(3, 5, 2), 3, hidden=wrong), batch())
    assert found.error > 1e-3
    assert found.blocks[-1].finite_difference > 1e-3


def test_a_silent_net_is_called_silent() -> None:
    topology = graphs.mesh(3, 5, 2)
    net = MeshNet(topology, 3, output="relu", weight=-torch.ones(topology.edges))
    assert check_gradients(net, (torch.ones(4, 3), torch.zeros(4, dtype=torch.int64))).alive == 0


def test_large_nets_are_probed_at_some_edges() -> None:
    net = MeshNet(graphs.mesh(3, 20, 2), 3, hidden="tanh")
    assert check_gradients(net, batch()).blocks[-1].finite_difference < 1e-7


def test_every_block_is_probed() -> None:
    """A wrong slope of the outputs shows in the smallest block beside a very large one."""
    wrong = Activation("doubled slope", lambda z: z, lambda z: torch.full_like(z, 2.0))
    net = MeshNet(graphs.mesh(1, 40, 1), 2, hidden="tanh", output=wrong, generator=torch.Generator().manual_seed(1))
    found = check_gradients(net, (torch.ones(4, 1), torch.full((4, 1), 3.0)), "mean squared error")
    by_name = {one.block: one for one in found.blocks}
    assert by_name["input-output"].edges == 1
    assert by_name["input-output"].finite_difference > 1e-6


def test_mistakes_are_refused() -> None:
    net = MeshNet(graphs.mesh(3, 5, 2), 3)
    with pytest.raises(ValueError, match="label 2 is out of range"):
        check_gradients(net, (batch()[0], batch()[1] + 1))
    with pytest.raises(ValueError, match="one net can be checked, got 2 side by side"):
        check_gradients(MeshNet.stack([net, net]), batch())
