"""What the intervals say of graphs that change: against all edges, against random pruning, and the smallest part that will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, paired, wider
from onward.papers.mesh_neural_networks.changing_cells import DENSE, ONLINE, PARTS, PROBLEMS, RANDOM, WORDS
from onward.papers.mesh_neural_networks.changing_trials import percent
from onward.papers.mesh_neural_networks.words import listed

POINT = 0.01  # of accuracy: what may be lost
Found = Mapping[tuple[str, str], Sequence[Result]]


def at(results: Sequence[Result], metric: str, part: float) -> list[Result]:
    """Give the results that came to a part of the edges, with what was measured there under the plain name of the metric."""
    key = f"{metric}_at_{percent(part)}"
    return [replace(result, metrics={metric: result.metrics[key]}) for result in results if key in result.metrics]


def change(found: Found, problem: str, way: str, part: float, over: str = DENSE) -> Mean:
    """Give how much better a way is than another (or than all edges) at a part of the edges, paired by seed."""
    theirs = at(found[problem, over], "test_accuracy", 1.0 if over == DENSE else part)
    return paired(at(found[problem, way], "test_accuracy", part), theirs, "test_accuracy")


def smallest(found: Found, problem: str, way: str, *, sure: bool) -> float | None:
    """Give the smallest part of the edges down to which a way loses one point of accuracy at most; None where no part does.

    By the means or, to be sure, by the lower ends of the intervals, widened for the number of parts.
    """
    least = None
    for part in PARTS:
        lost = change(found, problem, way, part)
        if not lost.n or (sure and lost.n < 2):
            break
        if lost.value - (wider(lost, len(PARTS)).half if sure else 0.0) < -POINT:
            break
        least = part
    return least


def verdict(found: Found, problem: str) -> list[str]:
    """Judge the ways during training against random pruning before it, by intervals widened for all comparisons on a problem."""
    comparisons = len(ONLINE) * len(PARTS)
    sentences = []
    for way in ONLINE:
        better, worse, level, cannot = [], [], [], []
        for part in PARTS:
            against = change(found, problem, way, part, RANDOM)
            half = wider(against, comparisons).half
            if against.n < 2:
                cannot.append(f"{percent(part)} %")
            elif against.value - half > 0:
                better.append(f"{percent(part)} % ({against.value:+.3f} ± {half:.3f})")
            elif against.value + half < 0:
                worse.append(f"{percent(part)} % ({against.value:+.3f} ± {half:.3f})")
            else:
                level.append(f"{percent(part)} %")
        told = [
            f"{words} {listed(group)}"
            for words, group in (
                ("**better** at", better),
                ("**worse** at", worse),
                ("not told apart at", level),
                ("without a comparison at", cannot),
            )
            if group
        ]
        sentences.append(f"{PROBLEMS[problem].title}, {WORDS[way]} against random: {'; '.join(told)}.")
    return [f"Intervals are widened for {comparisons} comparisons. " + " ".join(sentences)]
