"""What the times of steps say: whether goals and the paper's ratios are reached, and what arithmetic allows.

Beside the goal stands its arithmetic where the optimiser, which takes as long for either rule, forbids it on this machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from onward.experiments.result import Result
from onward.papers.mono_forward import bounds
from onward.papers.mono_forward.bounds import IN_PARALLEL, Interval
from onward.papers.mono_forward.speed_cases import BEST, IN_TURN, Case


def ratio(slow: Sequence[float], fast: Sequence[float]) -> Interval:
    """Give how many times as fast one way is as another: the median over turns that stood side by side, with its interval."""
    return bounds.of_turns([one / other for one, other in zip(slow, fast, strict=True)])


def quickest(history: Mapping[str, Sequence[float]], ways: Sequence[str]) -> str:
    """Name the way of the lowest median time."""
    return min(ways, key=lambda way: median(history[way]))


def allowed(result: Result) -> float:
    """Give the ratio of the multiply-adds of BP to those of Mono-Forward."""
    return result.metrics["Backprop_products"] / result.metrics["MonoForward_products"]


def in_time(result: Result) -> float | None:
    """Give the ratio of times that is left of it, as the optimiser takes as long for either rule and the rest at best runs at the rate of BP."""
    history = result.history
    if "adam" not in history:
        return None
    whole, adam = median(history[quickest(history, BEST)]), median(history["adam"])
    return whole / (adam + (whole - adam) / allowed(result))


def in_parallel(result: Result) -> float | None:
    """Give the ratio to the best BP that blocks in parallel would have if a step took no longer than the blocks of the slower thread alone."""
    if "slowest_part" not in result.metrics:
        return None
    return median(result.history[quickest(result.history, BEST)]) / result.metrics["slowest_part"]


def verdicts(found: Sequence[tuple[Case, Result]]) -> list[str]:
    """Judge the goals, and the paper's ratios against both baselines, by the intervals of the medians."""
    sentences = []
    for case, result in found:
        history = result.history
        rival, ours = quickest(history, BEST), quickest(history, IN_TURN)
        against_best, against_first = (ratio(history[way], history[ours]) for way in (rival, "bp_first"))
        named = f"*{case.title}, threads {case.setting}*"
        if case.wanted is not None:
            sentences.append(
                f"{named}: at least {case.wanted:g} times the best BP was the goal, one block after another: {_judged(against_best, case.wanted)}."
                f"{_forbidden(case.wanted, result)}"
            )
        if case.printed is not None:
            best, first = (_judged(one, case.printed) for one in (against_best, against_first))
            why = ""
            if case.printed > allowed(result):
                why = f" Arithmetic allows {allowed(result):.2f} where both run at one rate, so the rest would be time that BP loses elsewhere."
            sentences.append(
                f"{named}: at least the paper's {case.printed:.2f} against the best BP: {best}; against BP as first written: {first}.{why}"
            )
    parallel = {
        f"{case.title}, {case.setting}": ratio(
            result.history[quickest(result.history, BEST)], result.history["mf_parallel"]
        )
        for case, result in found
        if "mf_parallel" in result.history
    }
    if parallel:
        below = [
            f"{case.title}, {case.setting} ({most:.2f})"
            for case, result in found
            if (most := in_parallel(result)) is not None and most < IN_PARALLEL
        ]
        forbidden = f" The blocks of the slower thread, timed alone, allow less in {'; '.join(below)}." if below else ""
        said = {f"{words} ({one})": bounds.word(one, IN_PARALLEL) for words, one in parallel.items()}
        sentences.append(
            f"*Blocks in parallel on two cores*, as threads of one process: {IN_PARALLEL:g} times the best BP on as many threads was the goal, {bounds.grouped(said)}.{forbidden} "
            "Blocks on two cores as processes are judged by the same goal in [ranks.md](ranks.md)."
        )
    return sentences


def _judged(found: Interval, bound: float) -> str:
    return f"{bounds.verdict(found, bound)}, {found}"


def _forbidden(wanted: float, result: Result) -> str:
    """Show the arithmetic where it forbids a goal on this machine."""
    most = in_time(result)
    if most is None or most >= wanted:
        return ""
    whole, adam = (1000 * median(result.history[way]) for way in (quickest(result.history, BEST), "adam"))
    return (
        f" Of BP's {whole:.1f} ms a step {adam:.1f} are Adam's, which Mono-Forward needs too; with {allowed(result):.2f} times fewer "
        f"multiply-adds at BP's rate {whole:.1f} / ({adam:.1f} + {whole - adam:.1f} / {allowed(result):.2f}) = {most:.2f} is what would be had if the rest ran at BP's rate."
    )
