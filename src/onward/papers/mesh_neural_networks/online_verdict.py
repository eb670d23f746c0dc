"""What the streams say: which of the tasks say something about memory at all, and which rule is ahead on those, by intervals alone.

Where a long window is not surely better than the present tick alone, or forecasts a series not surely better than persistence does,
nothing was learned that rules could differ in. Such a task says nothing about memory and widens nobody's interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean, paired, wider
from onward.papers.mesh_neural_networks.online_tasks import SERIES, TASKS

Found = Mapping[tuple[str, str], Sequence[Result]]  # by task and arm
Simple = Mapping[str, Sequence[Result]]  # persistence and autoregression, by series

ARMS = {
    "online": "forward-only, online",
    "truncated": "truncated BPTT, as many bytes",
    "bptt": "BPTT, long window",
    "present": "the present tick alone",
}
GREATER_IS_BETTER = {"test_accuracy"}
NOT_RUN = "not run"


def verdict(found: Found, simple: Simple) -> list[str]:
    """Judge every task of which all rules have two seeds or more in common; intervals are widened for those that say something."""
    done = [name for name in TASKS if _seeds_in_common(name, found, simple) > 1]
    vacuous = {name: why for name in done if (why := says_nothing(name, found, simple))}
    told = [name for name in done if name not in vacuous]
    groups: dict[str, list[str]] = {"better than": [], "worse than": [], "not told apart from": []}
    for name in told:
        against = wider(paired(found[name, "online"], found[name, "truncated"], TASKS[name].metric), len(told))
        ahead = against._replace(value=_sign(name) * against.value)
        words = "better than" if _surely(ahead) else "not told apart from"
        if _surely(ahead._replace(value=-ahead.value)):
            words = "worse than"
        groups[words].append(f"{TASKS[name].title} ({difference(against)})")
    sentences = [
        f"Forward-only propagation is **{words}** truncated BPTT of as many bytes on {'; '.join(group)}."
        for words, group in groups.items()
        if group
    ]
    if told:
        widened = f", their intervals widened for {len(told)} comparisons" if len(told) > 1 else ""
        sentences.append(f"Differences are paired by seed, in the units of the table{widened}.")
    if vacuous:
        reasons = "; ".join(f"{TASKS[name].title} ({why})" for name, why in vacuous.items())
        sentences.append(f"**Says nothing about memory**, and is left out of the comparisons: {reasons}.")
    return sentences


def says_nothing(name: str, found: Found, simple: Simple) -> str:
    """Say why a task tells nothing about memory; nothing if it does."""
    long, metric = found[name, "bptt"], TASKS[name].metric
    rivals = {ARMS["present"]: paired(long, found[name, "present"], metric)}
    if name in SERIES:
        rivals["persistence"] = _against_persistence(long, simple[name], metric)
    failed = [
        f"{rival}, {difference(against)}"
        for rival, against in rivals.items()
        if not _surely(against._replace(value=_sign(name) * against.value))
    ]
    return f"a long window is not surely better than {' or '.join(failed)}" if failed else ""


def difference(found: Mean) -> str:
    """Write a difference down, with its interval."""
    return f"{found.value:+.3f} ± {found.half:.3f}" if found.n > 1 else NOT_RUN


def _against_persistence(ours: Sequence[Result], simple: Sequence[Result], metric: str) -> Mean:
    other = {result.seed: result.metrics["persistence_nrmse"] for result in simple}
    return mean([result.metrics[metric] - other[result.seed] for result in ours if result.seed in other])


def _seeds_in_common(name: str, found: Found, simple: Simple) -> int:
    needed = [found[name, arm] for arm in ARMS] + ([simple[name]] if name in SERIES else [])
    return len(set.intersection(*({result.seed for result in results} for results in needed)))


def _sign(name: str) -> int:
    return 1 if TASKS[name].metric in GREATER_IS_BETTER else -1


def _surely(better: Mean) -> bool:
    """Tell whether a difference, counted as better, is above zero with its whole interval."""
    return better.value - better.half > 0
