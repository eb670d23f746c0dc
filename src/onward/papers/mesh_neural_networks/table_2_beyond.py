"""What the paper does not try on the features of Table 2: more ticks, second order, pruning by magnitude, once or online.

An arm is compared with another on the same trials; a way of pruning that is added to `ARMS` is one more line.
"""

from __future__ import annotations

from typing import NamedTuple

from onward.experiments.spec import Experiment
from onward.experiments.statistics import paired
from onward.papers.mesh_neural_networks.features import TITLES
from onward.papers.mesh_neural_networks.online_magnitude import BEGIN, END
from onward.papers.mesh_neural_networks.table_2_cells import (
    BEYOND,
    DENSE_EPOCHS,
    DESCRIBED,
    EPOCHS,
    FEW,
    LEARNED,
    SECOND_ORDER,
    SEEDS,
    SETS,
)
from onward.papers.mesh_neural_networks.words import averaged, signed
from onward.papers.mono_forward.words import stands
from onward.reports.artefact import Element, Results, Table, Text

ACCURACY = "test_accuracy"


class Arm(NamedTuple):
    """A way to do better, and what it is compared with.

    Attributes:
        words: what the table calls it.
        key: among the cells that go beyond the paper.
        rival: cells that the rival is among, and its key there.
        beside: what the table calls the rival.
    """

    words: str
    key: str
    rival: tuple[dict[str, dict[str, Experiment]], str]
    beside: str


ARMS = (
    Arm("4 ticks", "mesh-4-ticks", (DESCRIBED, "mesh-1044"), "3 ticks"),
    Arm("6 ticks", "mesh-6-ticks", (DESCRIBED, "mesh-1044"), "3 ticks"),
    Arm("Levenberg-Marquardt, 10,000 examples", "second-order", (BEYOND, "few"), "Adam, the same examples"),
    Arm("798 connections, largest weights kept", "magnitude-798", (DESCRIBED, "mesh-798"), "pruned at random"),
    Arm("1044 connections, largest weights kept", "magnitude-1044", (DESCRIBED, "mesh-1044"), "pruned at random"),
    Arm("798 connections, pruned online", "online-798", (DESCRIBED, "mesh-798"), "pruned at random"),
    Arm("1044 connections, pruned online", "online-1044", (DESCRIBED, "mesh-1044"), "pruned at random"),
    Arm(
        "1044 connections, pruned online",
        "online-1044",
        (BEYOND, "magnitude-1044"),
        f"largest kept after {DENSE_EPOCHS} passes",
    ),
)


def shown(results: Results) -> list[Element]:
    """Show each arm with the paired difference to its rival, and a verdict."""
    rows, told = [], []
    for name in SETS:
        for arm in ARMS:
            cells, key = arm.rival
            ours, theirs = results[BEYOND[name][arm.key].name], results[cells[name][key].name]
            difference = paired(ours, theirs, ACCURACY)
            rows.append([TITLES[name], arm.words, averaged(ours), arm.beside, averaged(theirs), signed(difference)])
            if difference.n > 1:
                words = {"above": "better", "below": "worse", "level": "not told apart"}[stands(difference)]
                told.append(f"{arm.words}: {words} ({TITLES[name]}, beside {arm.beside}, {signed(difference)})")
    steps = f"{SECOND_ORDER[0].epochs} passes in batches of {SECOND_ORDER[0].batch:,}"
    return [
        Text("## Beyond the paper, on the same features"),
        Text(
            f"Meshes of 1044 connections unless said otherwise; {SEEDS} trials, {FEW} of more ticks and of second order, compared on the trials that both have. "
            f"Levenberg-Marquardt learns from {LEARNED:,} of the pictures, {steps}, and so does Adam beside it, {EPOCHS} passes. "
            f"Magnitude: {DENSE_EPOCHS} passes unpruned, then the largest weights are kept and trained on for {EPOCHS - DENSE_EPOCHS}, so that the passes are as many. "
            f"Online: after each pass from {round(BEGIN * EPOCHS)} to {round(END * EPOCHS)} the smallest weights go, fewer each time, and the last weights count. "
            f"**Reduced**: passes, and trials of more ticks and of second order."
        ),
        Table(
            "Test accuracy: mean ± 95 %.",
            ["data", "arm", "its accuracy", "beside", "its accuracy", "difference, paired"],
            rows,
        ),
        *([Text("; ".join(told) + ".")] if told else []),
    ]
