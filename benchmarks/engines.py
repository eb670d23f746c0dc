"""Whether the plan takes the quicker of the engines *factored* and *sparse*: random meshes of many sizes and densities, each timed by both.

    python benchmarks/engines.py [--threads 1] [--seconds 0.5]

What the plan compares engines by (`SLOWER`, `STARTING`, `ENTRY` of `onward.kernels.plan`) was fitted to such times. Printed are milliseconds of a gradient (the least of
those that fit into some seconds, so that what else the machine does counts little), which engine the plan takes, and how many times as long as the other it takes where
that is quicker. About a minute and a half.
"""

from __future__ import annotations

import argparse
import time

import torch

from onward import ForwardOnly, MeshNet, graphs, plan
from onward.experiments.result import environment
from onward.experiments.statistics import geometric

ENGINES = ("factored", "sparse")
MESHES = (
    (50, 0.15), (200, 0.15), (200, 0.05), (500, 0.05), (500, 0.02), (1000, 0.15), (1000, 0.05), (1000, 0.02), (1000, 0.01), (2000, 0.005),
)  # fmt: skip
TICKS, BATCHES = (3, 5), (8, 32)
FEATURES, OUTPUTS = 32, 10
MOST = {"factored": 4e10, "sparse": 3e9}  # FLOPs of a gradient


def main() -> None:
    """Time every mesh, and print what the plan makes of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    parser.add_argument("--seconds", type=float, default=0.5, help="that each engine is timed for")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    made = environment()
    print(f"{made['processor']}, torch {made['torch']}, {asked.threads} threads")
    print("hidden density ticks batch   factored      sparse   taken      times the quicker")
    slower = []
    for hidden, density in MESHES:
        for ticks in TICKS:
            for batch in BATCHES:
                found = timed(hidden, density, ticks, batch, asked.seconds)
                if found is None:
                    continue
                taken, times = found
                slower.append(times[taken] / min(times.values()))
                shown = "".join(f"{1e3 * times[engine]:9.2f} ms" for engine in ENGINES)
                print(f"{hidden:6} {density:7} {ticks:5} {batch:5}{shown}   {taken:10} {slower[-1]:.2f}")
    missed = sum(one > 1 for one in slower)
    print(
        f"of {len(slower)}, {missed} by the slower engine; geometric mean {geometric(slower)[0]:.3f}, at most {max(slower):.2f} times the quicker"
    )


def timed(hidden: int, density: float, ticks: int, batch: int, seconds: float) -> tuple[str, dict[str, float]] | None:
    """Give the engine that the plan takes, and the seconds of a gradient by each; None where one of them would take too long."""
    drawn = torch.Generator().manual_seed(0)
    topology = graphs.random(FEATURES, hidden, OUTPUTS, density, generator=drawn)
    planned = plan(topology, ticks, batch, static=True)
    if any(planned.costs[engine].flops > most for engine, most in MOST.items()):
        return None
    net = MeshNet(topology, ticks, generator=drawn)
    x, y = torch.randn(batch, FEATURES, generator=drawn), torch.randint(OUTPUTS, (batch,), generator=drawn)
    times = {engine: quickest(ForwardOnly(net, engine=engine), x, y, seconds) for engine in ENGINES}
    return min(ENGINES, key=planned.work), times


def quickest(learner: ForwardOnly, x: torch.Tensor, y: torch.Tensor, seconds: float) -> float:
    """Give the least seconds of a gradient, which has been made once before."""
    next(learner.credit(x, y))
    begun, least = time.perf_counter(), float("inf")
    while time.perf_counter() - begun < seconds:
        start = time.perf_counter()
        next(learner.credit(x, y))
        least = min(least, time.perf_counter() - start)
    return least


if __name__ == "__main__":
    main()
