"""Backpropagation by hand through a sparse mesh gives the gradient, and refuses what it is not written for."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from onward import graphs
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks.sparse_backprop import gradient, lay_out
from onward.topology import Topology
from tests.oracle import truth


def drawn(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lattice() -> Topology:
    return graphs.lattice(6, (7, 8), 3, generator=drawn(), rewired=0.3)


def irregular() -> Topology:
    """Some neurons feed nobody, some are fed by nobody."""
    blocks = {"input-hidden": 0.4, "hidden-hidden": 0.15, "hidden-output": 0.3}
    return graphs.random(5, 12, 3, blocks, generator=drawn(), bias=False)


def net(topology: Topology, ticks: int) -> MeshNet:
    return MeshNet(topology, ticks, generator=drawn(2), dtype=torch.float64)


def batch(topology: Topology, examples: int) -> tuple[Tensor, Tensor]:
    x = torch.randn(examples, topology.features, generator=drawn(3), dtype=torch.float64)
    return x, torch.randint(topology.outputs, (examples,), generator=drawn(4))


def right(mesh: MeshNet, x: Tensor, y: Tensor) -> Tensor:
    """By definition, through a dense adjacency matrix."""
    given = mesh.topology, mesh.weight.detach(), x, y, mesh.ticks
    return truth(*given, hidden="relu", output="identity", loss="cross-entropy").gradient


@pytest.mark.parametrize("made", [lattice, irregular])
@pytest.mark.parametrize("ticks", [3, 4, 6])
@pytest.mark.parametrize("examples", [1, 5])
def test_it_is_the_gradient_by_definition(made: Callable[[], Topology], ticks: int, examples: int) -> None:
    topology = made()
    mesh = net(topology, ticks)
    x, y = batch(topology, examples)
    true = right(mesh, x, y)
    assert_close(gradient(mesh, lay_out(mesh), x, y), true, rtol=1e-12, atol=1e-14)
    for edges in topology.blocks.values():
        assert true[torch.tensor(edges)].norm() > 1e-4


def test_a_layout_serves_whatever_weights_and_batches_come() -> None:
    mesh = net(lattice(), 5)
    blocks = lay_out(mesh)
    for examples in (2, 3):
        mesh = mesh.with_weight(1.1 * mesh.weight.detach())
        given = batch(mesh.topology, examples)
        assert_close(gradient(mesh, blocks, *given), right(mesh, *given), rtol=1e-12, atol=1e-14)


def test_what_it_is_not_written_for_is_refused() -> None:
    ordinary = net(lattice(), 5)
    others = {
        "two ticks": net(lattice(), 2),
        "tanh": MeshNet(lattice(), 5, hidden="tanh"),
        "outputs that are not linear": MeshNet(lattice(), 5, output="relu"),
        "outputs that speak, inputs that feed them": MeshNet(graphs.mesh(3, 4, 2), 3),
        "inputs that feed outputs": MeshNet(
            graphs.random(3, 4, 2, {"input-output": 1.0, "input-hidden": 1.0}, generator=drawn()), 3
        ),
        "free inputs": MeshNet(replace(lattice(), clamped=False), 5),
        "a stack": MeshNet.stack([ordinary, ordinary]),
    }
    lay_out(ordinary)
    for other in others.values():
        with pytest.raises(ValueError, match="is for one mesh of ReLU neurons over 3 ticks or more .*, got "):
            lay_out(other)
