"""One gradient of a batch: both engines beside backpropagation through the ticks and the published N x N x N tensor.

    python benchmarks/engines.py [--rounds 20]

All methods take turns in blocks of steps within one run, with one thread setting; the table gives the median time of a
step and its ratio to backpropagation's. Floating-point operations are counted by the plan and printed beside the times.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch

from onward import graphs
from onward.experiments.result import environment
from onward.kernels.activations import relu
from onward.kernels.losses import cross_entropy
from onward.kernels.plan import plan
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks import published
from onward.topology import Topology

BLOCK = 50  # steps a turn; the published formulation, which is much slower, takes one


def cases() -> dict[str, tuple[Topology, int, int]]:
    """Name, topology, ticks and batch of each net."""
    generator = torch.Generator().manual_seed(0)
    return {
        "2-D problems, 10 neurons": (graphs.mesh(2, 5, 2), 3, 10),
        "Iris, 18 neurons": (graphs.mesh(4, 10, 3), 3, 10),
        "MNIST features, 93 neurons, 798 edges": (graphs.random(32, 50, 10, 0.15, generator=generator), 3, 32),
        "MNIST features, 93 neurons, unpruned": (graphs.random(32, 50, 10, 1.0, generator=generator), 3, 32),
    }


def methods(topology: Topology, ticks: int, batch: int) -> dict[str, Callable[[], object]]:
    """A step of each method on the same weights and data."""
    net = MeshNet(topology, ticks, output="relu", generator=torch.Generator().manual_seed(1))
    x = torch.randn(batch, topology.features, generator=torch.Generator().manual_seed(2))
    y = torch.randint(topology.outputs, (batch,), generator=torch.Generator().manual_seed(3))
    a = torch.tensor(topology.adjacency(net.weight))
    inputs = torch.cat([x, x.new_ones(batch, topology.bias)], dim=1).expand(ticks, -1, -1)

    def as_published() -> None:
        state, derivative = published.algorithm_1(a, inputs, relu)
        _, error = cross_entropy(state[:, -topology.outputs :], y)
        published.gradient(derivative, error)

    learners = {
        "backprop through the ticks": Backprop(net),
        "factored": ForwardOnly(net, engine="factored"),
        "influence": ForwardOnly(net, engine="influence"),
    }
    steps: dict[str, Callable[[], object]] = {
        name: lambda learner=learner: next(learner.credit(x, y)) for name, learner in learners.items()
    }
    return {**steps, "as published (N x N x N)": as_published}


def measure(step: Callable[[], object], count: int) -> float:
    """Seconds a step, over a block of steps."""
    began = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - began) / count


def main() -> None:
    """Measure every case and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="turns of every method")
    rounds = parser.parse_args().rounds
    made = environment()
    print(f"{made['processor']}, {made['cores']} cores, {made['threads']} threads, torch {made['torch']}; {rounds} rounds")
    for name, (topology, ticks, batch) in cases().items():
        steps = methods(topology, ticks, batch)
        times: dict[str, list[float]] = {method: [] for method in steps}
        for turn in range(rounds + 1):
            for method, step in steps.items():
                slow = method.startswith("as published")
                if slow and turn > 3:
                    continue
                taken = measure(step, 1 if slow else BLOCK)
                if turn:  # the first turn warms up
                    times[method].append(taken)
        counted = plan(topology, ticks, batch)
        costs = {**counted.costs, **counted.others}
        base = median(times["backprop through the ticks"])
        print(f"\n{name}, {ticks} ticks, batch {batch}")
        print(f"  {'':28}{'us a step':>12}{'x backprop':>12}{'MFLOP':>10}")
        for method, taken in times.items():
            middle = median(taken)
            print(f"  {method:28}{middle * 1e6:12.0f}{middle / base:12.2f}{costs[method].flops / 1e6:10.2f}")


if __name__ == "__main__":
    main()
