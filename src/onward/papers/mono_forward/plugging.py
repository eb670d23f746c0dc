"""Plugging in: a block added to a trained net and trained alone, and classes that come later.

The paper (section 3.3): layers can be plugged in and out "without requiring any modifications to preceding layers", and the first
two layers of a net of two are those of a net of three. That is exact by construction, and counted here in weights that
differ; what is open is how well an added block does, and what happens to old classes when new ones come.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from onward.datasets import images
from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import mean, stands, values
from onward.nets.builders import mlp
from onward.papers.mono_forward.cells import recipe
from onward.papers.mono_forward.plugging_trials import ARMS, AT_ONCE, NAMES, add_a_block, learn_new_classes
from onward.papers.mono_forward.words import percent, told, within
from onward.reports.artefact import Artefact, Element, Results, Table, Text

SEEDS = 3
CLASSES, LATER = 10, (8, 9)
NET = partial(mlp, (1, 28, 28), bias=False)
WIDTHS = (1000, 1000, 1000)
FIRST, AGAIN = recipe(0.001, 4), recipe(0.001, 2)
AT_ONCE_RECIPE = recipe(0.001, FIRST.epochs + AGAIN.epochs)


ADDED = Experiment(
    "mf/plugging/added-block",
    partial(add_a_block, data=images.mnist, net=NET, widths=WIDTHS, outputs=CLASSES, recipe=FIRST),
    seeds=SEEDS,
    together=1,
)
NEW = Experiment(
    "mf/plugging/new-classes",
    partial(
        learn_new_classes,
        data=images.mnist,
        net=NET,
        widths=WIDTHS[:2],
        later=LATER,
        classes=CLASSES,
        first=FIRST,
        again=AGAIN,
        at_once=AT_ONCE_RECIPE,
    ),
    seeds=SEEDS,
    together=1,
)


def render(results: Results) -> list[Element]:
    """Show the added block beside the net that was trained at once, then old and new classes."""
    added, new = results[ADDED.name], results[NEW.name]
    elements: list[Element] = [
        Text(
            f"MNIST, blocks of {WIDTHS[0]} without biases, {FIRST.epochs} passes of Adam at 0.001 with cosine decay a training, {SEEDS} seeds; **reduced**."
        ),
        Text("## A third block, added to a trained net of two and trained alone"),
    ]
    elements += [_blocks(added), Text(" ".join(added_verdicts(added)))] if added else [Text("Not run.")]
    elements.append(Text("## Classes that come later"))
    elements += [_classes(new), Text(" ".join(class_verdicts(new)))] if new else [Text("Not run.")]
    return elements


def _blocks(added: Sequence[Result]) -> Table:
    names = {"short": "two blocks", "added": "two blocks, then a third trained alone", "whole": "three blocks at once"}
    rows = []
    for name, words in names.items():
        depth = len(WIDTHS) - (name == "short")
        cells = [percent(mean(values(added, f"{name}_test_accuracy_block_{k}"))) for k in range(1, depth + 1)]
        rows.append([words, *cells, *[""] * (len(WIDTHS) - depth)])
    header = ["net", *(f"block {k}" for k in range(1, len(WIDTHS) + 1))]
    return Table("Test accuracy of every block in per cent: mean ± 95 %.", header, rows)


def added_verdicts(added: Sequence[Result]) -> list[str]:
    """Count what changed in the blocks before, and compare the added block with the one that learned with them."""
    last = len(WIDTHS)
    changed, unlike, weights = (
        sum(values(added, metric)) for metric in ("changed_weights", "weights_unlike_whole", "weights")
    )
    kept = "**holds**" if not changed and not unlike else "**does not hold**"
    kept += " in one seed, which says nothing about others" if len(added) < 2 else ""
    alone = within(added, f"added_test_accuracy_block_{last}", f"whole_test_accuracy_block_{last}")
    gain = within(added, f"added_test_accuracy_block_{last}", f"short_test_accuracy_block_{last - 1}")
    told_so = (
        f"*Without modifications to preceding layers* {kept}: of {weights:.0f} weights of the first two blocks, all seeds together, {changed:.0f} changed when the third was "
        f"added and trained, and {unlike:.0f} differ from those of the net of three."
    )
    return [
        told_so,
        f"The added block against the third of the net that learned at once is {told(alone)}; against the second block, on which it stands, {told(gain)}.",
    ]


def _classes(new: Sequence[Result]) -> Table:
    whens = ("before", "grown", "old", "apart", "new")
    rows = [[words, *(percent(mean(values(new, f"{name}_{when}"))) for when in whens)] for name, words in ARMS.items()]
    for name, words in AT_ONCE.items():
        rows.append([words, "", "", *(percent(mean(values(new, f"{name}_{when}"))) for when in whens[2:])])
    header = [
        "what learns, from what",
        "old, before",
        "old, rows of zeros added",
        "old, after",
        "old, after, told apart among the old",
        "new, after",
    ]
    caption = (
        f"Test accuracy in per cent on the {CLASSES - len(LATER)} old classes and the {len(LATER)} new ones, after {AGAIN.epochs} more passes "
        f"({AT_ONCE_RECIPE.epochs} in all for the nets that learned all classes at once): mean ± 95 %."
    )
    return Table(caption, header, rows)


FATES = {
    "below": "forgets the old classes",
    "above": "tells the old classes apart better than before",
    "level": "is not seen to forget the old classes",
    "unknown": "has one seed",
}


def class_verdicts(new: Sequence[Result]) -> list[str]:
    """Say for every arm whether the old classes were forgotten, which is judged among themselves, and what all classes add.

    To choose among ten classes is harder than among eight, so a loss on old examples is not yet one of memory.
    """
    sentences = []
    for name, words in ARMS.items():
        lost, whole = within(new, f"{name}_apart", f"{name}_before"), within(new, f"{name}_old", f"{name}_before")
        once = within(new, f"{name}_old", f"{name[:2]}_once_old")
        sentences.append(
            f"{words}: {FATES[stands(lost)]} (old examples against before, told apart among the old classes: {told(lost)}; among all: {told(whole)}; "
            f"among all, against a net that learned all at once: {told(once)})."
        )
    rival = mean(
        [
            (r.metrics["mf_new_apart"] - r.metrics["mf_new_before"])
            - (r.metrics["bp_new_apart"] - r.metrics["bp_new_before"])
            for r in new
        ]
    )
    sentences.append(
        f"With the new classes alone, what {NAMES['mf']} keeps of the old ones, among themselves, against {NAMES['bp']} is {told(rival)}."
    )
    return sentences


ARTEFACT = Artefact(
    "plugging",
    "Blocks and classes that are added to a trained net",
    "Mono-Forward, section 3.3, on hot-plugging",
    (ADDED, NEW),
    render,
)
