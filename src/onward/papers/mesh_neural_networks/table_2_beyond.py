"""What the paper does not try on the features of Table 2: more ticks, second order, pruning by magnitude, once or online.

An arm is compared with another on the same trials; a way of pruning that is added to `ARMS` is one more line.
"""

from __future__ import annotations

from typing import NamedTuple

from onward.experiments.spec import Experiment
from onward.experiments.statistics import mean, paired, stands, values, wider
from onward.papers.mesh_neural_networks.features import TITLES
from onward.papers.mesh_neural_networks.online_magnitude import BEGIN, END
from onward.papers.mesh_neural_networks.table_2_cells import (
    BATCH,
    BEYOND,
    DENSE_EPOCHS,
    DESCRIBED,
    EPOCHS,
    FEW,
    LEARNED,
    PASSES,
    RATES,
    SECOND_ORDER,
    SEEDS,
    SETS,
)
from onward.papers.mesh_neural_networks.words import ACCURACY, averaged
from onward.reports.artefact import Element, Results, Table, Text
from onward.reports.words import NOT_RUN, signed


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
SOLVERS = {"second-order": "Levenberg-Marquardt", "few": "Adam"}


def shown(results: Results) -> list[Element]:
    """Show each arm with the paired difference to its rival, a verdict, and what the two solvers took."""
    rows, told, count = [], [], len(SETS) * len(ARMS)
    for name in SETS:
        for arm in ARMS:
            cells, key = arm.rival
            ours, theirs = results[BEYOND[name][arm.key].name], results[cells[name][key].name]
            difference = paired(ours, theirs, ACCURACY)
            rows.append([TITLES[name], arm.words, averaged(ours), arm.beside, averaged(theirs), signed(difference)])
            if difference.n > 1:
                widened = wider(difference, count)
                words = {"above": "better", "below": "worse", "level": "not told apart"}[stands(widened)]
                told.append(f"{arm.words}: {words} ({TITLES[name]}, beside {arm.beside}, {signed(widened)})")
    return [
        Text("## Beyond the paper, on the same features"),
        Text(_protocol()),
        Table(
            "Test accuracy: mean ± 95 %, not widened.",
            ["data", "arm", "its accuracy", "beside", "its accuracy", "difference, paired"],
            rows,
        ),
        *([Text(f"In intervals that are widened for {count} comparisons: {'; '.join(told)}.")] if told else []),
        _costs(results),
    ]


def _protocol() -> str:
    (second,) = SECOND_ORDER
    return (
        f"Meshes of 1044 connections unless said otherwise; {SEEDS} trials, {FEW} of more ticks and of second order, compared on the trials that both have. "
        f"Levenberg-Marquardt learns from {LEARNED:,} of the pictures in {second.epochs} passes of {second.batch:,} a step, each of which it may try several times; it has one setting, and validation "
        f"loss chooses the epoch. Adam beside it learns from the same examples, in batches of {BATCH}, for {', '.join(map(str, PASSES[:-1]))} or {PASSES[-1]} passes at one of {len(RATES)} rates: validation loss chooses passes, rate "
        f"and epoch. "
        f"Magnitude: {DENSE_EPOCHS} passes unpruned, then the largest weights are kept and trained on for {EPOCHS - DENSE_EPOCHS}, so that the passes are as many. "
        f"Online: after each pass from {round(BEGIN * EPOCHS)} to {round(END * EPOCHS)} the smallest weights go, fewer each time, and the last weights count. "
        f"**Reduced**: passes, and trials of more ticks and of second order."
    )


def _costs(results: Results) -> Table:
    """What Levenberg-Marquardt and Adam took on the same examples."""
    rows = []
    for name in SETS:
        for key, words in SOLVERS.items():
            ours = results[BEYOND[name][key].name]
            if not ours:
                rows.append([TITLES[name], words, NOT_RUN, "", "", ""])
                continue
            passes = [f"{mean(values(ours, metric)).value:.0f}" for metric in ("passes", "all_passes")]
            each = mean([one.metrics["all_seconds"] / len(one.beside) for one in ours]).value
            rows.append([TITLES[name], words, *passes, f"{each:.0f}", f"{len(ours[0].beside)}"])
    header = ["data", "solver", "passes of what was chosen", "passes in all", "seconds a net", "nets side by side"]
    return Table(
        f"What the solvers took on {LEARNED:,} examples, means over the trials. A pass is as many losses or gradients as there are examples, repeated trials of a step "
        f"among them; *in all* counts all settings that were tried. Seconds are of all settings, on one thread, with the part that chooses read after every pass; nets side by side "
        f"share theirs. They were taken while results were made, with other work beside: no benchmark.",
        header,
        rows,
    )
