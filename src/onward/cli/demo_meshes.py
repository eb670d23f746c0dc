"""The demonstration's meshes: two small problems learned forward-only, and what is shown of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from rich.progress import Progress, TaskID
from torch import Tensor

from onward import graphs
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.reports import drawings, figures
from onward.reports.artefact import Element, Picture, Table, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes
from onward.topology import Topology
from onward.training import datasets
from onward.training.data import Dataset
from onward.training.fit import Epoch, Recipe, fit
from onward.training.gradient_check import GradientCheck, check_gradients
from onward.training.metrics import accuracy

TICKS = 3
BEST = -1  # in place of an epoch's number: the one that validation chose


@dataclass(frozen=True)
class Problem:
    """One problem of the demonstration."""

    name: str
    data: Callable[[int], Dataset]
    topology: Topology
    epochs: int
    batch: int
    rate: float
    plane: tuple[int, int]  # the two features that decision regions are drawn over, the others at their mean


@dataclass(frozen=True)
class Trained:
    """What came of a problem."""

    problem: Problem
    data: Dataset
    learner: ForwardOnly
    epochs: list[Epoch]
    snapshots: dict[int, Tensor]  # weights by epoch
    check: GradientCheck
    accuracy: float
    seconds: float


PROBLEMS = (
    Problem("spirals", datasets.spirals, graphs.mesh(2, 10, 2), 400, 32, 0.03, (0, 1)),
    Problem("iris", datasets.iris, graphs.mesh(4, 10, 3), 100, 16, 0.01, (2, 3)),
)


HEADER = ("problem", "neurons", "edges", "test accuracy", "gradient error", "finite differences", "training")


def trained(seed: int, bars: Progress) -> list[Trained]:
    """Train a mesh on every problem, and check its gradients."""
    found = []
    for problem in PROBLEMS:
        bar = bars.add_task(f"{problem.name}, forward-only", total=problem.epochs, says="")

        def tell(epoch: Epoch, bar: TaskID = bar) -> None:
            bars.update(bar, completed=epoch.number, says=_says(epoch))

        found.append(_train(problem, seed, tell))
    return found


def shown(found: Sequence[Trained]) -> list[Element]:
    """Show what came of the meshes, in a table and a section each."""
    said = (
        "Two small nets, each a graph whose neurons all update at once. Their gradients travelled forward with the "
        "state: nothing was differentiated backwards, and no activity of an earlier tick had to be kept for it. "
        "Autograd is used once below, to check."
    )
    words = (
        f"Neurons are inputs (the bias among them), hidden and outputs; {TICKS} ticks. The gradient's error is its "
        f"difference to autograd, and beside it to finite differences, over its norm, in float64 at the trained weights."
    )
    sections = [element for one in found for element in _pages(one)]
    return [Text("## Meshes, forward-only"), Text(said), Table(words, HEADER, rows(found)), *sections]


def rows(found: Sequence[Trained]) -> list[list[str]]:
    """Give a row for every problem, under `HEADER`."""
    return [_row(one) for one in found]


def _train(problem: Problem, seed: int, tell: Callable[[Epoch], None]) -> Trained:
    data = problem.data(seed)
    net = MeshNet(problem.topology, TICKS, generator=torch.Generator().manual_seed(seed))
    learner = ForwardOnly(net)
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=problem.epochs)
    adam = partial(torch.optim.Adam, lr=problem.rate)
    recipe = Recipe(adam, problem.epochs, problem.batch, schedule=decay, patience=problem.epochs)
    snapshots = {0: net.weight.detach().clone()}
    epochs = []
    began = time.perf_counter()
    for epoch in fit(learner, data, recipe, generator=torch.Generator().manual_seed(seed)):
        epochs.append(epoch)
        if epoch.number in (problem.epochs // 40, problem.epochs // 8):
            snapshots[epoch.number] = net.weight.detach().clone()
        tell(epoch)
    seconds = time.perf_counter() - began
    snapshots[BEST] = net.weight.detach().clone()
    right = accuracy(learner.scores(data.test.x), data.test.y).item()
    check = check_gradients(net, (data.test.x, data.test.y))
    return Trained(problem, data, learner, epochs, snapshots, check, right, seconds)


def _row(one: Trained) -> list[str]:
    whole = one.check.blocks[-1]
    topology = one.problem.topology
    shape = f"{topology.inputs} + {topology.hidden} + {topology.outputs}"
    errors = (f"{one.check.error:.0e}", f"{whole.finite_difference:.0e}")
    return [one.problem.name, shape, f"{topology.edges}", f"{one.accuracy:.3f}", *errors, f"{one.seconds:.1f} s"]


def _pages(one: Trained) -> list[Element]:
    weight = one.learner.net.weight.detach()
    named = {"training": [epoch.loss.item() for epoch in one.epochs]}
    named["validation"] = [epoch.validation_loss.item() for epoch in one.epochs if epoch.validation_loss is not None]
    series = {name: ([epoch.number for epoch in one.epochs], [values]) for name, values in named.items()}
    return [
        Text(f"## {one.problem.name.capitalize()}"),
        Picture(
            "What the net says over the plane as it learns, and the test examples"
            + ("" if one.problem.topology.features == 2 else " (petal length and width; the other features at their mean)"),
            _regions(one),
        ),
        Picture("Loss over the epochs.", figures.draw_curves(series, x="epoch", y="cross-entropy", log=True)),
        Picture(
            "The trained mesh: blue edges are positive, red ones negative, strong ones thick.",
            drawings.draw_graph(one.problem.topology, weight),
        ),
        Picture(
            "Its adjacency matrix: inputs (with the bias), hidden and output neurons.",
            drawings.draw_adjacency(one.problem.topology, weight),
        ),
        _check_table(one.check),
    ]


def _regions(one: Trained) -> Figure:
    axes = row_of_axes(len(one.snapshots), (3.1 * len(one.snapshots), 3.2))
    test, plane = one.data.test, list(one.problem.plane)
    for axis, (number, weight) in zip(axes, one.snapshots.items(), strict=True):
        net = one.learner.net.with_weight(weight)

        def scores(points: Tensor, net: MeshNet = net) -> Tensor:
            x = test.x.mean(0).repeat(len(points), 1)
            x[:, plane] = points
            return net(x)

        title = {0: "before training", BEST: "at the best epoch"}.get(number, f"after {number} epochs")
        figures.draw_decision_regions(scores, test.x[:, plane], test.y, axis, title=title)
    return figure_of(axes[0])


def _check_table(check: GradientCheck) -> Table:
    engines = list(check.blocks[-1].errors)
    header = ["block of weights", "edges", "norm", *(f"{engine} - autograd" for engine in engines), "finite differences"]
    rows = []
    for one in check.blocks:
        errors = [f"{error:.0e}" for error in (*(one.errors[engine] for engine in engines), one.finite_difference)]
        rows.append([one.block, f"{one.edges}", f"{one.norm:.2e}", *errors])
    return Table("The gradient at the trained weights, by block of the adjacency matrix.", header, rows)


def _says(epoch: Epoch) -> str:
    accuracy_ = epoch.validation_accuracy
    return f"loss {epoch.loss.item():.4f}" + ("" if accuracy_ is None else f", validation {accuracy_.item():.3f}")
