"""What makes Mono-Forward differ from BP: the losses on every block, or the gradient that is cut between them?

A ladder of four rules that each differ from the next in one thing, and in the rate that was chosen for each (after Spyra and Dzwinel,
PPAM 2026): BP; BP with auxiliary losses on every block (deep supervision); Mono-Forward's losses with the gradient not cut (joint);
Mono-Forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean, paired, values, wider
from onward.papers.mono_forward import accuracy, accuracy_cells, printed
from onward.papers.mono_forward.cells import CIFAR_10, MNIST, cell, tuning
from onward.papers.mono_forward.words import percent, points
from onward.reports.artefact import Artefact, Element, Results, Table, Text

PROBLEMS = {problem.name: problem for problem in (MNIST, CIFAR_10)}
SEEDS = 3
LADDER = ("bp", "ds", "joint", "mf")
NAMES = {"bp": "BP", "ds": "deep supervision", "joint": "joint", "mf": "Mono-Forward"}
STEPS = {
    ("bp", "ds"): "losses on every block, of weight 0.3",
    ("ds", "joint"): "all losses of weight 1",
    ("joint", "mf"): "the gradient cut between blocks",
}
ACCURACY = "test_accuracy"  # by the last block, for every rule

# Which of its problem's rates the short runs of the two rules between chose; BP's and Mono-Forward's are those of the accuracy tables.
CHOSEN: dict[str, dict[str, int]] = {
    "mnist": {"bp": 1, "ds": 1, "joint": 1, "mf": 2},
    "cifar-10": {"bp": 1, "ds": 1, "joint": 2, "mf": 2},
}
TUNING = {(name, rule): tuning(problem, rule) for name, problem in PROBLEMS.items() for rule in ("ds", "joint")}
CELLS = {
    (name, rule): accuracy_cells.CELLS.get((name, rule)) or cell(PROBLEMS[name], rule, rates[rule], seeds=SEEDS)
    for name, rates in CHOSEN.items()
    for rule in LADDER
}


def render(results: Results) -> list[Element]:
    """Show the four rules and the difference that each step makes, over the seeds that they share."""
    found = {key: results[experiment.name] for key, experiment in CELLS.items()}
    rows = []
    for name in PROBLEMS:
        for rule in LADDER:
            ours = found.get((name, rule), [])
            if ours:
                rate = PROBLEMS[name].rates[CHOSEN[name][rule]]
                told = f"{rate:g}", f"{len(ours)}", percent(mean(values(ours, ACCURACY)))
                rows.append([accuracy_cells.TITLES[name], NAMES[rule], *told])
    return [
        Text(
            "Same nets, parts, passes and tuning as in the accuracy tables, so each rule has the rate that was best for it; every rule is read at its "
            f"last block. {SEEDS} seeds for the two rules between: **reduced**. The independent study has 20, and trained with augmentation: there, on "
            f"CIFAR-10, the losses cost {-printed.STUDY_LADDER['cifar-10']['bp', 'ds']:g} points and the cut gives {printed.STUDY_LADDER['cifar-10']['joint', 'mf']:g}; on its perceptrons "
            "of 2 x 1000 it finds Mono-Forward and deep supervision equivalent."
        ),
        Table("Test accuracy in per cent: mean ± 95 %.", ["data, net", "rule", "rate", "seeds", "onward"], rows),
        Table(
            "What each step changes: paired difference in points, mean ± 95 %, over the seeds that both have.",
            ["data, net", "step", "points"],
            [
                [
                    accuracy_cells.TITLES[name],
                    f"{NAMES[one]} to {NAMES[other]}: {words}",
                    points(step(found, name, one, other)),
                ]
                for name in PROBLEMS
                for (one, other), words in (*STEPS.items(), (("bp", "mf"), "the whole way"))
                if found.get((name, one)) and found.get((name, other))
            ],
        ),
        *(Text(sentence) for sentence in verdict(found)),
        accuracy.rates(results, TUNING),
    ]


def step(found: Mapping[tuple[str, str], Sequence[Result]], name: str, one: str, other: str) -> Mean:
    """Give what a step of the ladder changes on one problem."""
    return paired(found[name, other], found[name, one], ACCURACY)


def verdict(found: Mapping[tuple[str, str], Sequence[Result]]) -> list[str]:
    """Name, for every problem, the steps whose interval leaves out zero, widened for all steps of all problems that are judged."""
    sentences = []
    whole = [name for name in PROBLEMS if all(found.get((name, rule)) for rule in LADDER)]
    for name in whole:
        steps = {words: wider(step(found, name, *pair), len(whole) * len(STEPS)) for pair, words in STEPS.items()}
        sure = [f"{words} ({points(change)})" for words, change in steps.items() if abs(change.value) > change.half]
        told = (
            f"what changes accuracy beyond its interval is {'; '.join(sure)}"
            if sure
            else "no step is told apart from no change"
        )
        unseen = max(change.half for change in steps.values())
        sentences.append(
            f"*{accuracy_cells.TITLES[name]}*: {told}; changes of up to {100 * unseen:.2f} points could have gone unseen."
        )
    if sentences:
        sentences.append(
            f"The intervals of these sentences are widened for {len(whole) * len(STEPS)} comparisons, so that together they are wrong "
            "in 5 % of cases at most (Bonferroni); those of the table are of each step alone."
        )
    return sentences


ARTEFACT = Artefact(
    "causes",
    "Losses on every block, or the gradient cut between them?",
    "Mono-Forward, against an independent study (Spyra and Dzwinel, PPAM 2026)",
    (*TUNING.values(), *CELLS.values()),
    render,
)
