"""What the times say of the goals: reached or missed only where the whole interval is on one side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from onward.experiments.medians import Middle, ratio
from onward.experiments.result import Result
from onward.papers.mesh_neural_networks.gradients import OURS

OVER_NUMPY, OVER_JACFWD, OF_BPTT, OF_BPTT_ANYWHERE = 2000, 300, 1.5, 2
EAGER = ("bptt", "backprop")


def chosen(result: Result) -> str:
    """Name the engine that the library took."""
    return OURS[result.metrics["chosen"]]


def eager(result: Result) -> str:
    """Name the quicker of the two eager ways of BPTT."""
    return quickest(result, EAGER)


def quickest(result: Result, ways: Sequence[str]) -> str:
    """Name the way of the lowest median time."""
    return min((way for way in ways if way in result.history), key=lambda way: median(result.history[way]))


def against(result: Result, way: str, base: str) -> Middle:
    """Give how many times as long one way takes as another, turn by turn."""
    return ratio(result.history[way], result.history[base])


def judged(found: Middle, goal: float, *, at_least: bool) -> str:
    """Say whether a goal is reached: by the whole interval, not at all, or in doubt."""
    low, high = (found.low, found.high) if at_least else (-found.high, -found.low)
    wanted = goal if at_least else -goal
    if low >= wanted:
        return f"reached, {found}"
    return f"**not reached**, {found}" if high < wanted else f"not decided, {found}"


def verdicts(found: Sequence[tuple[str, bool, Result]], *, mnist: str) -> list[str]:
    """Judge the goals.

    Args:
        found: of each net its title, whether it is one of the paper's, and its result.
        mnist: title of the net that most goals are for.
    """
    sentences = []
    for title, of_paper, result in found:
        history, ours = result.history, chosen(result)
        if ours not in history:
            continue
        if title == mnist:
            sentences += _of_rivals(title, result)
        if of_paper:
            goal = OF_BPTT if title == mnist else OF_BPTT_ANYWHERE
            beside = against(result, ours, eager(result))
            sentences.append(
                f"*{title}*: at most {goal:g} times eager BPTT was the goal; {judged(beside, goal, at_least=False)}."
            )
    best = [(title, result, quickest(result, (*EAGER, "bptt_compiled"))) for title, _, result in found]
    slower = [
        f"{title} {against(result, chosen(result), rival)}"
        for title, result, rival in best
        if chosen(result) in result.history and against(result, chosen(result), rival).low > 1
    ]
    if found:
        sentences.append(
            "*Where it loses*: beside the quickest BPTT, compiled or not, the engine that the library chooses is slower on "
            f"{'; '.join(slower) or 'none of these nets'} (times as long).{_naive(found)}"
        )
    return sentences


def _naive(found: Sequence[tuple[str, bool, Result]]) -> str:
    """Name the nets on which calling operations is all that costs, so that NumPy calls fewer."""
    quicker = [
        title
        for title, _, result in found
        if {"numpy", chosen(result)} <= set(result.history) and against(result, chosen(result), "numpy").low > 1
    ]
    return f" Even the naive NumPy is quicker on {'; '.join(quicker)}." if quicker else ""


def _of_rivals(title: str, result: Result) -> list[str]:
    ours, sentences = chosen(result), []
    for rival, words, goal in (("numpy", "the naive NumPy", OVER_NUMPY), ("jacfwd", "`jacfwd`", OVER_JACFWD)):
        if rival in result.history:
            also = ""
            if rival == "numpy" and "numpy_single" in result.history:
                also = f" Beside NumPy in float32, as ours is: {against(result, 'numpy_single', ours)}."
            beside = judged(against(result, rival, ours), goal, at_least=True)
            sentences.append(f"*{title}*: at least {goal} times as fast as {words} was the goal; {beside}.{also}")
    return sentences


def memory_verdict(result: Result) -> str:
    """Say how bytes grow with ticks, to the byte."""
    of_ours, of_rival = (
        dict(zip(result.history[f"{way}_places"], result.history[f"{way}_bytes"], strict=True))
        for way in ("influence", "bptt")
    )
    settled = {ticks: size for ticks, size in of_ours.items() if ticks >= 3}
    ticks = sorted(of_rival)
    slopes = [(of_rival[b] - of_rival[a]) / (b - a) for a, b in pairwise(ticks) if a > 1]
    if len(settled) < 2 or not slopes:
        return "*Memory against ticks*: too few numbers of ticks are measured."
    flat = len(set(settled.values())) == 1 and all(size <= max(settled.values()) for size in of_ours.values())
    held = (
        f"the same {next(iter(settled.values())):,} bytes at every number of ticks from {min(settled)} to {max(settled):,}, and no more below"
        if flat
        else f"{min(of_ours.values()):,} to {max(of_ours.values()):,} bytes, **not constant**"
    )
    grows = f"{slopes[0]:,.0f}" if len(set(slopes)) == 1 else f"{min(slopes):,.1f} to {max(slopes):,.1f}"
    last = ticks[-1]
    return (
        f"*Memory against ticks*: the influence engine holds {held}. BPTT keeps {grows} bytes more with every tick: "
        f"{of_rival[last]:,} at {last:,}. "
        f"{_crossing(of_ours, of_rival)}"
    )


def _crossing(ours: dict[int, int], theirs: dict[int, int]) -> str:
    fewer = [ticks for ticks in sorted(ours) if ticks in theirs and ours[ticks] < theirs[ticks]]
    return (
        f"Influence holds less from {fewer[0]:,} ticks on." if fewer else "Influence holds more at every number of ticks."
    )


def where_slower(result: Result, way: str, words: str, x: str) -> str:
    """Say at which places a way is slower than eager BPTT beyond both intervals, and by how much at the last."""
    history = result.history
    theirs = {
        place: (value, high)
        for place, value, high in zip(history["bptt_places"], history["bptt_seconds"], history["bptt_high"], strict=True)
    }
    own = zip(history[f"{way}_places"], history[f"{way}_seconds"], history[f"{way}_low"], strict=True)
    both = [(place, value / theirs[place][0], low > theirs[place][1]) for place, value, low in own if place in theirs]
    if not both:
        return f"*{words}* is not measured."
    slower = [f"{place:,}" for place, _, beyond in both if beyond]
    last, times, _ = both[-1]
    where = f"slower than eager BPTT at {', '.join(slower)} {x}" if slower else "nowhere slower than eager BPTT"
    return f"*{words}* is {where}; at {last:,}, the last that it was run for, it takes {times:.3g} times as long."
