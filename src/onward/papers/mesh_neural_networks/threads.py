"""What a second thread gives the influence engine: parts on threads of their own, and PyTorch's threads inside each product.

Edges and examples have nothing to do with each other, so the derivative can be carried in parts without a word between them; whether that is
faster depends on how much there is to carry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median

import torch
from torch import Tensor

from onward import graphs
from onward.experiments.result import Result
from onward.experiments.rounding import to_three
from onward.experiments.spec import Experiment, Outcome, Progress
from onward.experiments.statistics import Mean, mean, values
from onward.experiments.turns import Turns, about, alone, timed
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.reports.artefact import Artefact, Element, Results, Table, Text

FEATURES, OUTPUTS, TICKS, DENSITY = 32, 10, 5, 0.15
HIDDEN = (10, 50, 150)
BATCHES = (1, 8, 32, 128)
SEEDS = 3
EQUAL = 1e-12  # of the largest entry, which parts may make a gradient differ by in float64
# Threads that carry parts, and threads of PyTorch inside each product.
WAYS = {"one": (1, 1), "parts": (2, 1), "inside": (1, 2)}
TURNS = Turns(7, steps=1, seconds=0.25)


def measure(seeds: Sequence[int], progress: Progress, *, hidden: int, batch: int, turns: Turns) -> list[Outcome]:
    """Time a gradient by one thread, by parts on two, and by two threads inside each product, in turns.

    Metrics: `<way>_seconds` (median over the turns), `parts_speedup` and `inside_speedup` over one thread (medians over the turns),
    `difference` (largest, of the gradient made in parts, relative to the largest entry, in float64), `edges`. History: seconds by way and turn.

    Args:
        seeds: of graph, weights and data.
        progress: told the part that is done.
        hidden: neurons.
        batch: examples.
        turns: how many, and how long.
    """
    found = []
    with alone(1):
        for number, seed in enumerate(seeds):
            found.append(_one(seed, hidden, batch, turns))
            progress((number + 1) / len(seeds))
    return found


def _one(seed: int, hidden: int, batch: int, turns: Turns) -> Outcome:
    generator = torch.Generator().manual_seed(seed)
    topology = graphs.random(FEATURES, hidden, OUTPUTS, DENSITY, generator=generator)
    net = MeshNet(topology, TICKS, generator=generator)
    x = torch.randn(batch, FEATURES, generator=generator)
    y = torch.randint(OUTPUTS, (batch,), generator=generator)
    steps = {way: partial(_gradient, _learner(net, parts), x, y) for way, (parts, _) in WAYS.items()}
    counts: dict[str, int] = {}
    times: dict[str, list[float | int]] = {way: [] for way in WAYS}
    for turn in range(turns.rounds + 1):
        for way, step in steps.items():
            torch.set_num_threads(WAYS[way][1])
            if turn:
                times[way].append(timed(step, counts[way]))
            else:  # which plans, starts threads, and sees how long a gradient takes
                step()
                counts[way] = turns.count(about(step))
    torch.set_num_threads(1)
    metrics = {f"{way}_seconds": median(each) for way, each in times.items()}
    for way in ("parts", "inside"):
        metrics[f"{way}_speedup"] = median(one / two for one, two in zip(times["one"], times[way], strict=True))
    return Outcome({**metrics, "difference": _difference(net, x, y), "edges": topology.edges}, times)


def _learner(net: MeshNet, threads: int) -> ForwardOnly:
    return ForwardOnly(net, engine="influence").within(None, threads=threads)


def _gradient(learner: ForwardOnly, x: Tensor, y: Tensor) -> Tensor:
    (credit,) = learner.credit(x, y)
    return credit.gradients["net.weight"]


def _difference(net: MeshNet, x: Tensor, y: Tensor) -> float:
    double = net.with_weight(net.weight.detach().double())
    whole, cut = (_gradient(_learner(double, threads), x.double(), y) for threads in (1, 2))
    return float((whole - cut).abs().max() / whole.abs().max())


def experiment(hidden: int, batch: int) -> Experiment:
    """One net and batch."""
    trial = partial(measure, hidden=hidden, batch=batch, turns=TURNS)
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
            to_three(1e3 * mean(values(ours, "one_seconds")).value),
            *(_times(mean(values(ours, f"{way}_speedup"))) for way in ("parts", "inside")),
            _times(_beside_inside(ours)),
            f"{len(ours)}",
        ]
        for (hidden, batch), ours in found.items()
    ]
    header = ["hidden neurons", "edges", "batch", "one thread, ms"]
    header += ["parts on two threads", "two threads inside products", "parts beside inside", "seeds"]
    return [
        Text(
            f"The influence engine on random meshes of {FEATURES} features and {OUTPUTS} outputs, density {DENSITY:g}, {TICKS} ticks, ReLU, float32. *Parts* are "
            "halves of the batch, or of the edges where there is one example, each carried by a thread of its own; *inside* is one part with PyTorch's "
            f"two threads in each product. Threads are started once and kept. Times the speed of one thread, and in the column before the last of two threads inside products: medians of the ratios of {TURNS.rounds} turns of about {TURNS.seconds:g} seconds within one run, mean ± 95 % over the seeds."
        ),
        Table("What a second thread gives.", header, rows),
        *(Text(sentence) for sentence in verdicts(found)),
    ]


def _times(found: Mean) -> str:
    return f"{found.value:.2f} ± {found.half:.2f}" if found.n > 1 else f"{found.value:.2f}"


def verdicts(found: Mapping[tuple[int, int], Sequence[Result]]) -> list[str]:
    """Say where parts on two threads are faster than one thread by the whole interval, and whether both give the same gradient."""
    if not found:
        return []
    beside_one = {key: mean(values(ours, "parts_speedup")) for key, ours in found.items()}
    beside_inside = {key: _beside_inside(ours) for key, ours in found.items()}
    apart = {key: max(values(ours, "difference")) for key, ours in found.items()}
    beyond = [f"{hidden} hidden neurons at batch {batch}" for (hidden, batch), ours in found.items() if not _equal(ours)]
    equal = f"**not reached** on {', '.join(beyond)}" if beyond else "reached in every run"
    return [
        f"Parts on two threads against one thread, by the intervals: {_sorted(beside_one)}.",
        f"Parts on two threads against two threads inside products, by the intervals: {_sorted(beside_inside)}.",
        f"*Equal in float64 within {EQUAL:g} of the largest entry*: {equal}; the most is {max(apart.values()):.1e}.",
    ]


def _beside_inside(ours: Sequence[Result]) -> Mean:
    """Give how many times as fast parts are as threads inside products, turn by turn."""
    turns = [zip(one.history["inside"], one.history["parts"], strict=True) for one in ours]
    return mean([median(inside / parts for inside, parts in each) for each in turns])


def _sorted(gains: Mapping[tuple[int, int], Mean]) -> str:
    """Say for which nets and batches there is a gain by the whole interval, for which a loss, and for which neither can be told."""
    groups: dict[str, list[str]] = {"faster": [], "slower": [], "not told apart": []}
    for (hidden, batch), gain in gains.items():
        if gain.n > 1:
            kind = "faster" if gain.value - gain.half > 1 else "slower" if gain.value + gain.half < 1 else "not told apart"
            groups[kind].append(f"{hidden} hidden neurons at batch {batch}")
    told = [f"{kind}: {', '.join(cases)}" for kind, cases in groups.items() if cases]
    return "; ".join(told) or "one seed says nothing"


def _equal(ours: Sequence[Result]) -> bool:
    return all(value <= EQUAL for value in values(ours, "difference"))


ARTEFACT = Artefact(
    "threads",
    "The influence engine on two threads",
    "Mesh Neural Networks, section 3.2 (not in the paper)",
    tuple(EXPERIMENTS.values()),
    render,
)
