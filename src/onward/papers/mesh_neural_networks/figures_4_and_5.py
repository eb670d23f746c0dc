"""Figures 4 and 5: decision regions of the synthetic problems, by Adam and Levenberg-Marquardt, under both protocols."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from onward import graphs
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.starts import train_from_starts
from onward.experiments.statistics import mean, values
from onward.experiments.trials import train
from onward.learners.forward_only import ForwardOnly
from onward.nets import initialise
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks import solvers, table_1
from onward.papers.mesh_neural_networks.problems import LIMITS, PROBLEMS
from onward.papers.mesh_neural_networks.recipes import as_published
from onward.papers.mesh_neural_networks.solvers import SEEDS, TICKS
from onward.papers.mesh_neural_networks.words import ACCURACY
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, grid_of_axes
from onward.training.fit import Recipe
from onward.training.second_order import LevenbergMarquardt

HIDDEN = 5
SHOWN = 100  # the seed whose nets are drawn


def published(problem: str, solver: str) -> Experiment:
    """The authors' data, order and first weights; their Adam, or Levenberg-Marquardt on all examples."""
    if (problem, solver) == ("spirals", "adam"):
        return table_1.AS_PUBLISHED[HIDDEN]
    data = PROBLEMS[problem].published
    assert data is not None  # noqa: S101
    topology = graphs.mesh(2, HIDDEN, PROBLEMS[problem].classes)
    net = partial(MeshNet, topology, TICKS, output="relu", initialise=initialise.uniform)
    if solver == "adam":
        trial = partial(train, data=data, net=net, rule=ForwardOnly, recipes=as_published(epochs=1000))
        return Experiment(f"mnn/figures-4-5/as-published/{problem}-adam", trial, seeds=SEEDS, together=SEEDS)
    recipe = Recipe(LevenbergMarquardt(), epochs=200)
    trial = partial(train_from_starts, data=data, net=net, rule=ForwardOnly, recipes=(recipe,), starts=1)
    return Experiment(f"mnn/figures-4-5/as-published/{problem}-lm", trial, seeds=SEEDS, together=1)


PUBLISHED = {
    (name, solver): published(name, solver)
    for name, problem in PROBLEMS.items()
    if problem.published is not None
    for solver in ("adam", "lm")
}
ARMS = {"adam-relu": ("adam", "relu"), "lm-tanh": ("lm", "tanh")}
DRAWN = [name for name in PROBLEMS if name != "coded-spirals"]
SOUND = {(name, arm): solvers.mesh(name, ARMS[arm][0], HIDDEN, ARMS[arm][1]) for name in DRAWN for arm in ARMS}
PERCEPTRONS = {name: solvers.perceptron(name, HIDDEN) for name in DRAWN}


def render(results: Results) -> list[Element]:
    """Show accuracies beside the paper's "100 %" and the Bayes limit, and the decision regions of one seed."""
    sound = {key: results[experiment.name] for key, experiment in SOUND.items()}
    perceptrons = {key: results[experiment.name] for key, experiment in PERCEPTRONS.items()}
    limits = {name: results[experiment.name] for name, experiment in LIMITS.items()}
    old = {key: results[experiment.name] for key, experiment in PUBLISHED.items()}
    return [
        Text(
            f"A full mesh of {HIDDEN} hidden neurons, 3 ticks; {SEEDS} seeds. The paper reports 100 % on all five problems. "
            f"**On four of them no classifier can have it**: their classes overlap. The Bayes limit is the accuracy of the "
            f"classifier that knows the densities, on fresh points; centres of blobs are drawn anew by every seed, so it "
            f"has a spread of its own. (A test part of 300 points can lie above the limit by luck.)"
        ),
        Text("## Sound protocol"),
        Text(
            f"1000 points, shuffled, stratified, scaled by the training part; 560 to learn from, 140 to choose by, 300 to judge on; "
            f"{solvers.STARTS} starts, as in the report on Levenberg-Marquardt; float64, linear outputs. The perceptron is scikit-learn's, with at least as many parameters; start, shape and activation are chosen by "
            f"validation loss, its weight decay is the library's own and its epochs are not chosen."
        ),
        _sound(sound, perceptrons, limits),
        Picture(
            f"Decision regions, sound protocol, seed {SHOWN}: above Adam with ReLU, below Levenberg-Marquardt with tanh; "
            f"points are those judged on.",
            _regions([[Panel(n, ARMS[arm][1], sound[n, arm]) for n in DRAWN] for arm in ("adam-relu", "lm-tanh")]),
        ),
        Text("## As published"),
        Text(
            "The authors' data in the generators' order, the last 30 % to test on, not scaled; weights from U[0, 1), ReLU everywhere, the outputs "
            "too; Adam at 0.001, batches of 10 in a fixed order, 1000 epochs; with the true gradient. Beside it Levenberg-Marquardt, 200 steps "
            "on all examples (in float64, from first weights of its own draw). The spirals' test part holds one class only, the double blobs' only points of "
            "the second of two draws."
        ),
        _published(old),
        Picture(
            f"Decision regions as published (Figures 4 and 5), seed {SHOWN}: above Adam, below Levenberg-Marquardt.",
            _regions(
                [
                    [Panel(n, "relu", old[n, solver], published=True) for n, of in old if of == solver]
                    for solver in ("adam", "lm")
                ]
            ),
        ),
    ]


def _sound(
    sound: dict[tuple[str, str], Sequence[Result]],
    perceptrons: dict[str, Sequence[Result]],
    limits: dict[str, Sequence[Result]],
) -> Table:
    rows = []
    for name in DRAWN:
        problem = PROBLEMS[name]
        bound = f"{mean(values(limits[name], 'limit'))}" if name in limits else "1 (no overlap)"
        paper = "1.000" if problem.published is not None else ""
        cells = [f"{mean(values(sound[name, arm], ACCURACY))}" if sound[name, arm] else "not run" for arm in ARMS]
        rows.append([problem.title, paper, bound, *cells, f"{mean(values(perceptrons[name], ACCURACY))}"])
    header = ["problem", "paper", "Bayes limit", "mesh, ReLU, Adam", "mesh, tanh, Levenberg-Marquardt", "perceptron"]
    return Table("Test accuracy, sound protocol: mean ± 95 %.", header, rows)


def _published(old: dict[tuple[str, str], Sequence[Result]]) -> Table:
    rows = []
    for name in dict.fromkeys(name for name, _ in old):
        cells = [f"{mean(values(old[name, solver][:SEEDS], ACCURACY))}" for solver in ("adam", "lm")]
        worst = [
            f"{min(values(old[name, solver][:SEEDS], ACCURACY), default=float('nan')):.3f}" for solver in ("adam", "lm")
        ]
        rows.append([PROBLEMS[name].title, "1.000", cells[0], worst[0], cells[1], worst[1]])
    header = ["problem", "paper", "Adam", "worst seed", "Levenberg-Marquardt", "worst seed"]
    return Table("Test accuracy as published: mean ± 95 %.", header, rows)


class Panel(NamedTuple):
    """A net to draw: its problem, the activation of its hidden neurons, and the results that hold its weights."""

    problem: str
    activation: str
    results: Sequence[Result]
    published: bool = False


def _regions(rows: Sequence[Sequence[Panel]]) -> Figure:
    axes = grid_of_axes(len(rows), len(rows[0]), (2.4, 2.3))
    for line, row in zip(axes, rows, strict=True):
        for axis, panel in zip(line, row, strict=True):
            problem = PROBLEMS[panel.problem]
            shown = next((result for result in panel.results if result.seed == SHOWN), None)
            draw = problem.published if panel.published else problem.sound
            if draw is None or shown is None or "weight" not in shown.history:
                axis.set_axis_off()
                continue
            test = draw(SHOWN).test
            weight = torch.tensor(shown.history["weight"], dtype=test.x.dtype)
            output = "relu" if panel.published else "identity"
            topology = graphs.mesh(2, HIDDEN, problem.classes)
            net = MeshNet(topology, TICKS, hidden=panel.activation, output=output, weight=weight)
            title = f"{problem.title}: {shown.metrics[ACCURACY]:.3f}"
            figures.draw_decision_regions(net, test.x, test.y, axis, title=title)
    return figure_of(axes[0][0])


ARTEFACT = Artefact(
    "figures-4-and-5",
    "Figures 4 and 5: decision regions of the synthetic problems",
    "Mesh Neural Networks, section 4.1, Figures 4 and 5",
    (*SOUND.values(), *PERCEPTRONS.values(), *LIMITS.values(), *PUBLISHED.values()),
    render,
)
