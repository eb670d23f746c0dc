"""Levenberg-Marquardt on the spirals, beside Adam, L-BFGS and scikit-learn's perceptron with as many starts each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean, paired, values
from onward.papers.mesh_neural_networks import solvers, table_1
from onward.papers.mesh_neural_networks.problems import LIMITS, PROBLEMS
from onward.papers.mesh_neural_networks.solvers import STARTS
from onward.papers.mesh_neural_networks.words import ACCURACY
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text

SOLVERS = {"lm": "Levenberg-Marquardt", "adam": "Adam", "lbfgs": "L-BFGS"}
CELLS = [
    *(("spirals", hidden, activation) for hidden in (5, 7) for activation in ("tanh", "relu")),
    *(("coded-spirals", hidden, "tanh") for hidden in (5, 7)),
    ("noisy-spirals", 5, "tanh"),
]
MESHES = {(*cell, solver): solvers.mesh(cell[0], solver, *cell[1:]) for cell in CELLS for solver in SOLVERS}
PERCEPTRONS = {(problem, hidden): solvers.perceptron(problem, hidden) for problem, hidden, _ in CELLS}
TIMED = {solver: solvers.timed(solver) for solver in (*SOLVERS, "mlp")}


def render(results: Results) -> list[Element]:
    """Show accuracy, seconds and passes of every solver, and the paired difference to Levenberg-Marquardt."""
    found = {key: results[experiment.name] for key, experiment in (MESHES | PERCEPTRONS).items()}
    limit = mean(values(results[LIMITS["noisy-spirals"].name], "limit"))
    seeds = len(found["spirals", 5, "tanh", "lm"])
    elements: list[Element] = [
        Text(
            f"A full mesh with 2 inputs, a bias and 2 outputs, 3 ticks, in float64; {seeds} seeds. 1000 points (the paper's text) or 2000 (its code), shuffled, "
            f"stratified, scaled by the training part: 56 % to learn from, 14 % to choose by, 30 % to judge on. **Every solver "
            f"starts from the same {STARTS} first weights**; validation loss chooses the start, the epoch and the setting: "
            f"for Levenberg-Marquardt all examples in a step or 140 of them, for Adam one of three rates. The "
            f"perceptron is scikit-learn's `MLPClassifier` with at least as many parameters: one hidden layer or two, tanh or "
            f"ReLU, L-BFGS or Adam, {STARTS // 2} starts of each by L-BFGS; its weight decay is the library's own and its epochs are not "
            f"chosen. Passes are losses and gradients of all examples over all starts and settings (a start of "
            f"Levenberg-Marquardt waits for those beside it, so its count is of the slowest); the perceptron's are iterations."
        ),
    ]
    for problem in dict.fromkeys(problem for problem, *_ in CELLS):
        words = PROBLEMS[problem].title
        bound = (
            f" No classifier can do better than {limit.value:.3f} on average (the Bayes limit)."
            if problem == "noisy-spirals"
            else " The Bayes limit is 1."
        )
        elements.append(Text(f"## {words[0].upper()}{words[1:]}"))
        elements.append(_table(found, problem, bound))
    elements += [
        Text("## Time"),
        _times(results),
        Picture(
            "Test accuracy on the spirals, mean ± 95 %: the paper's Table 1 (ReLU, Adam), and the mesh by solver and activation.",
            figures.draw_means(_against_size(found), x="hidden neurons", y="test accuracy"),
        ),
    ]
    return elements


def _table(found: Mapping[Any, Sequence[Result]], problem: str, bound: str) -> Table:
    rows = []
    for cell in (cell for cell in CELLS if cell[0] == problem):
        _, hidden, activation = cell
        best = found[(*cell, "lm")]
        printed = None if problem == "noisy-spirals" else table_1.PRINTED.get(hidden)
        for solver, words in SOLVERS.items():
            rows.append(_row(f"mesh, {hidden} hidden, {activation}, {words}", found[(*cell, solver)], best, printed))
        if activation == "tanh":
            rows.append(_row(f"perceptron, as many parameters as {hidden} hidden", found[problem, hidden], best, None))
    header = ["net and solver", "parameters", "paper", "accuracy ± 95 %", "worst seed", "minus Levenberg-Marquardt, paired"]
    caption = f"Test accuracy; the difference is to the same mesh by Levenberg-Marquardt (for the perceptron, tanh).{bound}"
    return Table(caption, [*header, "passes"], [row for row in rows if row])


def _row(words: str, ours: Sequence[Result], best: Sequence[Result], printed: tuple[float, float] | None) -> list[str]:
    if not ours:
        return []
    accuracy = values(ours, ACCURACY)
    difference = paired(ours, best, ACCURACY)
    return [
        words,
        f"{ours[0].metrics['parameters']}",
        "" if printed is None else f"{printed[0]:.2f} ± {printed[1]:.3f}",
        _four(mean(accuracy)),
        f"{min(accuracy):.4f}",
        "" if ours is best else f"{difference.value:+.4f} ± {difference.half:.4f}",
        f"{mean(values(ours, 'passes')).value:.0f}",
    ]


def _times(results: Results) -> Table:
    rows = []
    for solver, experiment in TIMED.items():
        ours = results[experiment.name]
        if ours:
            words = SOLVERS.get(solver, "perceptron (scikit-learn)")
            slowest = max(values(ours, "seconds"))
            rows.append([words, f"{mean(values(ours, 'seconds')).value:.2f}", f"{slowest:.2f}", f"{len(ours)}"])
    caption = (
        "Wall time of one seed with all its starts and settings, 5 hidden tanh neurons on 2000 points of the spirals, one thread: "
        "one solver after another with no other experiment beside them. (The seconds stored with the accuracies above were taken "
        "while other work ran.)"
    )
    return Table(caption, ["solver", "seconds a seed", "slowest seed", "seeds"], rows)


def _against_size(found: Mapping[Any, Sequence[Result]]) -> dict[str, dict[int, Mean]]:
    arms: dict[str, dict[int, Mean]] = {"paper": {h: Mean(*table_1.PRINTED[h], 10) for h in (5, 7)}}
    for activation in ("tanh", "relu"):
        for solver, words in SOLVERS.items():
            if (activation, solver) == ("relu", "lbfgs"):
                continue  # in the table; one arm more could not be told apart
            arms[f"{activation}, {words}"] = {
                h: mean(values(found["spirals", h, activation, solver], ACCURACY)) for h in (5, 7)
            }
    arms["perceptron"] = {h: mean(values(found["spirals", h], ACCURACY)) for h in (5, 7)}
    return arms


def _four(found: Mean) -> str:
    return f"{found.value:.4f} ± {found.half:.4f}"


ARTEFACT = Artefact(
    "second-order",
    "Spirals by Levenberg-Marquardt from the forward Jacobian",
    "Mesh Neural Networks, Table 1, by other solvers",
    (*MESHES.values(), *PERCEPTRONS.values(), LIMITS["noisy-spirals"], *TIMED.values()),
    render,
)
