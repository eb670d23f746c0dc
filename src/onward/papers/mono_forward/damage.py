"""A damaged block: what the net still says, and whether "only the damaged layer needs to be retrained" (section 3.3).

A block retrained alone becomes another block; those behind it were taught by the old one. So the sentence is put to the test
for the first, a middle and the last block, against retraining the later ones too, and against backpropagation retrained for as
many multiply-adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from onward.datasets import images
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, values
from onward.nets.builders import mlp
from onward.papers.mono_forward.cells import recipe
from onward.papers.mono_forward.damage_figure import CAPTION, figure
from onward.papers.mono_forward.damage_verdicts import (
    CASES,
    TOLERANCE,
    against_control,
    change,
    clearing,
    fate,
    lead,
    left_alone,
    verdicts,
    without_retraining,
)
from onward.papers.mono_forward.harms import HARMS, TITLES, UNHARMED
from onward.papers.mono_forward.retraining import OUTLIER, POSITIONS, Again, damage_and_retrain
from onward.papers.mono_forward.words import percent, points
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text

SEEDS = 5
PICTURES = 10_000
PASSES = 3
RATE, GENTLE = 0.001, 0.0003
LENGTHS = {"short": Again(1, partial(recipe, GENTLE)), "long": Again(PASSES, partial(recipe, RATE))}
LENGTH_TITLES = {"short": f"1 pass at {GENTLE:g}", "long": f"{PASSES} passes at {RATE:g}"}
BLOCKS = (1, 2, 3)
EXPERIMENT = Experiment(
    "mf/damage/mnist",
    partial(
        damage_and_retrain,
        data=partial(images.mnist, validation=60_000 - PICTURES),
        net=partial(mlp, (1, 28, 28), (1000,) * len(BLOCKS), 10, bias=False),
        harms=HARMS,
        recipe=recipe(RATE, PASSES),
        lengths=LENGTHS,
    ),
    seeds=SEEDS,
    together=1,
)
CONTROLS = [(UNHARMED, position) for position in POSITIONS]
WAYS = {
    "alone": "damaged block retrained",
    "onward": "it and all later ones",
    "bp_as_alone": "BP, multiply-adds of the damaged block",
    "bp_as_onward": "BP, multiply-adds of it and the later ones",
    "bp_block": "BP, damaged block, as many passes",
}
INTRO = (
    f"MNIST, nets of {len(BLOCKS)} x 1000 without biases, {PICTURES:,} pictures to learn from, {PASSES} passes of Adam at {RATE:g} with cosine "
    f"decay, {SEEDS} seeds: **reduced**. Then a block is damaged, and it is retrained for 1 pass at {GENTLE:g}, or as it was trained first, for "
    f"{PASSES} passes at {RATE:g} with cosine decay, with an optimiser of its own. *The same time* for BP is as many multiply-adds, "
    f"counted as they are run, for credit alone: all of BP's net is retrained for the part of the passes that this is enough for. If a weight of "
    f"the damaged block is not finite, or beyond {OUTLIER} times the block's largest before, all its weights beyond that largest "
    f"are set to 0 before any retraining (*cleared*), for BP too, since nothing can be learned from them; else the block is left as it "
    f"is. A net counts as recovered if the whole interval of its change is above {100 * TOLERANCE:+.1f} points: against before the damage, or "
    f"against an undamaged net that was retrained alike, since after so little training retraining may improve a net that nothing happened to."
)


def render(results: Results) -> list[Element]:
    """Show every damage and every way back, and judge the paper's sentences."""
    ours = results[EXPERIMENT.name]
    if not ours:
        return [Text(INTRO), Text("Not run.")]
    elements: list[Element] = [Text(INTRO), _damaged(ours), Text(without_retraining(ours)), Text(clearing(ours))]
    for length, words in LENGTH_TITLES.items():
        elements += [Text(f"## After {words}"), Picture(f"After {words}. {CAPTION}", figure(ours, length))]
        elements += [Text(one) for one in verdicts(ours, length)]
        elements += [_retrained(ours, length), _against_control(ours, length), _every_block(ours, length)]
    return [*elements, Text("## What retraining costs"), _costs(ours)]


def _damaged(ours: Sequence[Result]) -> Table:
    header = ["damage", "block", *(f"block {k} says" for k in BLOCKS), "net, cleared", "BP", "BP, cleared"]
    before, theirs = (percent(_of(ours, name)) for name in ("before", "bp_before"))
    rows = [[TITLES[UNHARMED], "", *_blocks(ours, "before"), before, theirs, theirs]]
    for harm, position in CASES:
        case = f"{harm}_{position}"
        nets = [percent(_of(ours, f"{case}_{name}")) for name in ("mended", "bp_damaged", "bp_mended")]
        rows.append([TITLES[harm], position, *_blocks(ours, f"{case}_damaged"), *nets])
    return Table("After the damage, before any retraining: test accuracy in per cent, mean ± 95 %.", header, rows)


def _costs(ours: Sequence[Result]) -> Table:
    rows = []
    for length, words in LENGTH_TITLES.items():
        for harm, position in (*CONTROLS, *CASES):
            row = [words, TITLES[harm], position]
            for way in ("alone", "onward"):
                case = f"{harm}_{position}_{length}"
                passes = _of(ours, f"{case}_bp_as_{way}_passes").value
                seconds = [_of(ours, f"{case}_{one}_seconds").value for one in (way, f"bp_as_{way}")]
                row += [f"{passes:.2f}", " / ".join(f"{one:.1f}" for one in seconds)]
            rows.append(row)
    header = ["retraining", "damage", "block", "BP's passes for the damaged block", "seconds, both", "BP's passes for it and later ones", "seconds, both"]  # fmt: skip
    caption = (
        "Passes that BP makes with the multiply-adds of Mono-Forward's two ways, and the mean seconds of Mono-Forward / BP: "
        "of a machine that ran other things too, optimiser and all, so no measure to judge by."
    )
    return Table(caption, header, rows)


def _retrained(ours: Sequence[Result], length: str) -> Table:
    rows = [
        [TITLES[harm], position, *(points(change(ours, harm, position, length, way)) for way in WAYS)]
        for harm, position in (*CONTROLS, *CASES)
    ]
    caption = "Accuracy of the net (its last block) in points against before the damage, mean ± 95 %."
    return Table(caption, ["damage", "block", *WAYS.values()], rows)


def _against_control(ours: Sequence[Result], length: str) -> Table:
    rows = []
    for harm, position in CASES:
        judged = [against_control(ours, harm, position, length, way) for way in ("alone", "onward")]
        alone = [points(left_alone(ours, harm, position, rule)) for rule in ("", "bp_")]
        leads = [points(lead(ours, harm, position, length, way)) for way in ("alone", "onward")]
        rows.append([TITLES[harm], position, *alone, *(f"{points(one)}: {fate(one)}" for one in judged), *leads])
    header = ["damage", "block", "cleared, not retrained", "BP, cleared, not retrained", WAYS["alone"], WAYS["onward"], "lead over BP, the block", "lead over BP, it and the later ones"]  # fmt: skip
    caption = (
        "What is left of the damage, in points, mean ± 95 %: without retraining, against before; retrained, against an undamaged net retrained "
        "alike; and how much less that is than what is left of it in BP, after as many multiply-adds."
    )
    return Table(caption, header, rows)


def _every_block(ours: Sequence[Result], length: str) -> Table:
    rows = []
    for harm, position in (*CONTROLS, *CASES):
        cells = [cell for way in ("alone", "onward") for cell in _blocks(ours, f"{harm}_{position}_{length}_{way}")]
        rows.append([TITLES[harm], position, *cells])
    header = ["damage", "block", *(f"{words}: block {k}" for words in ("alone", "onward") for k in BLOCKS)]
    caption = (
        "What every block says after the damaged one alone, or it and all later ones, were retrained: "
        "test accuracy in per cent, mean ± 95 %."
    )
    return Table(caption, header, rows)


def _of(ours: Sequence[Result], metric: str) -> Mean:
    return mean(values(ours, metric))


def _blocks(ours: Sequence[Result], name: str) -> list[str]:
    return [percent(_of(ours, f"{name}_block_{k}")) for k in BLOCKS]


ARTEFACT = Artefact(
    "damage",
    "Damaged blocks: does only the damaged layer need to be retrained?",
    "Mono-Forward, section 3.3",
    (EXPERIMENT,),
    render,
)
