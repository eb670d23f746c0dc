"""First weights have the spread that is promised."""

import math

import torch

from onward import graphs
from onward.nets import initialise


def test_fan_in_scales_with_what_arrives_and_leaves_biases_at_zero(generator: torch.Generator) -> None:
    topology = graphs.layered(50, [100], 400)
    weight = initialise.fan_in(topology, generator)
    blocks = topology.blocks
    assert (weight[blocks["bias-hidden"]] == 0).all()
    assert (weight[blocks["bias-output"]] == 0).all()
    assert abs(weight[blocks["input-hidden"]].std().item() / math.sqrt(2 / 50) - 1) < 0.05
    assert abs(weight[blocks["hidden-output"]].std().item() / math.sqrt(2 / 100) - 1) < 0.05


def test_uniform_fills_its_range(generator: torch.Generator) -> None:
    weight = initialise.uniform(graphs.mesh(10, 40, 10), generator, low=-1.0, high=3.0)
    assert -1 <= weight.min() < -0.95
    assert 2.95 < weight.max() < 3
