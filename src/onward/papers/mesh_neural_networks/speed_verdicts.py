"""What the times say of the goals: reached or missed only where the whole interval is on one side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from onward.experiments.medians import Median, ratio
from onward.experiments.result import Result
from onward.experiments.rounding import to_three
from onward.papers.mesh_neural_networks.gradients import OURS

OVER_NUMPY, OVER_JACFWD, OF_BPTT, OF_BPTT_ANYWHERE = 2000, 300, 1.5, 2
EAGER = ("bptt", "backprop")
BACKPROPAGATION = (*EAGER, "bptt_compiled", "by_hand", "by_hand_compiled")
NUMPY = {
    "numpy_single": "naive NumPy in float32 (ours in float32 too)",
    "numpy": "naive NumPy in float64, as the paper has it (ours in float32)",
}
FORWARD_MODE = {"jacfwd": "of the outputs, example by example", "jacfwd_of_loss": "of the loss of the batch"}


class Found(NamedTuple):
    """What was found for a net.

    Attributes:
        title: in sentences: the net, and on how many threads.
        result: of it.
        goal: times as long as eager BPTT that it may take; None where none was set.
        rivals: whether goals beside NumPy and `jacfwd` are set for it.
    """

    title: str
    result: Result
    goal: float | None = None
    rivals: bool = False


def chosen(result: Result) -> str:
    """Name the engine that the library took."""
    return OURS[result.metrics["chosen"]]


def eager(result: Result) -> str:
    """Name the quicker of the two eager ways of BPTT."""
    return quickest(result, EAGER)


def quickest(result: Result, ways: Sequence[str]) -> str:
    """Name the way of the lowest median time."""
    return min((way for way in ways if way in result.history), key=lambda way: median(result.history[way]))


def against(result: Result, way: str, base: str) -> Median:
    """Give how many times as long one way takes as another, turn by turn."""
    return ratio(result.history[way], result.history[base])


def judged(found: Median, goal: float, *, at_least: bool) -> str:
    """Say whether a goal is reached: by the whole interval, not at all, or in doubt."""
    low, high = (found.low, found.high) if at_least else (-found.high, -found.low)
    wanted = goal if at_least else -goal
    if low >= wanted:
        return f"reached, {found}"
    return f"**not reached**, {found}" if high < wanted else f"not decided, {found}"


def verdicts(found: Sequence[Found]) -> list[str]:
    """Judge the goals, then say on which nets there is a gain, on which it is the recording of a graph alone, and where there is none."""
    timed = [one for one in found if chosen(one.result) in one.result.history]
    sentences = []
    for one in timed:
        if one.rivals:
            sentences += _of_rivals(one)
        if one.goal is not None:
            beside = against(one.result, chosen(one.result), eager(one.result))
            sentences.append(
                f"*{one.title}*: at most {one.goal:g} times eager BPTT was the goal; {judged(beside, one.goal, at_least=False)}."
            )
    kinds: dict[str, list[str]] = {}
    for one in timed:
        if "by_hand" in one.result.history:
            kinds.setdefault(recording(one.result), []).append(one.title)
    if kinds:
        told = "; ".join(f"{kind} on {', '.join(titles)}" for kind, titles in kinds.items())
        sentences.append(
            f"*What of a gain over eager BPTT is the engine's own, and what the recording of a graph, which backpropagation by hand does without*: {told}."
        )
    if len(timed) < len(found):
        left = ", ".join(one.title for one in found if one not in timed)
        sentences.append(f"*Not timed* was the engine that the library chooses on {left}.")
    if timed:
        sentences.append(
            "*Where it loses*: beside the quickest backpropagation, by hand or by autograd, eager or compiled, the engine that the library chooses is slower on "
            f"{'; '.join(_slower(timed)) or 'none of these nets'} (times as long).{_naive(timed)}"
        )
    return sentences


def recording(result: Result) -> str:
    """Say by the intervals how the chosen engine stands beside backpropagation with a recorded graph and without."""
    ours = chosen(result)
    recorded, by_hand = against(result, ours, eager(result)), against(result, ours, "by_hand")
    if recorded.low > 1:
        return "there is no gain"
    if recorded.high >= 1:
        return "no gain can be told"
    if by_hand.high < 1:
        return "some of the gain is its own"
    return "the gain is the recording alone" if by_hand.low > 1 else "no more of the gain than the recording can be told"


def _slower(timed: Sequence[Found]) -> list[str]:
    """Name the nets on which some backpropagation is quicker by the whole interval."""
    slower = []
    for title, result, *_ in timed:
        rival = quickest(result, BACKPROPAGATION)
        beside = against(result, chosen(result), rival)
        if beside.low > 1:
            slower.append(f"{title} {beside}")
    return slower


def _naive(timed: Sequence[Found]) -> str:
    """Name the nets on which calling operations is all that costs, so that NumPy calls fewer."""
    quicker = [
        one.title
        for one in timed
        if any(way in one.result.history and against(one.result, chosen(one.result), way).low > 1 for way in NUMPY)
    ]
    return f" Even the naive NumPy is quicker on {'; '.join(quicker)}." if quicker else ""


def _of_rivals(found: Found) -> list[str]:
    title, result, *_ = found
    rivals = [(way, words, OVER_NUMPY) for way, words in NUMPY.items() if way in result.history]
    if set(FORWARD_MODE) & set(result.history):
        best = quickest(result, tuple(FORWARD_MODE))
        quicker = " (the quicker of its two forms)" if set(FORWARD_MODE) <= set(result.history) else ""
        rivals.append((best, f"`jacfwd` {FORWARD_MODE[best]}{quicker}", OVER_JACFWD))
    return [
        f"*{title}*: at least {goal} times as fast as {words} was the goal; "
        f"{judged(against(result, way, chosen(result)), goal, at_least=True)}."
        for way, words, goal in rivals
    ]


def memory_verdict(result: Result, title: str) -> str:
    """Say how bytes grow with ticks, to the byte."""
    of_ours, of_rival = (
        dict(zip(result.history[f"{way}_places"], result.history[f"{way}_bytes"], strict=True))
        for way in ("influence", "bptt")
    )
    settled = {ticks: size for ticks, size in of_ours.items() if ticks >= 3}
    ticks = sorted(of_rival)
    slopes = [(of_rival[b] - of_rival[a]) / (b - a) for a, b in pairwise(ticks) if a > 1]
    if len(settled) < 2 or not slopes:
        return f"*{title}*: too few numbers of ticks are measured."
    flat = len(set(settled.values())) == 1 and all(size <= max(settled.values()) for size in of_ours.values())
    held = (
        f"the same {next(iter(settled.values())):,} bytes at every number of ticks from {min(settled)} to {max(settled):,}, and no more below"
        if flat
        else f"{min(of_ours.values()):,} to {max(of_ours.values()):,} bytes, **not constant**"
    )
    grows = f"{slopes[0]:,.0f}" if len(set(slopes)) == 1 else f"{min(slopes):,.1f} to {max(slopes):,.1f}"
    last = ticks[-1]
    return (
        f"*{title}*: the influence engine holds {held}. BPTT keeps {grows} bytes more with every tick: "
        f"{of_rival[last]:,} at {last:,}. "
        f"{_crossing(of_ours, of_rival)}"
    )


def _crossing(ours: dict[int, int], theirs: dict[int, int]) -> str:
    fewer = [ticks for ticks in sorted(ours) if ticks in theirs and ours[ticks] < theirs[ticks]]
    return (
        f"Influence holds less from {fewer[0]:,} ticks on." if fewer else "Influence holds more at every number of ticks."
    )


def where_slower(result: Result, way: str, words: str, x: str, *, rival: str = "bptt", called: str = "eager BPTT") -> str:
    """Say at which places a way is slower than a rival beyond both intervals, and by how much at the last."""
    history = result.history
    theirs = {
        place: (value, high)
        for place, value, high in zip(*(history[f"{rival}_{what}"] for what in ("places", "seconds", "high")), strict=True)
    }
    own = zip(history[f"{way}_places"], history[f"{way}_seconds"], history[f"{way}_low"], strict=True)
    both = [(place, value / theirs[place][0], low > theirs[place][1]) for place, value, low in own if place in theirs]
    if not both:
        return f"*{words}* is not measured."
    slower = [f"{place:,}" for place, _, beyond in both if beyond]
    last, times, _ = both[-1]
    where = f"slower than {called} at {', '.join(slower)} {x}" if slower else f"nowhere slower than {called}"
    return f"*{words}* is {where}; at {last:,}, the last that it was run for, it takes {to_three(times)} times as long."
