"""The sentences of Table 2, judged by intervals alone: beside what the paper printed, beside rivals, and on the ceiling that it reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean, paired, values, wider
from onward.papers.mesh_neural_networks.features import TITLES
from onward.papers.mesh_neural_networks.table_2_cells import PRINTED_SIZES, SETS
from onward.papers.mesh_neural_networks.words import averaged, signed
from onward.papers.mono_forward.words import stands

ACCURACY = "test_accuracy"
WANTED = 0.86  # what a mean on MNIST is to reach with 1044 connections
CEILING = 0.8  # that "both classifiers are not able to overcome", up to more than 3000 connections

# Table 2: mean and 95 % interval of 10 trials, by arm and connections of the mesh.
PRINTED: dict[str, dict[str, tuple[float, float]]] = {
    "mnist": {
        "mesh-798": (0.772, 0.030), "mlp-2-798": (0.761, 0.065), "mesh-1044": (0.796, 0.013), "mlp-2-1044": (0.789, 0.035),
    },
    "fashion-mnist": {
        "mesh-798": (0.762, 0.005), "mlp-2-798": (0.750, 0.026), "mesh-1044": (0.771, 0.004), "mlp-2-1044": (0.786, 0.013),
    },
}  # fmt: skip
Found = Mapping[str, Sequence[Result]]


def verdicts(described: Mapping[str, Found]) -> list[str]:
    """Judge by intervals: the mesh beside the paper's number, beside what was to be reached, and beside its rival."""
    told = []
    for name in SETS:
        for edges in PRINTED_SIZES:
            ours, theirs = described[name][f"mesh-{edges}"], PRINTED[name][f"mesh-{edges}"]
            if len(ours) > 1:
                found = mean(values(ours, ACCURACY))
                told.append(
                    f"{TITLES[name]}, {edges} connections: the mesh has {found}, {_beside(found, theirs)} the paper's {theirs[0]:.3f} ± {theirs[1]:.3f}."
                )
    reached = described["mnist"]["mesh-1044"]
    if len(reached) > 1:
        found = mean(values(reached, ACCURACY))
        words = "is reached" if found.value >= WANTED else "is missed"
        sure = "" if abs(found.value - WANTED) > found.half else ", which the interval leaves open"
        told.append(f"A mean of at least {WANTED} on MNIST with 1044 connections **{words}**: {found}{sure}.")
    return told + _against_rivals(described)


def reproduced(published: Mapping[str, Found]) -> list[str]:
    """Say which of the numbers that the paper printed the authors' script gives here, by the intervals of both."""
    told = []
    for name, found in published.items():
        places: dict[str, list[str]] = {}
        for arm, theirs in PRINTED[name].items():
            ours = found[arm]
            if len(ours) > 1:
                kind, edges = arm.rsplit("-", 1)
                cell = f"{'mesh' if kind == 'mesh' else 'MLP'} of {edges} ({averaged(ours)}, paper {theirs[0]:.3f})"
                places.setdefault(_beside(mean(values(ours, ACCURACY)), theirs), []).append(cell)
        if places:
            groups = "; ".join(f"{words} the paper's: {', '.join(cells)}" for words, cells in places.items())
            told.append(f"{TITLES[name]}, {groups}.")
    return told


def _beside(ours: Mean, theirs: tuple[float, float]) -> str:
    """Say where an interval stands to a printed one."""
    if ours.value - ours.half > theirs[0] + theirs[1]:
        return "**above**"
    return "**below**" if ours.value + ours.half < theirs[0] - theirs[1] else "not told apart from"


def _against_rivals(described: Mapping[str, Found]) -> list[str]:
    cells = {
        f"{TITLES[name]} with {edges}": paired(found[f"mesh-{edges}"], found[f"mlp-2-{edges}"], ACCURACY)
        for name, found in described.items()
        for edges in PRINTED_SIZES
    }
    known = {words: wider(difference, len(cells)) for words, difference in cells.items() if difference.n > 1}
    if not known:
        return []
    phrases = {"above": "ahead of", "below": "behind", "level": "not told apart from"}
    places = [f"{phrases[stands(difference)]} it on {words} ({signed(difference)})" for words, difference in known.items()]
    return [
        f"Beside the MLP of two hidden layers with as many connections, in intervals that are widened for {len(cells)} comparisons, the mesh is {'; '.join(places)}."
    ]


def on_the_ceiling(described: Mapping[str, Found]) -> list[str]:
    """Judge the paper's sentence that no classifier overcomes 0.8, however many connections."""
    told = []
    for name, found in described.items():
        runs = {arm: mean(values(one, ACCURACY)) for arm, one in found.items() if len(one) > 1}
        over = [one for one in runs.values() if one.value - one.half > CEILING]
        if runs:
            holds = "**does not hold**" if over else "is not contradicted"
            least, most = (choose(one.value for one in runs.values()) for choose in (min, max))
            told.append(
                f'"Both classifiers are not able to overcome the 0.8 classification rate" {holds} on {TITLES[name]}: {len(over)} of {len(runs)} nets are above it '
                f"with their whole interval; means go from {least:.3f} to {most:.3f}."
            )
    return told
