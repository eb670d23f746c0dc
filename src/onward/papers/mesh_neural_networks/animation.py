"""The decision regions of a mesh while it learns the spirals: by Adam and by Levenberg-Marquardt, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch

from onward import graphs
from onward.experiments.spec import Experiment, Outcome, Progress
from onward.experiments.trials import order
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks.solvers import TICKS
from onward.reports import figures
from onward.reports.animation import animate
from onward.reports.artefact import Artefact, Element, Film, Results, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes
from onward.training import datasets
from onward.training.fit import Recipe, Training
from onward.training.metrics import accuracy
from onward.training.second_order import LevenbergMarquardt

FRAMES = 28
TOPOLOGY = graphs.mesh(2, 5, 2)
START = 2  # the first weights that are drawn; any start of a seed will do


def watch(seeds: Sequence[int], progress: Progress, *, recipe: Recipe, frames: int) -> list[Outcome]:
    """Train one mesh of 5 tanh neurons, and keep its weights all along, more often at first."""
    outcomes = []
    for done, seed in enumerate(seeds):
        data = datasets.spirals(seed).to(torch.float64)
        first = torch.Generator().manual_seed(1000 * seed + START)
        net = MeshNet(TOPOLOGY, TICKS, hidden="tanh", generator=first, dtype=torch.float64)
        training = Training(ForwardOnly(net), data, recipe, generator=order(seed))
        kept = {round(recipe.epochs * (k / (frames - 1)) ** 2) for k in range(frames)}
        history: dict[str, list[float | int]] = {"epoch": [0], "passes": [0.0], "weight": net.weight.tolist()}
        history["accuracy"] = [accuracy(net(data.test.x).detach(), data.test.y).item()]
        for epoch in training.epochs():
            if epoch.number in kept:
                history["epoch"].append(epoch.number)
                history["passes"].append(epoch.passes)
                history["weight"] += net.weight.tolist()
                history["accuracy"].append(accuracy(net(data.test.x).detach(), data.test.y).item())
        outcomes.append(Outcome({"test_accuracy": history["accuracy"][-1]}, history))
        progress((done + 1) / len(seeds))
    return outcomes


ADAM = partial(torch.optim.Adam, lr=0.03, fused=True)
ARMS = {
    "adam": ("Adam", Recipe(ADAM, epochs=300, batch=32)),
    "lm": ("Levenberg-Marquardt", Recipe(LevenbergMarquardt(), epochs=100)),
}
EXPERIMENTS = {
    arm: Experiment(f"mnn/animation/{arm}", partial(watch, recipe=recipe, frames=FRAMES), seeds=1)
    for arm, (_, recipe) in ARMS.items()
}


def render(results: Results) -> list[Element]:
    """Show the film."""
    if not all(results[experiment.name] for experiment in EXPERIMENTS.values()):
        return [Text("Not run yet.")]
    return [
        Text(
            "A full mesh of 5 hidden tanh neurons, 3 ticks, on one seed of the spirals, from the same first weights: Adam at 0.03 on "
            "batches of 32 for 300 epochs, Levenberg-Marquardt on all 560 examples for 100 steps. One pass is the loss or the "
            "gradient of all training examples, once. One start of one seed is an illustration, no comparison; that is in the report "
            "`second-order`."
        ),
        Film("Decision regions and test accuracy during training.", animate(_frames(results))),
    ]


def _frames(results: Results) -> Iterator[Figure]:
    stored = {arm: results[experiment.name][0] for arm, experiment in EXPERIMENTS.items()}
    seed = next(iter(stored.values())).seed
    test = datasets.spirals(seed).to(torch.float64).test
    count = max(len(result.history["epoch"]) for result in stored.values())
    for frame in range(count):
        axes = row_of_axes(2, (6.4, 3.4))
        for axis, (arm, result) in zip(axes, stored.items(), strict=True):
            k = min(frame, len(result.history["epoch"]) - 1)
            weight = torch.tensor(result.history["weight"], dtype=torch.float64).view(-1, TOPOLOGY.edges)[k]
            net = MeshNet(TOPOLOGY, TICKS, hidden="tanh", weight=weight, dtype=torch.float64)
            says = f"{result.history['passes'][k]:.0f} passes, accuracy {result.history['accuracy'][k]:.3f}"
            figures.draw_decision_regions(net, test.x, test.y, axis, title=f"{ARMS[arm][0]}\n{says}")
        yield figure_of(axes[0])


ARTEFACT = Artefact(
    "animation",
    "Decision regions during training",
    "Mesh Neural Networks, the animation beside Figures 4 and 5",
    tuple(EXPERIMENTS.values()),
    render,
)
