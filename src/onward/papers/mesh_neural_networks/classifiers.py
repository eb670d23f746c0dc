"""The nets that are put behind the features of Table 2: randomly pruned meshes, perceptrons of as many connections, a linear classifier.

A function here makes the learner of several seeds at once. Meshes that are pruned each in its own way are laid on the unpruned
one (`nets.side_by_side`): exact, and dense products cost the same. Axes: e edges; nets are seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from onward import graphs
from onward.kernels import reach
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_only import ForwardOnly
from onward.learners.masked import Masked
from onward.nets.mesh import MeshNet
from onward.nets.side_by_side import part_of, within
from onward.topology import Topology

FEATURES, HIDDEN, OUTPUTS = 32, 50, 10
Density = float | Mapping[str, float]


def pruned(seed: int, *, density: Density, ticks: int, features: int, hidden: int, outputs: int) -> MeshNet:
    """Draw a graph, pruned at random per block, and first weights for it: the seed decides both."""
    generator = torch.Generator().manual_seed(seed)
    topology = graphs.random(features, hidden, outputs, density, generator=generator)
    return MeshNet(topology, ticks, generator=generator)


def unpruned(features: int = FEATURES, hidden: int = HIDDEN, outputs: int = OUTPUTS) -> Topology:
    """The mesh before pruning: the four blocks of Figure 8, and biases."""
    return graphs.random(features, hidden, outputs, 1.0, generator=torch.Generator())


def meshes(
    seeds: Sequence[int],
    *,
    density: float,
    ticks: int,
    features: int = FEATURES,
    hidden: int = HIDDEN,
    outputs: int = OUTPUTS,
) -> Masked:
    """Meshes that learn forward-only, a graph of its own for every seed, in one computation."""
    shape = {"features": features, "hidden": hidden, "outputs": outputs}
    nets = [pruned(seed, density=density, ticks=ticks, **shape) for seed in seeds]
    stack, edges = within(unpruned(**shape), nets)
    return Masked(ForwardOnly(stack), edges)


def mesh(
    seeds: Sequence[int],
    *,
    density: Density,
    ticks: int,
    features: int = FEATURES,
    hidden: int = HIDDEN,
    outputs: int = OUTPUTS,
) -> ForwardOnly:
    """One mesh that learns forward-only on its own edges alone: for solvers and engines that gain by their being few.

    Raises:
        ValueError: more than one seed.
    """
    if len(seeds) != 1:
        raise ValueError(f"meshes of different graphs are trained one at a time here, got {len(seeds)} seeds")
    shape = {"features": features, "hidden": hidden, "outputs": outputs}
    return ForwardOnly(MeshNet.stack([pruned(seeds[0], density=density, ticks=ticks, **shape)]))


def perceptrons(
    seeds: Sequence[int], *, widths: Sequence[int], features: int = FEATURES, outputs: int = OUTPUTS
) -> Backprop:
    """Perceptrons that are taught by backpropagation; without hidden layers, linear classifiers."""
    topology = graphs.layered(features, widths, outputs)
    nets = [MeshNet(topology, len(widths) + 1, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return Backprop(MeshNet.stack(nets))


def connections(features: int, widths: Sequence[int], outputs: int) -> int:
    """Count the weights and biases of a perceptron (section 4.2)."""
    return sum((before + 1) * after for before, after in pairwise([features, *widths, outputs]))


def equal(edges: int, layers: int, features: int = FEATURES, outputs: int = OUTPUTS) -> tuple[int, ...]:
    """Give the widths, equal or the first one larger by one, of the perceptron whose connections are nearest to a number."""
    candidates = [
        tuple(width + (k < wider) for k in range(layers))
        for width in range(1, edges // features + 2)
        for wider in range(layers)
    ]
    return min(candidates, key=lambda widths: abs(connections(features, widths, outputs) - edges))


def densities(edges: int, blocks: Sequence[str], *, features: int, hidden: int, outputs: int) -> dict[str, float]:
    """Give the density of each block of a mesh that is to have so many edges, biases among them: one for some blocks, and 1 for hidden-output.

    Every hidden neuron feeds every output, so that none is for nothing.

    Args:
        edges: of the whole mesh; as each block keeps a whole number, it may have one more or less a block.
        blocks: the others that it has.
        features: inputs without the bias.
        hidden: hidden neurons.
        outputs: output neurons.

    Raises:
        ValueError: fewer edges than the biases and hidden-output have, or more than there can be.
    """
    count = {"input": features, "hidden": hidden, "output": outputs}
    size = sum(prod(count[end] for end in block.split("-")) for block in blocks)
    always = hidden + outputs + hidden * outputs
    if not always <= edges <= always + size:
        raise ValueError(
            f"biases and hidden-output are never pruned, so a mesh has {always} to {always + size} edges, got {edges}"
        )
    return dict.fromkeys(blocks, (edges - always) / size) | {"hidden-output": 1.0}


def counted(learner: AbstractLearner, seeds: Sequence[int]) -> dict[str, Tensor]:
    """Count the connections of trained nets, and those that can influence an output within the ticks."""
    rule = learner.rule if isinstance(learner, Masked) else learner
    net = getattr(rule, "net", None)
    assert isinstance(net, MeshNet)  # noqa: S101
    whole = net.topology
    kept = [part_of(whole, edges) for edges in learner.edges] if isinstance(learner, Masked) else [whole] * len(seeds)
    live = [int(reach.live(graph, net.ticks, silent_at_zero=net.activation.silent_at_zero).sum()) for graph in kept]
    return {"connections": torch.tensor([graph.edges for graph in kept]), "live": torch.tensor(live)}


def largest(weight: Float[Tensor, "nets e"], topology: Topology, count: int) -> Bool[Tensor, "nets e"]:
    """Choose, for every net, all edges of the bias and the other edges of largest size, so many in all.

    Raises:
        ValueError: fewer than there are edges of the bias, or more than there are edges.
    """
    from_bias = torch.from_numpy((topology.source == topology.inputs - 1) & topology.bias)
    others = count - int(from_bias.sum())
    if not 0 <= others <= int((~from_bias).sum()):
        raise ValueError(
            f"biases are never pruned, so {int(from_bias.sum())} to {topology.edges} edges can be kept, got {count}"
        )
    size = weight.detach().abs().masked_fill(from_bias, -1)
    kept = from_bias.expand_as(size).clone()
    return kept.scatter_(-1, size.topk(others).indices, True)
