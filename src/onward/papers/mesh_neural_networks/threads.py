"""What a second thread gives the influence engine: parts on threads of their own, and PyTorch's threads inside each product.

Edges and examples have nothing to do with each other, so the derivative can be carried in parts without a word between them; whether that is
faster depends on how much there is to carry.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from statistics import median

import torch
from torch import Tensor

from onward import graphs
from onward.experiments.result import Result
from onward.experiments.spec import Experiment, Outcome, Progress
from onward.experiments.statistics import Mean, mean, values
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.reports.artefact import Artefact, Element, Results, Table, Text

FEATURES, OUTPUTS, TICKS, DENSITY = 32, 10, 5, 0.15
HIDDEN = (10, 50, 150)
BATCHES = (1, 8, 32, 128)
SEEDS = 3
# Threads that carry parts, and threads of PyTorch inside each product.
WAYS = {"one": (1, 1), "parts": (2, 1), "inside": (1, 2)}


def measure(
    seeds: Sequence[int], progress: Progress, *, hidden: int, batch: int, turns: int, seconds: float
) -> list[Outcome]:
    """Time a gradient by one thread, by parts on two, and by two threads inside each product, in turns.

    Metrics: `<way>_seconds` (median over the turns), `parts_speedup` and `inside_speedup` over one thread (medians over the turns),
    `difference` (largest, of the gradient made in parts, relative to the largest entry, in float64). History: seconds by way and turn.

    Args:
        seeds: of graph, weights and data.
        progress: told the part that is done.
        hidden: neurons.
        batch: examples.
        turns: of every way.
        seconds: that a turn lasts, about.
    """
    before = torch.get_num_threads()
    try:
        return [_one(seed, hidden, batch, turns, seconds) for seed in _told(seeds, progress)]
    finally:
        torch.set_num_threads(before)


def _told(seeds: Sequence[int], progress: Progress) -> Iterator[int]:
    for number, seed in enumerate(seeds):
        yield seed
        progress((number + 1) / len(seeds))


def _one(seed: int, hidden: int, batch: int, turns: int, seconds: float) -> Outcome:
    generator = torch.Generator().manual_seed(seed)
    topology = graphs.random(FEATURES, hidden, OUTPUTS, DENSITY, generator=generator)
    net = MeshNet(topology, TICKS, generator=generator)
    x = torch.randn(batch, FEATURES, generator=generator)
    y = torch.randint(OUTPUTS, (batch,), generator=generator)
    learners = {way: ForwardOnly(net, engine="influence").within(None, threads=parts) for way, (parts, _) in WAYS.items()}
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(turns + 1):
        for way, learner in learners.items():
            torch.set_num_threads(WAYS[way][1])
            taken = _seconds(learner, x, y, seconds)
            if turn:  # the first warms up
                times[way].append(taken)
    metrics = {f"{way}_seconds": median(each) for way, each in times.items()}
    for way in ("parts", "inside"):
        metrics[f"{way}_speedup"] = median(one / two for one, two in zip(times["one"], times[way], strict=True))
    return Outcome({**metrics, "difference": _difference(net, x, y), "edges": topology.edges}, {**times})


def _seconds(learner: ForwardOnly, x: Tensor, y: Tensor, seconds: float) -> float:
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        next(learner.credit(x, y))
        count += 1
    return (time.perf_counter() - began) / count


def _difference(net: MeshNet, x: Tensor, y: Tensor) -> float:
    double = net.with_weight(net.weight.detach().double())
    whole, cut = (
        next(ForwardOnly(double, engine="influence").within(None, threads=threads).credit(x.double(), y)).gradients[
            "net.weight"
        ]
        for threads in (1, 2)
    )
    return float((whole - cut).abs().max() / whole.abs().max())


def experiment(hidden: int, batch: int) -> Experiment:
    """One net and batch."""
    trial = partial(measure, hidden=hidden, batch=batch, turns=7, seconds=0.25)
    return Experiment(f"mnn/threads/hidden-{hidden}-batch-{batch}", trial, seeds=SEEDS, together=1)


EXPERIMENTS = {(hidden, batch): experiment(hidden, batch) for hidden in HIDDEN for batch in BATCHES}


def render(results: Results) -> list[Element]:
    """Show what the second thread gives by net and batch, and say from where on it is worth it."""
    found = {key: results[one.name] for key, one in EXPERIMENTS.items() if results[one.name]}
    rows = [
        [
            f"{hidden}",
            f"{ours[0].metrics['edges']:.0f}",
            f"{batch}",
            f"{1e3 * mean(values(ours, 'one_seconds')).value:.3g}",
            *(_times(mean(values(ours, f"{way}_speedup"))) for way in ("parts", "inside")),
        ]
        for (hidden, batch), ours in found.items()
    ]
    header = ["hidden neurons", "edges", "batch", "one thread, ms", "parts on two threads", "two threads inside products"]
    return [
        Text(
            f"The influence engine on random meshes of {FEATURES} features and {OUTPUTS} outputs, density {DENSITY:g}, {TICKS} ticks, ReLU, float32. *Parts* are "
            f"halves of the batch, or of the edges where there is one example, each carried by a thread of its own; *inside* is one part with PyTorch's "
            f"two threads in each product. Times the speed of one thread, in turns within one run, mean ± 95 % over the seeds."
        ),
        Table("What a second thread gives.", header, rows),
        *([Text(verdict(found))] if found else []),
    ]


def _times(found: Mean) -> str:
    return f"{found.value:.2f} ± {found.half:.2f}" if found.n > 1 else f"{found.value:.2f}"


def verdict(found: Mapping[tuple[int, int], Sequence[Result]]) -> str:
    """Say where parts on two threads are faster than one thread by the whole interval, and how far the results are apart."""
    groups: dict[str, list[str]] = {"faster": [], "slower": [], "not told apart": []}
    for (hidden, batch), ours in found.items():
        gain = mean(values(ours, "parts_speedup"))
        if gain.n < 2:
            continue
        kind = "faster" if gain.value - gain.half > 1 else "slower" if gain.value + gain.half < 1 else "not told apart"
        groups[kind].append(f"{hidden} hidden neurons at batch {batch}")
    told = [f"{kind}: {', '.join(cases)}" for kind, cases in groups.items() if cases]
    most = max(value for ours in found.values() for value in values(ours, "difference"))
    return f"Parts on two threads against one thread, by the intervals: {'; '.join(told) or 'one seed says nothing'}. In float64 their gradients differ by at most {most:.1e} of the largest entry."


ARTEFACT = Artefact(
    "threads",
    "The influence engine on two threads",
    "Mesh Neural Networks, section 3.2 (not in the paper)",
    tuple(EXPERIMENTS.values()),
    render,
)
