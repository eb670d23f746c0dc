"""What is said of damaged and retrained blocks: every verdict follows from intervals, and may be that there is none."""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean
from onward.papers.mono_forward.harms import HARMS, TITLES, UNHARMED
from onward.papers.mono_forward.retraining import POSITIONS
from onward.papers.mono_forward.words import counted, points, stands, told, within

TOLERANCE = -0.003  # change of accuracy down to which a net counts as recovered
CASES = [(harm, position) for harm in HARMS for position in POSITIONS if harm != UNHARMED]

RECOVERED, NOT_RECOVERED, UNDECIDED = "recovered", "not recovered", "undecided"
BUT_FOR = "not recovered, but no worse than an undamaged net whose block was retrained alike"
ONE_SEED = "one seed, which says nothing about others"


def change(ours: Sequence[Result], harm: str, position: str, length: str, way: str) -> Mean:
    """Give how far a net is from what it was before the damage, after a way of retraining."""
    return within(ours, f"{harm}_{position}_{length}_{way}", "bp_before" if way.startswith("bp") else "before")


def fate(difference: Mean) -> str:
    """Say whether a change is within the tolerance, by its interval: recovered, not recovered, undecided, or of one seed."""
    if difference.n < 2:
        return ONE_SEED
    if difference.value - difference.half > TOLERANCE:
        return RECOVERED
    return NOT_RECOVERED if difference.value + difference.half < TOLERANCE else UNDECIDED


def verdicts(ours: Sequence[Result], length: str) -> list[str]:
    """Judge the paper's sentence on retraining, and Mono-Forward's ways back against those of BP, by the intervals."""
    rivals = [against_backprop(ours, length, way) for way in ("alone", "onward")]
    return [only_the_damaged(ours, length), later_too(ours, length), *rivals]


def only_the_damaged(ours: Sequence[Result], length: str) -> str:
    """Judge "only the damaged layer needs to be retrained"."""
    groups: dict[str, list[str]] = {name: [] for name in (RECOVERED, BUT_FOR, NOT_RECOVERED, UNDECIDED, ONE_SEED)}
    for harm, position in CASES:
        found = change(ours, harm, position, length, "alone")
        group = fate(found)
        if group == NOT_RECOVERED:
            alike = within(ours, f"{harm}_{position}_{length}_alone", f"{UNHARMED}_{position}_{length}_alone")
            group = BUT_FOR if fate(alike) == RECOVERED else group
        groups[group].append(f"{_case(harm, position)} ({points(found)})")
    failed, unsure = len(groups[BUT_FOR]) + len(groups[NOT_RECOVERED]), len(groups[UNDECIDED])
    if groups[ONE_SEED]:
        holds = "cannot be judged"
    elif failed:
        holds = f"**does not hold** for {failed} of {len(CASES)} cases, holds for {len(groups[RECOVERED])} and is undecided for {unsure}"
    elif unsure:
        holds = f"is **undecided** for {unsure} of {len(CASES)} cases and holds for {len(groups[RECOVERED])}"
    else:
        holds = f"**holds** for all {len(CASES)} cases"
    return (
        f"*Only the damaged layer needs to be retrained* {holds}. {counted(groups)}. Every case is judged by its own interval of 95 %, so of "
        f"{len(CASES)} about one in twenty may be wrong."
    )


def later_too(ours: Sequence[Result], length: str) -> str:
    """Compare retraining the later blocks too with the damaged one alone; behind the last there is none."""
    told_so = [
        f"{_case(harm, position)}: {told(within(ours, f'{harm}_{position}_{length}_onward', f'{harm}_{position}_{length}_alone'))}"
        for harm, position in CASES
        if position != POSITIONS[-1]
    ]
    return f"Retraining the later blocks too, against the damaged one alone: {'; '.join(told_so)}."


def against_backprop(ours: Sequence[Result], length: str, way: str) -> str:
    """Compare what Mono-Forward and BP are short of after a way of retraining and as many multiply-adds."""
    words = {"above": "keeps more", "below": "keeps less", "level": "not told apart", "unknown": ONE_SEED}
    groups: dict[str, list[str]] = {name: [] for name in words.values()}
    for harm, position in CASES:
        case = f"{harm}_{position}_{length}"
        lead = mean(
            [
                (r.metrics[f"{case}_{way}"] - r.metrics["before"])
                - (r.metrics[f"{case}_bp_as_{way}"] - r.metrics["bp_before"])
                for r in ours
            ]
        )
        passes = mean([r.metrics[f"{case}_bp_as_{way}_passes"] for r in ours]).value
        groups[words[stands(lead)]].append(f"{_case(harm, position)} ({points(lead)}; {passes:.2f} passes of BP)")
    what = "its damaged block alone" if way == "alone" else "that block and all later ones"
    return f"Mono-Forward with {what} retrained, against BP after as many multiply-adds, each against what it was before: {counted(groups)}."


def without_retraining(ours: Sequence[Result]) -> str:
    """Judge "without any retraining predictions come from earlier layers": what they say is as it was, but how much less is it?"""
    told_so = [
        f"block {k}, if block {k + 1} is damaged: {told(within(ours, f'before_block_{k}', 'before'))}" for k in (1, 2)
    ]
    harmed = [f"{harm}_{POSITIONS[k]}_damaged_block_{k}" for harm in HARMS for k in (1, 2)]
    same = all(result.metrics[name] == result.metrics[f"before_block_{name[-1]}"] for result in ours for name in harmed)
    kept = "is as it was" if same else "**is not what it was**"
    return (
        f"*Without any retraining predictions come from earlier layers*: what earlier blocks say {kept}; against the whole net before, {'; '.join(told_so)}. "
        f"Nothing stands before the first block."
    )


def _case(harm: str, position: str) -> str:
    return f"{TITLES[harm]} in the {position} block"
