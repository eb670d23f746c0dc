"""The paper's sentences about ticks, put to the test: training and testing with different numbers of them.

"It is not a sensitive parameter", it says of the number of ticks, and "recurrent connections are adequately weakened". So:
accuracy and the size of recurrent weights against the ticks that a net was trained with, and the accuracy of the same
net when it is run for another number.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from onward import graphs
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, paired, values, wider
from onward.experiments.trials import train
from onward.learners.base import AbstractLearner
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks.recipes import sound
from onward.papers.mesh_neural_networks.words import ACCURACY
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes
from onward.topology import Topology
from onward.training import datasets
from onward.training.data import stack
from onward.training.metrics import accuracy

TICKS = (1, 2, 3, 5, 8, 12)
PAPER = 3
SEEDS = 10
SHAPES = {"spirals": (2, 10, 2), "iris": (4, 10, 3)}  # features, hidden, outputs
DATA = {"spirals": datasets.spirals, "iris": datasets.iris}
TITLES = {"spirals": "the spirals", "iris": "Iris"}


def measure(learner: AbstractLearner, seeds: Sequence[int], *, problem: str) -> dict[str, Tensor]:
    """Accuracy of the trained nets when run for other numbers of ticks, and the sizes of their weights by kind."""
    weight = dict(learner.named_parameters())["net.weight"].detach()
    features, hidden, outputs = SHAPES[problem]
    topology = graphs.mesh(features, hidden, outputs)
    test = stack([DATA[problem](seed) for seed in seeds]).test
    found = {}
    for ticks in TICKS:
        net = MeshNet(topology, ticks, weight=weight)
        found[f"test_accuracy_at_{ticks}"] = accuracy(net(test.x).detach(), test.y)
    recurrent = torch.from_numpy(np.isin(np.arange(topology.edges), recurrent_edges(topology)))
    found["recurrent_weight"] = weight[:, recurrent].abs().mean(1).double()
    found["forward_weight"] = weight[:, ~recurrent].abs().mean(1).double()
    return found


def recurrent_edges(topology: Topology) -> np.ndarray:
    """The edges that a feed-forward net of one hidden layer does not have: among hidden neurons, and out of outputs."""
    blocks = topology.blocks
    return np.concatenate([blocks[name] for name in ("hidden-hidden", "output-hidden", "output-output")])


def experiment(problem: str, ticks: int) -> Experiment:
    """A full ReLU mesh of ten hidden neurons, trained with some number of ticks."""
    trial = partial(
        train,
        data=DATA[problem],
        net=partial(MeshNet, graphs.mesh(*SHAPES[problem]), ticks),
        rule=ForwardOnly,
        recipes=sound(epochs=300, batch=32),
        also=partial(measure, problem=problem),
    )
    return Experiment(f"mnn/ticks/{problem}/{ticks:02d}", trial, seeds=SEEDS, together=SEEDS)


EXPERIMENTS = {(problem, ticks): experiment(problem, ticks) for problem in SHAPES for ticks in TICKS}


def at_first(problem: str) -> float:
    """Mean size of recurrent weights before training (the same for all edges of a kind but for their fan-in)."""
    topology = graphs.mesh(*SHAPES[problem])
    nets = [MeshNet(topology, PAPER, generator=torch.Generator().manual_seed(k)) for k in range(200)]
    edges = torch.from_numpy(recurrent_edges(topology))
    return float(torch.stack([net.weight.detach()[edges].abs().mean() for net in nets]).mean())


def render(results: Results) -> list[Element]:
    """Show accuracy and recurrent weights against ticks, the cross table, and a verdict from the intervals."""
    found = {key: results[one.name] for key, one in EXPERIMENTS.items()}
    seeds = len(found["spirals", PAPER])
    elements: list[Element] = [
        Text(
            f"A full ReLU mesh of 10 hidden neurons, {seeds} seeds, trained with 1 to {TICKS[-1]} ticks: sound protocol, Adam with "
            f"cosine decay, batches of 32, 300 epochs, one of three rates chosen by validation. *Recurrent* weights are those that a perceptron of one "
            f"hidden layer does not have: among hidden neurons and out of outputs."
        )
    ]
    for problem in SHAPES:
        if not all(found[problem, ticks] for ticks in TICKS):
            continue
        elements += [Text(f"## {TITLES[problem][0].upper()}{TITLES[problem][1:]}"), _table(found, problem)]
        elements += [_cross(found, problem)]
    if all(found.values()):
        elements += [
            Picture("Accuracy, and mean size of recurrent weights, against ticks: mean ± 95 %.", _figure(found)),
            Text("## Verdict"),
            *(Text(sentence) for sentence in verdict(found)),
        ]
    return elements


def _table(found: dict[tuple[str, int], Sequence[Result]], problem: str) -> Table:
    rows = []
    for ticks in TICKS:
        ours = found[problem, ticks]
        against = paired(ours, found[problem, PAPER], ACCURACY)
        ratio = mean([r.metrics["recurrent_weight"] / r.metrics["forward_weight"] for r in ours])
        rows.append(
            [
                f"{ticks}",
                f"{mean(values(ours, ACCURACY))}",
                "" if ticks == PAPER else f"{against.value:+.3f} ± {against.half:.3f}",
                f"{mean(values(ours, 'recurrent_weight'))}",
                f"{ratio}",
            ]
        )
    header = [
        "ticks",
        "test accuracy",
        f"minus {PAPER} ticks, paired",
        "mean recurrent weight",
        "recurrent / forward weight",
    ]
    caption = f"Trained and tested with as many ticks: mean ± 95 %. Recurrent weights start at {at_first(problem):.3f} on average."
    return Table(caption, header, rows)


def _cross(found: dict[tuple[str, int], Sequence[Result]], problem: str) -> Table:
    rows = [
        [f"{trained}", *(f"{mean(values(found[problem, trained], f'test_accuracy_at_{at}')).value:.3f}" for at in TICKS)]
        for trained in TICKS
    ]
    header = ["trained with", *(f"tested with {ticks}" for ticks in TICKS)]
    return Table("Mean test accuracy of nets trained with one number of ticks and run for another.", header, rows)


def _figure(found: dict[tuple[str, int], Sequence[Result]]) -> Figure:
    axes = row_of_axes(2, (9, 3.6))
    for axis, metric, words in zip(
        axes, (ACCURACY, "recurrent_weight"), ("test accuracy", "mean |recurrent weight|"), strict=True
    ):
        arms: dict[str, dict[int, Mean]] = {
            TITLES[problem]: {ticks: mean(values(found[problem, ticks], metric)) for ticks in TICKS} for problem in SHAPES
        }
        figures.draw_means(arms, x="ticks", y=words, axes=axis)
    return figure_of(axes[0])


def verdict(found: dict[tuple[str, int], Sequence[Result]]) -> list[str]:
    """Judge both sentences by intervals alone: those of accuracy are widened for the number of comparisons."""
    sentences = []
    for problem in SHAPES:
        worse, level, better = [], [], []
        others = [ticks for ticks in TICKS if ticks != PAPER]
        for ticks in others:
            against = paired(found[problem, ticks], found[problem, PAPER], ACCURACY)
            half = wider(against, len(others)).half
            group = worse if against.value + half < 0 else better if against.value - half > 0 else level
            group.append(str(ticks))
        told = [
            f"{word} at {', '.join(group)}"
            for word, group in (("worse", worse), ("level within the interval", level), ("better", better))
            if group
        ]
        holds = "does not hold" if worse or better else "is not contradicted"
        sentences.append(
            f"*Not a sensitive parameter* **{holds}** on {TITLES[problem]}: against training with {PAPER} ticks, accuracy is "
            f"{'; '.join(told)} ticks."
        )
        other = mean([r.metrics[f"test_accuracy_at_{PAPER + 2}"] - r.metrics[ACCURACY] for r in found[problem, PAPER]])
        change = f"change their accuracy on {TITLES[problem]} by {other.value:+.3f} ± {other.half:.3f}"
        told = (
            "The number may not be changed after training either"
            if other.value + other.half < 0
            else "A change of the number after training did no harm that could be measured"
        )
        sentences.append(f"{told}: nets trained with {PAPER} ticks and run for {PAPER + 2} {change}.")
        start, weights = at_first(problem), {t: mean(values(found[problem, t], "recurrent_weight")) for t in TICKS if t > 1}
        grown = [f"{t}" for t, w in weights.items() if w.value - w.half > start]
        shrunk = [f"{t}" for t, w in weights.items() if w.value + w.half < start]
        what = "; ".join(
            f"{word} with {', '.join(group)} ticks" for word, group in (("grow", grown), ("shrink", shrunk)) if group
        )
        sentences.append(
            f"Recurrent weights on {TITLES[problem]}, {start:.3f} before training, {what or 'neither grow nor shrink beyond the interval'}"
            + (": training does not weaken them." if grown and not shrunk else ".")
        )
    return sentences


ARTEFACT = Artefact(
    "ticks",
    "Ticks: is their number a sensitive parameter?",
    "Mesh Neural Networks, section 4.1, on the number of ticks",
    tuple(EXPERIMENTS.values()),
    render,
)
