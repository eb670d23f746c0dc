"""Rules for layered nets, as `onward compare` takes them: read, refused before anything is trained, and told about."""

from __future__ import annotations

from collections.abc import Sequence

from onward.cli.widths import widths
from onward.learners.by_name import RULES, Rule, rule
from onward.models import rivals
from onward.models.scores import CLASSES
from onward.tables.targets import Target

LAYERS = (64, 64)
WIDEST = 10_000  # neurons of a block


def rules_of(names: Sequence[str]) -> list[Rule]:
    """Give the rules of names.

    Raises:
        ValueError: a name that is unknown or given twice.
    """
    for k, name in enumerate(names):
        if name in names[:k]:
            raise ValueError(f"--rule {name} is asked for twice")
    return [rule(name) for name in names]


def layers_of(text: str | None, rules: Sequence[str]) -> tuple[int, ...]:
    """Read the neurons of the blocks of layered nets; `LAYERS` if they are left out.

    Raises:
        ValueError: what is no such list, too many neurons, or layers without a rule.
    """
    if text is None:
        return LAYERS
    if not rules:
        raise ValueError(f"--layers is for nets that a --rule teaches, but none is asked for, got --layers {text}")
    return widths("--layers", text, text.split(","), WIDEST, "64,64 or 64*3")


def check(rules: Sequence[Rule], target: Target) -> None:
    """Refuse rules that cannot predict a target: `ValueError`."""
    for one in rules:
        if target.task != CLASSES and not one.numbers:
            known = ", ".join(name for name, other in RULES.items() if other.numbers)
            raise ValueError(
                f"--rule {one.name} predicts classes only, but {target.name!r} is a number; numbers are predicted by {known}"
            )


def how(task: str, rules: Sequence[Rule], layers: Sequence[int]) -> list[str]:
    """Say how layered nets were trained; nothing where there is none."""
    if not rules:
        return []
    named = ", ".join(f"{one.name} ({one.title})" for one in rules)
    rates = ", ".join(f"{rate:g}" for rate in rivals.RATES)
    same = (
        f"Rules: {named}; all teach the same net of {'-'.join(map(str, layers))} ReLU neurons by Adam for {rivals.EPOCHS} "
        f"epochs, and chose one of the learning rates {rates} by the same folds."
    )
    odd = [one.name for one in rules if not one.calibrated]
    if not odd or task != CLASSES:
        return [same]
    return [
        same,
        f"The scores of {', '.join(odd)} are no log-odds: these chose by accuracy, and their log loss says little.",
    ]
