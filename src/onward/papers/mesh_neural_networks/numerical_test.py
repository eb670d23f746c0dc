"""The paper's numerical test: derivatives computed forward against automatic differentiation, nothing masked.

100 random meshes of 5 inputs, 10 hidden and 3 output neurons, full adjacency drawn from U[0, 1), a batch of 10 with a new
random input at every tick, ReLU everywhere, cross-entropy on random labels. The published test sets the rows and columns
of the inputs to zero in both gradients before it compares them; those are where the error of Algorithm 1 shows.

For every method: the summed absolute difference of the state (10 x 18, the paper's measure) and of the gradient
(18 x 18), and the difference of the gradients over the norm of the true one. The reference is float64 autograd. Two
further rows look at parts of the published gradient: without the weights into inputs, which do nothing, and with all that
the published test masks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from onward import graphs
from onward.experiments.result import Result
from onward.experiments.spec import Experiment, Outcome, Progress
from onward.experiments.statistics import mean
from onward.kernels import dynamics, forward_only
from onward.kernels.activations import relu
from onward.kernels.losses import cross_entropy
from onward.nets.mesh import MeshNet
from onward.papers.mesh_neural_networks import published
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.topology import Topology

BATCH, TRIALS = 10, 100
PRINTED = {"state": (0.00024, 0.000047), "gradient": (0.000011, 0.0000053)}
MESH = graphs.mesh(5, 10, 3, bias=False)
TICKS = range(1, 7)

METHODS = {
    "influence-64": "onward, influence, float64",
    "factored-64": "onward, factored, float64",
    "influence-32": "onward, influence, float32",
    "factored-32": "onward, factored, float32",
    "repaired": "Algorithm 1 repaired, float64",
    "published": "Algorithm 1 as published, float64",
    "published-useful": "Algorithm 1 as published, without the weights into inputs",
    "published-masked": "Algorithm 1 as published, inputs' rows and columns masked",
    "equation-3": "equation 17 under equation 3, float64",
    "equation-3-onward": "onward, factored, free inputs (equation 3), float64",
}


class Draw(NamedTuple):
    """One random mesh with its data."""

    mesh: Topology
    a: Tensor  # n n, weights into inputs among them
    inputs: Tensor  # t b i
    labels: Tensor  # b


def draw(generator: torch.Generator, ticks: int, mesh: Topology = MESH, batch: int = BATCH) -> Draw:
    """Draw a mesh and a batch as the authors' test does, in float64."""
    a = torch.rand(mesh.neurons, mesh.neurons, generator=generator, dtype=torch.float64)
    inputs = torch.rand(ticks, batch, mesh.inputs, generator=generator, dtype=torch.float64)
    return Draw(mesh, a, inputs, torch.randint(mesh.outputs, (batch,), generator=generator))


def by_autograd(case: Draw, *, clamped: bool = True) -> tuple[Tensor, Tensor]:
    """The state after the last tick and the gradient of the loss, by automatic differentiation through the ticks."""
    a = case.a.clone().requires_grad_()
    state = _first_state(case) * 0
    for tick, inputs in enumerate(case.inputs):
        if clamped or tick == 0:
            state = torch.cat([inputs, state[:, case.mesh.inputs :]], dim=1)
        state = torch.relu(state @ a)
    loss, _ = cross_entropy(state[:, -case.mesh.outputs :], case.labels)
    (gradient,) = torch.autograd.grad(loss, a)
    return state.detach(), gradient


def by_onward(case: Draw, engine: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The same by forward-only propagation; weights into clamped inputs, which a `Topology` cannot hold, count as zero.

    The state of a clamped input after the last tick is taken from the reference's formula, as no engine computes it.
    """
    a = case.a.to(dtype)
    weight = a[torch.tensor(case.mesh.source), torch.tensor(case.mesh.target)]
    net = MeshNet(case.mesh, len(case.inputs), output="relu", weight=weight, dtype=dtype)
    x = case.inputs.to(dtype).movedim(0, 1)
    clamped, initial = net.drive(x)
    _, gradient = forward_only.loss_and_gradient(
        net.weight, net.wiring, clamped, initial, net.activation, cross_entropy, case.labels, forward_only.find(engine)
    )
    with torch.no_grad():
        *_, last = dynamics.run(dynamics.matrix(net.weight, net.wiring), clamped, initial, net.activation)
        state = torch.relu(last.reads @ a)
    return state, torch.from_numpy(case.mesh.adjacency(gradient))


def by_onward_unclamped(case: Draw) -> tuple[Tensor, Tensor]:
    """Forward-only propagation under equation 3: all neurons are free, the input is their initial state."""
    n, last = case.mesh.neurons, case.mesh.neurons - case.mesh.outputs
    everything = graphs.from_mask(np.ones((n, n)), range(case.mesh.inputs), range(last, n), clamped=False)
    net = MeshNet(everything, len(case.inputs), output="relu", weight=case.a.flatten(), dtype=torch.float64)
    clamped, initial = net.drive(case.inputs[0])
    _, gradient = forward_only.loss_and_gradient(
        net.weight, net.wiring, clamped, initial, net.activation, cross_entropy, case.labels, forward_only.FACTORED
    )
    return net.states(case.inputs[0])[:, -1].detach(), gradient.view(n, n)


def by_tensor(case: Draw, formulation: Callable[..., tuple[Tensor, Tensor]], first: Tensor) -> tuple[Tensor, Tensor]:
    """The same by one of the paper's N x N x N formulations."""
    state, derivative = formulation(case.a, first, activation=relu)
    _, error = cross_entropy(state[:, -case.mesh.outputs :], case.labels)
    return state, published.gradient(derivative, error)


def compare(
    seeds: Sequence[int], progress: Progress, *, mesh: Topology, batch: int, ticks: int, trials: int
) -> list[Outcome]:
    """Run the test for each seed; every method's differences are series over the trials."""
    outcomes = []
    for done, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(seed)
        history: dict[str, list[float]] = {}
        for trial in range(trials):
            for name, value in _differences(draw(generator, ticks, mesh, batch)).items():
                history.setdefault(name, []).append(value)
            progress((done + (trial + 1) / trials) / len(seeds))
        metrics = {name: sum(values) / len(values) for name, values in history.items()}
        outcomes.append(Outcome(metrics, history))
    return outcomes


def _differences(case: Draw) -> dict[str, float]:
    true = by_autograd(case)
    true_3 = by_autograd(case, clamped=False)
    start, inputs = _first_state(case), case.mesh.inputs
    equation_3 = partial(published.equation_3, ticks=len(case.inputs))
    as_published = by_tensor(case, published.algorithm_1, case.inputs)
    pairs = {
        "influence-64": (by_onward(case, "influence", torch.float64), true),
        "factored-64": (by_onward(case, "factored", torch.float64), true),
        "influence-32": (by_onward(case, "influence", torch.float32), true),
        "factored-32": (by_onward(case, "factored", torch.float32), true),
        "repaired": (by_tensor(case, published.algorithm_1_repaired, case.inputs), true),
        "published": (as_published, true),
        "published-useful": ((as_published[0], as_published[1][:, inputs:]), (true[0], true[1][:, inputs:])),
        "published-masked": ((as_published[0], _masked(as_published[1], inputs)), (true[0], _masked(true[1], inputs))),
        "equation-3": (by_tensor(case, equation_3, start), true_3),
        "equation-3-onward": (by_onward_unclamped(case), true_3),
    }
    found = {}
    for name, (ours, reference) in pairs.items():
        found[f"{name} state"] = (ours[0] - reference[0]).abs().sum().item()
        found[f"{name} gradient"] = (ours[1] - reference[1]).abs().sum().item()
        difference = (ours[1] - reference[1]).norm().item()
        found[f"{name} relative"] = difference / reference[1].norm().item() if difference else 0.0
    return found


def _first_state(case: Draw) -> Tensor:
    """The first input, and nothing yet in the other neurons."""
    batch, inputs = case.inputs[0].shape
    return torch.cat([case.inputs[0], case.inputs.new_zeros(batch, case.mesh.neurons - inputs)], dim=1)


def _masked(gradient: Tensor, inputs: int) -> Tensor:
    """What the published test compares: the rows and columns of the inputs set to zero."""
    masked = gradient.clone()
    masked[:inputs, :] = 0
    masked[:, :inputs] = 0
    return masked


def render(results: Results) -> list[Element]:
    """Show every method's error against the number of ticks."""
    found: dict[int, Result] = {
        ticks: results[EXPERIMENTS[ticks].name][0] for ticks in TICKS if results[EXPERIMENTS[ticks].name]
    }
    header = ["method", *(f"{ticks} {'tick' if ticks == 1 else 'ticks'}" for ticks in found)]

    def table(measure: str, caption: str) -> Table:
        rows = []
        for method, words in METHODS.items():
            means = [mean(result.history[f"{method} {measure}"]) for result in found.values()]
            rows.append([words, *(f"{one.value:.1e} ± {one.half:.0e}" if one.value else "0" for one in means)])
        return Table(caption, header, rows)

    curves = {
        words: (list(found), [[result.metrics[f"{method} relative"] for result in found.values()]])
        for method, words in METHODS.items()
        if method in ("published", "published-useful", "published-masked", "factored-32", "factored-64")
    }
    figure = figures.draw_curves(curves, x="ticks", y="relative error of the gradient", log=True)
    figure.set_figheight(4.8)
    return [
        Text(
            f"{TRIALS} random meshes of 5 inputs, 10 hidden and 3 output neurons for each number of ticks; full adjacency "
            f"from U[0, 1), ReLU, a batch of 10 with a new input at every tick, cross-entropy. The reference is float64 "
            f"autograd, and nothing is masked unless the row says so."
        ),
        _against_paper(found),
        Text(
            "The paper's two numbers measure the rounding of float32: it compares float64 with float32, over 1 to 3 ticks, "
            "after setting the rows and columns of the inputs to zero in both gradients. onward's float32 engine has the "
            "same differences with nothing masked. Whether a *gradient is right* is seen in float64:"
        ),
        table("relative", "Gradient: norm of the difference over the norm of the true gradient, mean ± 95 %."),
        Picture("Relative error of the gradient against the number of ticks; mean over the random meshes.", figure),
        table("gradient", "Gradient: summed absolute difference (the paper's measure), mean ± 95 %."),
        table("state", "State: summed absolute difference (the paper's measure), mean ± 95 %."),
        Text(
            "Algorithm 1 is right at one tick, because there is nothing yet to be stale. At two ticks the weights into "
            "inputs, which do nothing, get a gradient. From three ticks on, weights that matter get a wrong one: those "
            "that leave inputs first, which is what the published test masks, and from four ticks on all others as well. The "
            "line that repairs it, and a mesh of four neurons worked by hand, are in `docs/algorithm-1.md`."
        ),
    ]


def _against_paper(found: dict[int, Result]) -> Table:
    rows = []
    for measure, (value, half) in PRINTED.items():
        few = [one for ticks, result in found.items() if ticks <= 3 for one in result.history[f"factored-32 {measure}"]]
        ours = mean(few)
        row = [measure, f"{value:.1e} ± {half:.0e}", f"{ours.value:.1e} ± {ours.half:.0e}", f"{ours.value - value:+.0e}"]
        rows.append(row)
    caption = "Summed absolute difference between float32 and float64, 1 to 3 ticks: mean ± 95 %."
    return Table(caption, ["of the", "paper", "onward ± 95 %", "difference"], rows)


EXPERIMENTS = {
    ticks: Experiment(
        f"mnn/numerical-test/ticks-{ticks}", partial(compare, mesh=MESH, batch=BATCH, ticks=ticks, trials=TRIALS), seeds=1
    )
    for ticks in TICKS
}

ARTEFACT = Artefact(
    "numerical-test",
    "The numerical test of forward-only propagation, nothing masked",
    "Mesh Neural Networks, section 4",
    tuple(EXPERIMENTS.values()),
    render,
)
