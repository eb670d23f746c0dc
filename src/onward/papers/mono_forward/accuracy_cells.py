"""The cells of the paper's tables of accuracy: nets, data, passes, the rates that short runs chose, and what checks them."""

from __future__ import annotations

from onward.experiments.spec import Experiment
from onward.papers.mono_forward import printed
from onward.papers.mono_forward.cells import CIFAR_10, CIFAR_100, CNN_CIFAR_10, FASHION, MNIST, cell, tuning
from onward.papers.mono_forward.words import READINGS

# Which of its problem's rates each rule's short runs chose; a test compares this with the stored results of the tuning.
CHOSEN: dict[str, dict[str, int]] = {
    "mnist": {"bp": 1, "mf": 2, "fa": 1, "dfa": 1},
    "fashion-mnist": {"bp": 2, "mf": 1, "fa": 1, "dfa": 1},
    "cifar-10": {"bp": 1, "mf": 2, "fa": 0, "dfa": 0},
    "cifar-100": {"bp": 1, "mf": 1, "fa": 0, "dfa": 0},
    "cnn-cifar-10": {"bp": 1, "mf": 1},
}
SEEDS: dict[str, dict[str, int]] = {
    "mnist": {"bp": 5, "mf": 5, "fa": 5, "dfa": 5},
    "fashion-mnist": {"bp": 5, "mf": 5, "fa": 5, "dfa": 5},
    "cifar-10": {"bp": 3, "mf": 3, "fa": 1, "dfa": 1},
    "cifar-100": {"bp": 3, "mf": 3, "fa": 1, "dfa": 1},
    "cnn-cifar-10": {"bp": 1, "mf": 1},
}
PROBLEMS = {problem.name: problem for problem in (MNIST, FASHION, CIFAR_10, CIFAR_100, CNN_CIFAR_10)}
LONGER = {"mnist": 3, "cifar-10": 2}  # times the passes, for the second reading
TITLES = {
    "mnist": "MNIST, 2 x 1000",
    "fashion-mnist": "Fashion-MNIST, 2 x 1000",
    "cifar-10": "CIFAR-10, 3 x 2000",
    "cifar-100": "CIFAR-100, 3 x 2000",
    "cnn-mnist": "MNIST, CNN 64-128-256-512",
    "cnn-fashion-mnist": "Fashion-MNIST, CNN 64-128-256-512",
    "cnn-cifar-10": "CIFAR-10, CNN 64-128-256-512",
    "cnn-cifar-100": "CIFAR-100, CNN 64-128-256-512",
}
NAMES = {
    "bp": "BP",
    "mf": "Mono-Forward",
    "fa": "FA",
    "dfa": "DFA",
    "ds": "deep supervision",
    "joint": "joint",
}


TUNING = {(name, rule): tuning(PROBLEMS[name], rule) for name, rules in SEEDS.items() for rule in rules}
CELLS = {
    (name, rule): cell(PROBLEMS[name], rule, chosen, seeds=SEEDS[name][rule])
    for name, rules in CHOSEN.items()
    for rule, chosen in rules.items()
}
LONG = {
    (name, rule): cell(PROBLEMS[name], rule, CHOSEN[name][rule], seeds=3, epochs=times * PROBLEMS[name].epochs)
    for name, times in LONGER.items()
    if name in CHOSEN
    for rule in ("bp", "mf")
}

# What half precision does to the accuracy: the same cell with all products in float32, on photographs with fewer passes of both.
CHECKED = {"mnist": None, "cifar-10": 5}  # passes, if not those of the problem


def checked(name: str, rule: str, *, single: bool) -> Experiment:
    """An arm of the check of half precision; that in half precision is the cell itself where the passes are its own."""
    if not single and CHECKED[name] is None:
        return CELLS[name, rule]
    return cell(PROBLEMS[name], rule, CHOSEN[name][rule], seeds=3, epochs=CHECKED[name], single=single)


HALF, SINGLE = (
    {(name, rule): checked(name, rule, single=single) for name in CHECKED for rule in ("bp", "mf")}
    for single in (False, True)
)

# Rates that came second by a hair, of the rule that is behind there: what the choice does to the difference.
SECOND = {("fashion-mnist", "bp"): cell(FASHION, "bp", 1, seeds=5, beside=True)}

EXPERIMENTS: tuple[Experiment, ...] = (
    *TUNING.values(),
    *CELLS.values(),
    *LONG.values(),
    *(one for key, one in HALF.items() if one is not CELLS[key]),
    *SINGLE.values(),
    *SECOND.values(),
)


def ways_of(rule: str) -> dict[str, str]:
    """Give the metrics that a rule's row shows, and how they are read."""
    if rule == "mf":
        return {f"test_accuracy_{way}": words for way, words in READINGS.items()}
    return {"test_accuracy": ""}


def printed_for(name: str, rule: str) -> float | None:
    """Give what the paper printed for a rule, in per cent; None if it printed nothing."""
    table, data = (printed.CNN, name.removeprefix("cnn-")) if name.startswith("cnn-") else (printed.MLP, name)
    return table.get(rule, {}).get(data)
