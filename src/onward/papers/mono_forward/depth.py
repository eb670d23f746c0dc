"""Whether depth holds a rule up: deeper nets against the shallowest of the same seeds, by how fast they learn and by where they come to.

Two numbers are judged, validation accuracy in the mean over the passes, which a slow start lowers, and after the last. The sentence fails where either is
lower for certain, and holds where neither can be lower by more than a margin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean, wider
from onward.papers.mono_forward.words import points
from onward.reports.artefact import Table

NAMES = {"mf": "Mono-Forward", "bp": "BP", "ff": "Forward-Forward"}
DEPTHS = (2, 4, 8, 16)
DEEP_EPOCHS = 8
MARGIN = 0.005  # of accuracy; what a deeper net may be lower by and not be inhibited
LEVEL = 0.97
HOLDS, FAILS, UNDECIDED = "holds", "**fails**", "undecided"
Curve = Sequence[float]
MEASURES: dict[str, Callable[[Curve], float]] = {
    "in the mean over the passes": fmean,
    "after the last": lambda curve: curve[-1],
}
Deep = Mapping[tuple[str, int], Sequence[Result]]  # by rule and layers


def passes_until(result: Result, accuracy: float) -> float:
    """Give the passes after which validation accuracy first was that high; one more than all if it never was."""
    curve = result.history["validation_accuracy"]
    return float(next((k for k, one in enumerate(curve, 1) if one >= accuracy), len(curve) + 1))


def change(deeper: Sequence[Result], shallow: Sequence[Result], measure: Callable[[Curve], float]) -> Mean:
    """Give how much more a deeper net has of a measure of its curve, paired by seed; the interval is widened, as all measures are judged together."""
    first = {result.seed: measure(result.history["validation_accuracy"]) for result in shallow}
    pairs = [(result, first[result.seed]) for result in deeper if result.seed in first]
    return wider(mean([measure(one.history["validation_accuracy"]) - other for one, other in pairs]), len(MEASURES))


def word(found: Mean) -> str:
    """Say of one change whether depth does not inhibit: it fails where the whole interval is below 0, and holds where it is above the margin."""
    if found.n < 2:
        return UNDECIDED
    if found.value + found.half < 0:
        return FAILS
    return HOLDS if found.value - found.half >= -MARGIN else UNDECIDED


def together(words: Sequence[str]) -> str:
    """Say it of all measures: one that fails is enough, and all must hold."""
    if FAILS in words:
        return FAILS
    return HOLDS if all(one == HOLDS for one in words) else UNDECIDED


def table(deep: Deep) -> Table:
    """Show every deeper net against the shallowest."""
    rows = []
    for (rule, layers), ours in deep.items():
        shallow = deep.get((rule, DEPTHS[0]), [])
        if layers != DEPTHS[0] and ours and shallow:
            found = [change(ours, shallow, measure) for measure in MEASURES.values()]
            said = [word(one) for one in found]
            cells = [cell for one, words in zip(found, said, strict=True) for cell in (points(one), words)]
            rows.append([NAMES[rule], f"{layers}", *cells, together(said)])
    caption = (
        f"Deeper nets against {DEPTHS[0]} layers of the same seeds: validation accuracy in points, ± 95 % of both numbers together. *Not inhibited* fails where an "
        f"interval lies below 0, holds where it lies above -{100 * MARGIN:g}, and is undecided otherwise."
    )
    header = ["rule", "layers", *(cell for words in MEASURES for cell in (words, "not inhibited")), "both"]
    return Table(caption, header, rows)


def verdict(deep: Deep) -> str:
    """Judge "not inhibited by depth" by the deepest net against the shallowest, paired by seed, and say what the others come to."""
    told = []
    for rule in ("mf", "bp"):
        shallow, deepest = (deep.get((rule, layers), []) for layers in (DEPTHS[0], DEPTHS[-1]))
        if shallow and deepest:
            found = {words: change(deepest, shallow, measure) for words, measure in MEASURES.items()}
            numbers = ", ".join(f"{points(one)} points {words}" for words, one in found.items())
            between = {layers: _judged(deep.get((rule, layers), []), shallow) for layers in DEPTHS[1:-1]}
            others = ", ".join(f"{words} with {layers}" for layers, words in between.items() if words)
            told.append(
                f"of {NAMES[rule]} it {_judged(deepest, shallow)} with {DEPTHS[-1]} layers ({numbers}; {_later(deepest, shallow)})"
                + (f", and {others}" if others else "")
            )
    if not told:
        return "Not run."
    return f"*Not inhibited by depth*, against {DEPTHS[0]} layers after as many passes: {'; '.join(told)}."


def _judged(deeper: Sequence[Result], shallow: Sequence[Result]) -> str:
    """Say it of one depth, as a predicate; nothing where it was not run."""
    if not deeper:
        return ""
    said = together([word(change(deeper, shallow, measure)) for measure in MEASURES.values()])
    return f"is {said}" if said == UNDECIDED else said


def _later(deepest: Sequence[Result], shallow: Sequence[Result]) -> str:
    """Say how many passes later the deepest net comes to the level."""
    first = {result.seed: passes_until(result, LEVEL) for result in shallow}
    later = mean([passes_until(result, LEVEL) - first[result.seed] for result in deepest if result.seed in first])
    never = sum(max(result.history["validation_accuracy"]) < LEVEL for result in deepest)
    spread = f" ± {later.half:.1f}" if later.n > 1 else " in one seed"
    never_so = f", where {never} of {len(deepest)} never come, which counts as {DEEP_EPOCHS + 1}" if never else ""
    return f"{later.value:+.1f}{spread} passes to {100 * LEVEL:.0f} %{never_so}"
