"""What the intervals say of graphs that change: against all edges, against random pruning, and the smallest part that will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, holm, paired
from onward.papers.mesh_neural_networks.changing_cells import DENSE, ONLINE, PARTS, PROBLEMS, RANDOM, WORDS
from onward.papers.mesh_neural_networks.changing_trials import percent
from onward.papers.mesh_neural_networks.words import listed

POINT = 0.01  # of accuracy: what may be lost
BETTER, WORSE, LEVEL, CANNOT = "**better** at", "**worse** at", "not told apart at", "without a comparison at"
Found = Mapping[tuple[str, str], Sequence[Result]]


@dataclass(frozen=True)
class Descent:
    """How far down the parts of the edges a way loses one point of accuracy at most, and what ended it.

    Attributes:
        least: the smallest part that passed, as all larger ones did; None where the first did not.
        ended_at: the part after it, which did not pass; None where all passed, or where the way cannot come to it.
        change: of accuracy there.
    """

    least: float | None
    ended_at: float | None = None
    change: Mean | None = None

    @property
    def lost(self) -> bool:
        """Whether more than one point is lost by the whole interval where it ended; if not, that is undecided there."""
        return self.change is not None and self.change.value + self.change.half < -POINT


def at(results: Sequence[Result], metric: str, part: float) -> list[Result]:
    """Give the results that came to a part of the edges, with what was measured there under the plain name of the metric."""
    key = f"{metric}_at_{percent(part)}"
    return [replace(result, metrics={metric: result.metrics[key]}) for result in results if key in result.metrics]


def change(found: Found, problem: str, way: str, part: float, over: str = DENSE) -> Mean:
    """Give how much better a way is than another (or than all edges) at a part of the edges, paired by seed."""
    theirs = at(found[problem, over], "test_accuracy", 1.0 if over == DENSE else part)
    return paired(at(found[problem, way], "test_accuracy", part), theirs, "test_accuracy")


def descend(found: Found, problem: str, way: str, *, sure: bool) -> Descent:
    """Find the smallest part of the edges down to which a way loses one point of accuracy at most.

    By the means or, to be sure, by the lower ends of the 95 % intervals. Parts are looked at in a fixed order, from the largest down,
    and the first that does not pass is the last that is looked at. So the first part that must not pass is passed wrongly as seldom as in a
    single test, and no interval is widened (a fixed-sequence test; Maurer, Hothorn and Lehmacher, 1995).
    """
    least = None
    for part in PARTS:
        against = change(found, problem, way, part)
        if against.n < 1 + sure:
            return Descent(least)
        if against.value - (against.half if sure else 0.0) < -POINT:
            return Descent(least, part, against)
        least = part
    return Descent(least)


def verdict(found: Found, problem: str) -> str:
    """Judge the ways during training against random pruning before it; what is told apart, Holm's procedure over the parts of a way says."""
    return " ".join(_against_random(found, problem, way) for way in ONLINE)


def _against_random(found: Found, problem: str, way: str) -> str:
    against = {part: change(found, problem, way, part, RANDOM) for part in PARTS}
    compared = [part for part, one in against.items() if one.n > 1]
    differs = dict(zip(compared, holm([against[part] for part in compared]), strict=True))
    told: dict[str, list[str]] = {BETTER: [], WORSE: [], LEVEL: [], CANNOT: []}
    for part, one in against.items():
        if part not in differs:
            told[CANNOT].append(f"{percent(part)} %")
            continue
        words = LEVEL if not differs[part] else BETTER if one.value > 0 else WORSE
        told[words].append(f"{percent(part)} % ({one.value:+.3f} ± {one.half:.3f})")
    said = "; ".join(f"{words} {listed(parts)}" for words, parts in told.items() if parts)
    return f"{PROBLEMS[problem].title}, {WORDS[way]} against random: {said}."
