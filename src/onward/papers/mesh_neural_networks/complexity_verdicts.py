"""What counts and times say of a derivation: counts by equality, exponents by a tolerance, times by that and their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from onward.experiments.exponents import FEWEST, Exponent, exponent, upper_half
from onward.experiments.rounding import to_three

WITHIN = 0.15  # of an exponent, as lower terms bend all but a leading one
TOO_WIDE = 0.5  # half-width from which on an interval tells nothing, as it holds other powers
FEWEST_PLACES = 5
AS, LESS, MORE, UNTOLD = (
    "as derived",
    "less steeply than derived",
    "**more steeply than derived**",
    "in a way that cannot be told",
)
History = Mapping[str, Sequence[float | int]]


class Curve(NamedTuple):
    """What was found of a way while something grew.

    Attributes:
        growth: what grew, in words.
        way: its name in the history.
        words: its name in sentences.
        derived: the exponent of its operations; None where the derivation is no single power.
        history: of the result, of all ways.
    """

    growth: str
    way: str
    words: str
    derived: int | None
    history: History

    def of(self, what: str) -> Sequence[float | int]:
        """Give a series of this way."""
        return self.history[f"{self.way}_{what}"]

    @property
    def named(self) -> str:
        """The way and what grew."""
        return f"{self.words} in {self.growth}"


def fitted(history: History, way: str, what: str) -> Exponent | None:
    """Fit the exponent of what was measured or counted; None if too few places were run."""
    places = history[f"{way}_places"]
    if not places or len(upper_half(places)) < FEWEST:
        return None
    return exponent(places, history[f"{way}_{what}"])


def verdict(curves: Sequence[Curve], *, base: str) -> list[str]:
    """Judge counts and times of all curves; then name what each way takes beside a `base`."""
    return [_counts(curves), _exponents(curves), *_times(curves), _beside(curves, base)]


def _counts(curves: Sequence[Curve]) -> str:
    """Compare the products of every place with those that are derived, one by one."""
    steps, wrong = 0, []
    for curve in curves:
        pairs = list(zip(curve.of("places"), curve.of("products"), curve.of("derived"), strict=True))
        steps += len(pairs)
        off = [(place, run / derived) for place, run, derived in pairs if run != derived]
        if off:
            place, times = max(off, key=lambda one: abs(one[1] - 1))
            wrong.append(f"{curve.named} ({len(off)} of {len(pairs)}, at {place:,} {times:.7g} times)")
    if not steps:
        return "*Operations*: none are counted."
    return (
        f"*Operations*: **not all as derived**; other than derived are {'; '.join(wrong)}."
        if wrong
        else f"*Operations*: what is multiplied is derived to the last product, in all {steps:,} steps that were counted."
    )


def _exponents(curves: Sequence[Curve]) -> str:
    off = []
    for curve in curves:
        found = fitted(curve.history, curve.way, "products")
        if found is not None and curve.derived is not None and abs(found.value - curve.derived) > WITHIN:
            off.append(f"{curve.named} ({found.value:.2f} for {curve.derived})")
    return "*Exponents of counted operations* " + (
        f"differ by more than {WITHIN:g} from that of the leading term for {'; '.join(off)}; elsewhere they agree."
        if off
        else f"agree with that of the leading term within {WITHIN:g} everywhere."
    )


def _times(curves: Sequence[Curve]) -> list[str]:
    kinds: dict[str, list[str]] = {AS: [], LESS: [], MORE: [], UNTOLD: []}
    for curve in curves:
        found = fitted(curve.history, curve.way, "seconds")
        if found is not None and curve.derived is not None:
            kind = _kind(found, curve.derived)
            kinds[kind].append(curve.named if kind == AS else f"{curve.named} ({found} for {curve.derived})")
    return [f"*Time*, on 1 thread, grows {kind}: {'; '.join(names)}." for kind, names in kinds.items() if names]


def _kind(found: Exponent, derived: int) -> str:
    """Tell whether the whole interval is on one side of what is as derived, or so wide that nothing follows."""
    if found.half >= TOO_WIDE or found.n < FEWEST_PLACES:
        return UNTOLD
    if found.value + found.half < derived - WITHIN:
        return LESS
    return MORE if found.value - found.half > derived + WITHIN else AS


def _beside(curves: Sequence[Curve], base: str) -> str:
    """Say how many times as long as the base each way takes, at the last place that all were run at."""
    parts = []
    for growth, group in groupby(curves, key=lambda curve: curve.growth):
        every = list(group)
        seconds = {curve.way: dict(zip(curve.of("places"), curve.of("seconds"), strict=True)) for curve in every}
        common = set.intersection(*(set(each) for each in seconds.values()))
        if common:
            place = max(common)
            times = ", ".join(
                f"{curve.words} {to_three(seconds[curve.way][place] / seconds[base][place])}"
                for curve in every
                if curve.way != base
            )
            parts.append(f"{growth} {place:,}: {times}")
    called = next(curve.words for curve in curves if curve.way == base)
    return f"*Times as long as the {called}*, on 1 thread, at the last place that all were run at: {'; '.join(parts) or 'there is none'}."
