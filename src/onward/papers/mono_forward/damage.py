"""A damaged block: what the net still says, and whether "only the damaged layer needs to be retrained" (section 3.3).

A block retrained alone becomes another block; those behind it were taught by the old one. So the sentence is put to the test
for the first, a middle and the last block, against retraining the later ones too, and against backpropagation retrained for as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from onward.datasets import images
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, values
from onward.kernels.damage import bits_flipped, zeroed
from onward.nets.builders import mlp
from onward.papers.mono_forward.cells import BATCH, recipe
from onward.papers.mono_forward.claims import counted, stands, told, within
from onward.papers.mono_forward.retraining import POSITIONS, Harm, damage_and_retrain, hurt, perturb, unharmed
from onward.papers.mono_forward.words import percent, points
from onward.reports.artefact import Artefact, Element, Results, Table, Text
from onward.training.fit import Recipe

SEEDS = 3
UNHARMED = "none"
HARMS: dict[str, Harm] = {
    UNHARMED: unharmed,
    "zeroed": partial(hurt, how=partial(zeroed, part=0.5)),
    "bits": partial(hurt, how=partial(bits_flipped, probability=1e-5)),
    "attack": partial(perturb, strength=0.3),
}
TITLES = {
    UNHARMED: "none",
    "zeroed": "half of the weights lost",
    "bits": "bits flipped, one of 100,000",
    "attack": "a step up the loss, 0.3 of the weights' length",
}
RECIPE = recipe(0.001, 5)
AGAIN = Recipe(partial(torch.optim.Adam, lr=0.0003, fused=True), 1, BATCH, products=torch.bfloat16)
EXPERIMENT = Experiment(
    "mf/damage/mnist",
    partial(
        damage_and_retrain,
        data=images.mnist,
        net=partial(mlp, (1, 28, 28), (1000, 1000, 1000), 10, bias=False),
        harms=HARMS,
        recipe=RECIPE,
        again=AGAIN,
    ),
    seeds=SEEDS,
    together=1,
)
CASES = [(harm, position) for harm in HARMS for position in POSITIONS if harm != UNHARMED]
CONTROLS = [(UNHARMED, position) for position in POSITIONS]


def render(results: Results) -> list[Element]:
    """Show every damage and every way back, and judge the paper's sentences."""
    ours = results[EXPERIMENT.name]
    intro = (
        f"MNIST, nets of 3 x 1000 without biases, {RECIPE.epochs} passes of Adam at 0.001 with cosine decay, then damage, then {AGAIN.epochs} pass at 0.0003; "
        f"{SEEDS} seeds, **reduced**. BP is retrained whole for as many seconds as Mono-Forward's damaged block alone took, and also its damaged "
        f"block alone for as many passes. Flipped bits make weights as large as 1e38, from which nothing can be learned: weights "
        f"beyond the largest before the damage are set to 0 before any retraining."
    )
    if not ours:
        return [Text(intro), Text("Not run.")]
    return [Text(intro), _damaged(ours), _retrained(ours), *(Text(one) for one in verdicts(ours))]


def _damaged(ours: Sequence[Result]) -> Table:
    header = ["damage", "block", *(f"block {k} says" for k in (1, 2, 3)), "BP"]
    before = [percent(mean(values(ours, f"before_block_{k}"))) for k in (1, 2, 3)]
    rows = [[TITLES[UNHARMED], "", *before, percent(mean(values(ours, "bp_before")))]]
    for harm, position in CASES:
        cells = [percent(mean(values(ours, f"{harm}_{position}_damaged_block_{k}"))) for k in (1, 2, 3)]
        rows.append([TITLES[harm], position, *cells, percent(mean(values(ours, f"{harm}_{position}_bp_damaged")))])
    return Table("After the damage, before any retraining: test accuracy in per cent, mean ± 95 %.", header, rows)


WAYS = {
    "alone_last": "damaged block retrained",
    "onward_last": "it and all later ones",
    "bp_all": "BP, all of it, same time",
    "bp_alone": "BP, damaged block",
}


def _retrained(ours: Sequence[Result]) -> Table:
    rows = [
        [TITLES[harm], position, *(points(_change(ours, harm, position, way)) for way in WAYS)]
        for harm, position in (*CONTROLS, *CASES)
    ]
    caption = "Retrained: accuracy of the net (its last block) in points against before the damage, mean ± 95 %."
    return Table(caption, ["damage", "block", *WAYS.values()], rows)


def _change(ours: Sequence[Result], harm: str, position: str, way: str) -> Mean:
    return within(ours, f"{harm}_{position}_{way}", "bp_before" if way.startswith("bp") else "before_last")


def verdicts(ours: Sequence[Result]) -> list[str]:
    """Judge both sentences of the paper, and Mono-Forward's way back against that of BP, by the intervals."""
    return [_only_the_damaged(ours), _later_too(ours), _against_backprop(ours), _without_retraining(ours)]


RECOVERED = "recovered"
BUT_FOR = "below what it was, but level with an undamaged net whose block was retrained alike"
NOT_RECOVERED = "not recovered"
NOT_JUDGED = "one seed, not judged"


def _only_the_damaged(ours: Sequence[Result]) -> str:
    groups: dict[str, list[str]] = {RECOVERED: [], BUT_FOR: [], NOT_RECOVERED: [], NOT_JUDGED: []}
    for harm, position in CASES:
        change = _change(ours, harm, position, "alone_last")
        control = within(ours, f"{harm}_{position}_alone_last", f"{UNHARMED}_{position}_alone_last")
        group = {"unknown": NOT_JUDGED, "below": NOT_RECOVERED if stands(control) == "below" else BUT_FOR}
        groups[group.get(stands(change), RECOVERED)].append(f"{TITLES[harm]}, {position} block ({points(change)})")
    if groups[NOT_JUDGED]:
        holds = "cannot be judged"
    elif not groups[NOT_RECOVERED]:
        holds = "**is not contradicted**"
    else:
        holds = "**holds in part**" if groups[RECOVERED] or groups[BUT_FOR] else "**does not hold**"
    return f"*Only the damaged layer needs to be retrained* {holds} here. {counted(groups)}."


def _later_too(ours: Sequence[Result]) -> str:
    told_so = [
        f"{TITLES[harm]}, {position} block: {told(within(ours, f'{harm}_{position}_onward_last', f'{harm}_{position}_alone_last'))}"
        for harm, position in CASES
        if position != POSITIONS[-1]
    ]
    return f"Retraining the later blocks too, against the damaged one alone: {'; '.join(told_so)}."


def _against_backprop(ours: Sequence[Result]) -> str:
    groups: dict[str, list[str]] = {}
    for harm, position in CASES:
        lost = [
            r.metrics[f"{harm}_{position}_alone_last"]
            - r.metrics["before_last"]
            - r.metrics[f"{harm}_{position}_bp_all"]
            + r.metrics["bp_before"]
            for r in ours
        ]
        words = {"above": "nearer to what it was than BP", "below": "farther from it than BP", "level": "as near as BP"}
        group = words.get(stands(mean(lost)), "one seed, not judged")
        groups.setdefault(group, []).append(f"{TITLES[harm]}, {position} block ({points(mean(lost))})")
    passes = mean([r.metrics[f"{harm}_{position}_bp_passes"] for r in ours for harm, position in CASES])
    return f"After the same time, in which BP makes {passes.value:.2f} passes on average, Mono-Forward with its damaged block alone retrained is: {counted(groups)}."


def _without_retraining(ours: Sequence[Result]) -> str:
    """The blocks before the damaged one are untouched, so their accuracy is what it was; the question is how much less it is."""
    told_so = [
        f"block {k}, if block {k + 1} is damaged: {told(within(ours, f'before_block_{k}', 'before_last'))}" for k in (1, 2)
    ]
    harmed = [f"{harm}_{POSITIONS[k]}_damaged_block_{k}" for harm in HARMS for k in (1, 2)]
    same = all(result.metrics[name] == result.metrics[f"before_block_{name[-1]}"] for result in ours for name in harmed)
    kept = "is as it was" if same else "**is not what it was**"
    return (
        f"*Without any retraining predictions come from earlier layers*: what earlier blocks say {kept}; against the whole net before, {'; '.join(told_so)}. "
        f"Nothing stands before the first block."
    )


ARTEFACT = Artefact(
    "damage",
    "Damaged blocks: does only the damaged layer need to be retrained?",
    "Mono-Forward, section 3.3",
    (EXPERIMENT,),
    render,
)
