"""What is said of damaged and retrained blocks: every verdict follows from intervals, and may be that there is none."""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean, stands
from onward.papers.mono_forward.harms import HARMS, TITLES, UNHARMED
from onward.papers.mono_forward.retraining import POSITIONS
from onward.papers.mono_forward.words import counted, points, told, within

TOLERANCE = -0.003  # change of accuracy down to which a net counts as recovered
CASES = [(harm, position) for harm in HARMS for position in POSITIONS if harm != UNHARMED]

RECOVERED, NOT_RECOVERED, UNDECIDED = "recovered", "not recovered", "undecided"
NEEDLESS = "recovered, but so before any retraining"
ONE_SEED = "one seed, which says nothing about others"
SENTENCES = {
    "alone": "*Only the damaged layer needs to be retrained*",
    "onward": "That it is enough to retrain *the damaged block and all later ones*",
}


def change(ours: Sequence[Result], harm: str, position: str, length: str, way: str) -> Mean:
    """Give how far a net is from what it was before the damage, after a way of retraining."""
    return within(ours, f"{harm}_{position}_{length}_{way}", "bp_before" if way.startswith("bp") else "before")


def against_control(ours: Sequence[Result], harm: str, position: str, length: str, way: str) -> Mean:
    """Give how far a net is from an undamaged one whose blocks were retrained alike."""
    return within(ours, f"{harm}_{position}_{length}_{way}", f"{UNHARMED}_{position}_{length}_{way}")


def left_alone(ours: Sequence[Result], harm: str, position: str, rule: str = "") -> Mean:
    """Give how far a net is from before the damage when it is cleared and not retrained; `rule` is "bp_" for BP."""
    return within(ours, f"{harm}_{position}_{rule}mended", f"{rule}before")


def fate(difference: Mean) -> str:
    """Say whether a change is within the tolerance, by its interval: recovered, not recovered, undecided, or of one seed."""
    if difference.n < 2:
        return ONE_SEED
    if difference.value - difference.half > TOLERANCE:
        return RECOVERED
    return NOT_RECOVERED if difference.value + difference.half < TOLERANCE else UNDECIDED


def verdicts(ours: Sequence[Result], length: str) -> list[str]:
    """Judge the paper's sentence on retraining, and Mono-Forward's ways back against those of BP, by the intervals."""
    enough = [enough_to_retrain(ours, length, way) for way in SENTENCES]
    rivals = [against_backprop(ours, length, way) for way in SENTENCES]
    return [low_bar(ours, length), *enough, later_too(ours, length), *rivals]


def low_bar(ours: Sequence[Result], length: str) -> str:
    """Say what retraining does to an undamaged net: where it gains, "before" is a net that was still under-trained."""
    found = {
        f"{_blocks(way, position)}: {told(change(ours, UNHARMED, position, length, way))}": change(
            ours, UNHARMED, position, length, way
        )
        for way in SENTENCES
        for position in POSITIONS
        if way == "alone" or position != POSITIONS[-1]
    }
    gains = sum(stands(one) == "above" for one in found.values())
    bar = (
        f"It gains in {gains} of {len(found)} ways: the net before was still under-trained, and to come back to it is less than to be as good "
        "as if there had been no damage."
        if gains
        else "It is not seen to gain."
    )
    return f"An undamaged net, retrained alike, against itself before: {'; '.join(found)}. {bar}"


def enough_to_retrain(ours: Sequence[Result], length: str, way: str) -> str:
    """Judge whether retraining the damaged block alone, or it and all later ones, is enough, against two bars."""
    before, control = fates(ours, length, way), fates(ours, length, way, control=True)
    needless = len(before[NEEDLESS])
    spared = (
        f"; in {needless} of those where it holds the net, cleared, is as good without any retraining" if needless else ""
    )
    return (
        f"{SENTENCES[way]} {_holds(before)}{spared}. {counted(before)}. Against an undamaged net retrained alike, it {_holds(control)}. "
        f"{counted(control)}. Every case is judged by its own interval of 95 %, so of {len(CASES)} about one in twenty may be wrong."
    )


def fates(ours: Sequence[Result], length: str, way: str, *, control: bool = False) -> dict[str, list[str]]:
    """Group the cases by what became of them, against before or against an undamaged net retrained alike."""
    groups: dict[str, list[str]] = {name: [] for name in (RECOVERED, NEEDLESS, NOT_RECOVERED, UNDECIDED, ONE_SEED)}
    for harm, position in CASES:
        found = (against_control if control else change)(ours, harm, position, length, way)
        group = fate(found)
        if group == RECOVERED and not control and fate(left_alone(ours, harm, position)) == RECOVERED:
            group = NEEDLESS
        groups[group].append(_case(harm, position) + ("" if control else f" ({points(found)})"))
    return groups


def _holds(groups: dict[str, list[str]]) -> str:
    good, bad, unsure = len(groups[RECOVERED]) + len(groups[NEEDLESS]), len(groups[NOT_RECOVERED]), len(groups[UNDECIDED])
    if groups[ONE_SEED]:
        return "cannot be judged"
    if bad:
        return f"**does not hold** for {bad} of {len(CASES)} cases, is undecided for {unsure} and holds for {good}"
    if unsure:
        return f"is **undecided** for {unsure} of {len(CASES)} cases and holds for {good}"
    return f"**holds** for all {len(CASES)} cases"


def later_too(ours: Sequence[Result], length: str) -> str:
    """Compare retraining the later blocks too with the damaged one alone; behind the last there is none."""
    told_so = [
        f"{_case(harm, position)}: {told(within(ours, f'{harm}_{position}_{length}_onward', f'{harm}_{position}_{length}_alone'))}"
        for harm, position in CASES
        if position != POSITIONS[-1]
    ]
    return f"Retraining the later blocks too, against the damaged one alone: {'; '.join(told_so)}."


def lead(ours: Sequence[Result], harm: str, position: str, length: str, way: str) -> Mean:
    """Give how much less the damage takes from Mono-Forward than from BP, each against an undamaged net retrained alike."""
    taken = [
        [result.metrics[f"{harm}_{end}"] - result.metrics[f"{UNHARMED}_{end}"] for result in ours]
        for end in (f"{position}_{length}_{way}", f"{position}_{length}_bp_as_{way}")
    ]
    return mean([one - other for one, other in zip(*taken, strict=True)])


def against_backprop(ours: Sequence[Result], length: str, way: str) -> str:
    """Compare what damage takes from Mono-Forward and from BP after a way of retraining and as many multiply-adds."""
    words = {"above": "loses less to it", "below": "loses more to it", "level": "not told apart", "unknown": ONE_SEED}
    groups: dict[str, list[str]] = {name: [] for name in words.values()}
    spoilt, ratios = [], []
    for harm, position in CASES:
        case = f"{harm}_{position}_{length}"
        found = lead(ours, harm, position, length, way)
        groups[words[stands(found)]].append(_case(harm, position))
        ratios.append(
            mean([r.metrics[f"{case}_{way}_seconds"] / r.metrics[f"{case}_bp_as_{way}_seconds"] for r in ours]).value
        )
        if stands(within(ours, f"{harm}_{position}_bp_mended", f"{case}_bp_as_{way}")) == "above":
            retrained = change(ours, harm, position, length, f"bp_as_{way}")
            alone = left_alone(ours, harm, position, "bp_")
            spoilt.append(f"{_case(harm, position)} ({points(alone)} as it is, {points(retrained)} retrained)")
    told_so = {f"{name} in {len(group)}": group for name, group in groups.items()}
    what = "its damaged block alone" if way == "alone" else "that block and all later ones"
    better = f" BP is better left as it is, cleared where needed, than retrained so: {', '.join(spoilt)}." if spoilt else ""
    return (
        f"What damage takes from Mono-Forward with {what} retrained, and from BP after as many multiply-adds (not as much time: Mono-Forward took "
        f"{min(ratios):.1f} to {max(ratios):.1f} times the seconds of BP, on a machine that ran other things too), each against an undamaged net "
        f"retrained alike, paired by seed; Mono-Forward {counted(told_so)}.{better}"
    )


def clearing(ours: Sequence[Result]) -> str:
    """Say where clearing alone brings the accuracy back, so that there is nothing to retrain."""
    names = {"": "Mono-Forward", "bp_": "BP"}
    told_so = []
    for rule, name in names.items():
        whole = [
            f"{_case(harm, position)} ({points(found)})"
            for harm, position in CASES
            if fate(found := left_alone(ours, harm, position, rule)) == RECOVERED
        ]
        told_so.append(f"{name}: {', '.join(whole) or 'nowhere'}")
    return f"Cleared and not retrained, a net is within the tolerance of before in these cases, so that no retraining is needed. {'; '.join(told_so)}."


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


def _blocks(way: str, position: str) -> str:
    return f"the {position} block" + ("" if way == "alone" else " and all later ones")
