"""One step of training: Mono-Forward beside backpropagation, as one writes it first and as well as PyTorch allows.

    python benchmarks/steps.py [--case NAME ...] [--rounds 5] [--products float32] [--threads 1] [--to FILE.json]

Ways take turns in blocks of at least 50 steps (fewer where a step takes seconds) within one run and one thread setting; the table gives
the median over the rounds of the seconds a step, and ratios of turns that stood side by side. Multiply-adds and bytes are counted
beside the times: what arithmetic allows is the ratio of the first. The best backpropagation is the faster of two: fused Adam, and the
same with the net compiled. With several threads Mono-Forward is also run with its blocks in parallel, one thread each.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import torch
from rich.progress import Progress, TaskID
from torch import Tensor
from torch.nn import functional

from onward.experiments.result import environment
from onward.learners.backprop import Backprop
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import cnn, mlp
from onward.nets.layered import LayeredNet
from onward.pipeline.measuring import measured
from onward.pipeline.partition import balanced
from onward.pipeline.threads import fit_in_threads
from onward.training.allocator import keep_freed_memory
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe
from onward.training.step_cost import step_cost
from onward.training.steps import GradientSteps

SECONDS = 4.0  # a turn lasts at least 50 steps, or so long if a step takes more than a twelfth of a second
STEPS = 50
ADAM = partial(torch.optim.Adam, lr=0.0001, fused=True)


@dataclass(frozen=True)
class Case:
    """A net and a batch, and what the paper printed for backpropagation over Mono-Forward, if anything."""

    net: Callable[[], LayeredNet]
    batch: int
    printed: float | None = None


def _mlp(features: int, widths: tuple[int, ...]) -> Callable[[], LayeredNet]:
    return partial(mlp, features, widths, 10, bias=False, generator=torch.Generator().manual_seed(1))


CASES = {
    "mnist 2x1000, batch 128": Case(_mlp(784, (1000,) * 2), 128, 2.28),
    "mnist 2x1000, batch 1024": Case(_mlp(784, (1000,) * 2), 1024, 2.28),
    "mnist 2x1000, full batch": Case(_mlp(784, (1000,) * 2), 60_000, 1.57),
    "cifar-10 3x2000, batch 128": Case(_mlp(3072, (2000,) * 3), 128, 3.33),
    "cifar-10 3x2000, batch 1024": Case(_mlp(3072, (2000,) * 3), 1024, 3.33),
    "cifar-10 3x2000, full batch": Case(_mlp(3072, (2000,) * 3), 50_000, 1.57),
    "mnist 8x1000, batch 128": Case(_mlp(784, (1000,) * 8), 128),
    "mnist 8x1000, batch 1024": Case(_mlp(784, (1000,) * 8), 1024),
    "cifar-10 cnn, batch 128": Case(partial(cnn, (3, 32, 32), 10, generator=torch.Generator().manual_seed(1)), 128),
}


def ways(case: Case, products: torch.dtype | None, threads: int) -> dict[str, Callable[[int], None]]:
    """What takes so many steps, for each way; all on the same batch, of the same first weights."""
    drawn = torch.Generator().manual_seed(2)
    net = case.net()
    x = torch.randn(case.batch, *net.shapes[0], generator=drawn)
    y = torch.randint(net.outputs, (case.batch,), generator=drawn)
    recipe = Recipe(ADAM, 1, batch=case.batch, shuffle=False, products=products)
    found = {
        "BP, as written first": _written(case.net(), torch.optim.Adam, x, y, recipe),
        "BP, fused": _written(case.net(), torch.optim.Adam, x, y, recipe, fused=True),
        "BP, fused and compiled": _written(case.net(), torch.optim.Adam, x, y, recipe, fused=True, compiled=True),
        "Mono-Forward": _stepped(MonoForward(case.net()), x, y, recipe),
    }
    if threads > 1 and len(net.blocks) >= threads:
        found["Mono-Forward, blocks in parallel"] = _in_threads(MonoForward(case.net()), x, y, recipe, threads)
    return found


def _written(
    net: LayeredNet, kind: type[torch.optim.Adam], x: Tensor, y: Tensor, recipe: Recipe, *, fused: bool | None = None,
    compiled: bool = False,
) -> Callable[[int], None]:  # fmt: skip
    optimiser = kind(net.parameters(), lr=0.0001, fused=fused)
    plain = torch.nn.Sequential(*net.blocks.children(), net.get_submodule("head"))  # what checks its inputs is not compiled

    def loss(x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(plain(x), y)

    ready = torch.compile(loss) if compiled else loss

    def steps(count: int) -> None:
        for _ in range(count):
            optimiser.zero_grad()
            with recipe.autocast(x.device):
                value = ready(x, y)
            value.backward()
            optimiser.step()

    return steps


def _stepped(learner: MonoForward, x: Tensor, y: Tensor, recipe: Recipe) -> Callable[[int], None]:
    steps = GradientSteps(learner.train(), ADAM, None, ())

    def run(count: int) -> None:
        for _ in range(count):
            with recipe.autocast(x.device):
                steps.step(x, y, None)

    return run


def _in_threads(learner: MonoForward, x: Tensor, y: Tensor, recipe: Recipe, threads: int) -> Callable[[int], None]:
    """An epoch of a data set of so many views of one batch; it is fed as data are, and all of it counts."""
    partition = balanced(measured(learner, recipe, x, y), threads)

    def run(count: int) -> None:
        many = Split(x.expand(count, *x.shape).reshape(-1, *x.shape[1:]), y.repeat(count))
        data = Dataset("noise", many, many)
        for _ in fit_in_threads(learner, data, recipe, generator=torch.Generator(), partition=partition):
            pass

    return run


def turns(
    ready: dict[str, Callable[[int], None]], rounds: int, tell: Callable[[float], None]
) -> Iterator[dict[str, float]]:
    """Give the seconds a step of every way, round after round."""
    counts = {}
    for name, run in ready.items():
        run(2)
        began = time.perf_counter()
        run(3)
        counts[name] = max(3, min(STEPS, round(SECONDS * 3 / (time.perf_counter() - began))))
    least = min(counts.values())
    for number in range(rounds):
        found = {}
        for k, (name, run) in enumerate(ready.items()):
            began = time.perf_counter()
            run(least)
            found[name] = (time.perf_counter() - began) / least
            tell((number + (k + 1) / len(ready)) / rounds)
        yield found


def main() -> None:
    """Measure, print, and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="*", default=[name for name in CASES if "full" not in name], choices=list(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--products", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    kept = keep_freed_memory()
    products = None if given.products == "float32" else torch.bfloat16
    stored = {
        "environment": environment(),
        "threads": given.threads,
        "products": given.products,
        "keeps memory": kept,
        "cases": {},
    }
    with Progress() as bar:
        for name in given.case:
            tell = partial(_tell, bar, bar.add_task(name, total=1.0))
            found = list(turns(ways(CASES[name], products, given.threads), given.rounds, tell))
            stored["cases"][name] = shown(name, found, products)
            if given.to:
                given.to.parent.mkdir(parents=True, exist_ok=True)
                given.to.write_text(json.dumps(stored, indent=1) + "\n")


def _tell(bar: Progress, task: TaskID, part: float) -> None:
    bar.update(task, completed=part)


def shown(name: str, found: list[dict[str, float]], products: torch.dtype | None) -> dict[str, object]:
    """Print a case, and give what is stored of it."""
    case, net = CASES[name], CASES[name].net()
    recipe = Recipe(ADAM, 1, products=products)
    costs = {
        rule.__name__: step_cost(rule(net), recipe, net.shapes[0], case.batch, net.outputs)
        for rule in (Backprop, MonoForward)
    }
    work = {key: cost.products[-1] for key, cost in costs.items()}
    best = min((way for way in found[0] if way.startswith("BP, fused")), key=lambda way: median(one[way] for one in found))
    first = "BP, as written first"
    print(f"\n{name}: multiply-adds BP / Mono-Forward {work['Backprop'] / work['MonoForward']:.2f}, best BP: {best}")
    for way in found[0]:
        seconds = median(one[way] for one in found)
        ratios = [median(one[rival] / one[way] for one in found) for rival in (best, first)]
        rate = 2e-9 * work["MonoForward" if way.startswith("Mono") else "Backprop"] / seconds
        spread = sorted(one[best] / one[way] for one in found)
        print(
            f"  {way:34} {1e3 * seconds:10.2f} ms  best BP / it {ratios[0]:.2f} ({spread[0]:.2f} to {spread[-1]:.2f})  "
            f"first BP / it {ratios[1]:.2f}  {rate:6.1f} GFLOP/s"
        )
    if case.printed is not None:
        print(f"  the paper prints {case.printed:.2f}")
    return {
        "turns": found,
        "best": best,
        "multiply-adds": work,
        "peak bytes": {key: cost.peak for key, cost in costs.items()},
        "printed": case.printed,
    }


if __name__ == "__main__":
    main()
