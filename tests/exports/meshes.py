"""Meshes of every kind that exports are tried on, and how near to the net their outputs must come."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from onward import graphs
from onward.kernels.activations import ACTIVATIONS, Activation
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise
from onward.topology import Topology

NEAR = {torch.float32: 1e-6, torch.float64: 1e-12}
NAMES = list(ACTIVATIONS)
SWISH = Activation("swish", lambda z: z * torch.sigmoid(z), torch.ones_like)


def free(topology: Topology) -> Topology:
    """The same neurons with free inputs, and every third input fed back from an output."""
    source, target = [], []
    for neuron in range(0, topology.inputs, 3):
        source.append(topology.neurons - 1)
        target.append(neuron)
    source, target = np.concatenate([topology.source, source]), np.concatenate([topology.target, target])
    return replace(topology, source=source, target=target, clamped=False)


def topologies() -> dict[str, Topology]:
    generator = torch.Generator().manual_seed(3)
    return {
        "mesh": graphs.mesh(3, 5, 2),
        "free": free(graphs.mesh(3, 5, 2)),
        "free, no bias": free(graphs.mesh(2, 3, 1, bias=False)),
        "no bias": graphs.mesh(2, 4, 3, bias=False),
        "no hidden": graphs.mesh(3, 0, 2),
        "one hidden": graphs.cascade(2, 1, 1),
        "layered": graphs.layered(4, [3, 2], 3),
        "sparse": graphs.random(3, 8, 2, 0.5, generator=generator),
    }


def net(
    topology: Topology,
    *,
    ticks: int = 4,
    hidden: Activation | str = "relu",
    output: Activation | str = "identity",
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> MeshNet:
    """A net whose biases are not zero."""
    weight = torch.randn(topology.edges, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) / 2
    return MeshNet(topology, ticks, hidden=hidden, output=output, weight=weight, dtype=dtype)


def scalings(one: MeshNet) -> dict[str, Any]:
    """Scaling of inputs and outputs, in float64 whatever the net is in."""
    generator = torch.Generator().manual_seed(1)
    sizes = {"inputs": one.topology.features, "outputs": one.topology.outputs}
    draws = {role: torch.rand(2, size, generator=generator, dtype=torch.float64) + 0.5 for role, size in sizes.items()}
    return {role: Standardise(draw[0], draw[1]) for role, draw in draws.items()}


def data(one: MeshNet, examples: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(examples, one.topology.features, generator=generator, dtype=torch.float64).to(one.weight.dtype)


def scaled(one: MeshNet, x: torch.Tensor, inputs: Standardise, outputs: Standardise) -> torch.Tensor:
    """What the net says with scaling before and after, by its definition."""
    dtype = one.weight.dtype
    x = (x - inputs.shift.to(dtype)) / inputs.scale.to(dtype)
    return (one(x) * outputs.scale.to(dtype) + outputs.shift.to(dtype)).detach()


def assert_near(found: np.ndarray | torch.Tensor, expected: torch.Tensor) -> None:
    """Equal to rounding, relative to the largest output, or to 1, about the size of what it is a sum of."""
    expected = expected.detach()
    values = torch.as_tensor(found)
    assert values.shape == expected.shape
    assert values.dtype == expected.dtype
    assert (values - expected).abs().max() <= NEAR[expected.dtype] * max(1, expected.abs().max().item())


def kinds() -> Iterator[tuple[str, Topology, str, str]]:
    """Every topology with a pair of activations, so that each activation is met in both places."""
    for k, (name, topology) in enumerate(topologies().items()):
        yield name, topology, NAMES[k % len(NAMES)], NAMES[(2 * k + 1) % len(NAMES)]
