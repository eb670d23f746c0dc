"""The sentences of Table 2, judged by intervals alone: beside what the paper printed, beside rivals, and on the ceiling that it reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean, paired, stands, values, wider
from onward.papers.mesh_neural_networks.features import TITLES
from onward.papers.mesh_neural_networks.table_2_cells import PRINTED_SIZES, SETS
from onward.papers.mesh_neural_networks.words import ACCURACY, averaged
from onward.reports.words import signed

WANTED = 0.86  # what a mean on MNIST is to reach with 1044 connections
PHRASES = {"above": "ahead of", "below": "behind", "level": "not told apart from"}
# Arms, given the connections of the mesh.
RIVALS = {
    "mlp-2-{}": "the MLP of two hidden layers with as many connections",
    "mlp-1-{}": "that of one hidden layer",
    "linear": "the linear classifier, which has fewer,",
}
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
        (rival, f"{TITLES[name]} with {edges}"): paired(found[f"mesh-{edges}"], found[rival.format(edges)], ACCURACY)
        for rival in RIVALS
        for name, found in described.items()
        for edges in PRINTED_SIZES
    }
    places: dict[str, list[str]] = {}
    for (rival, where), difference in cells.items():
        if difference.n > 1:
            widened = wider(difference, len(cells))
            places.setdefault(rival, []).append(f"{PHRASES[stands(widened)]} it on {where} ({signed(widened)})")
    told = " ".join(f"Beside {RIVALS[rival]} the mesh is {'; '.join(words)}." for rival, words in places.items())
    return [f"In intervals that are widened for {len(cells)} comparisons: {told}"] if told else []


def over_features(found: Mapping[str, Found]) -> list[str]:
    """Say where the mesh stands where every trial has features of its own, so that intervals are over these too."""
    cells = {
        f"the {words} on {TITLES[name]}": paired(one["mesh-1044"], one[arm], ACCURACY)
        for name, one in found.items()
        for arm, words in (("mlp-2-1044", "MLP"), ("linear", "linear classifier"))
    }
    known = {words: wider(difference, len(cells)) for words, difference in cells.items() if difference.n > 1}
    places = [f"{PHRASES[stands(difference)]} {words} ({signed(difference)})" for words, difference in known.items()]
    return (
        [f"In intervals that are widened for {len(cells)} comparisons, the mesh is {'; '.join(places)}."] if places else []
    )


def on_the_ceiling(described: Mapping[str, Found]) -> list[str]:
    """Judge the paper's sentence that no classifier overcomes 0.8, however many connections."""
    told = []
    for name, found in described.items():
        runs = {arm: mean(values(one, ACCURACY)) for arm, one in found.items() if len(one) > 1}
        over = [one for one in runs.values() if one.value - wider(one, len(runs)).half > CEILING]
        if runs:
            holds = "**does not hold**" if over else "is not contradicted"
            least, most = (choose(one.value for one in runs.values()) for choose in (min, max))
            told.append(
                f'"Both classifiers are not able to overcome the 0.8 classification rate" {holds} on {TITLES[name]}: {len(over)} of {len(runs)} nets are above it '
                f"with their whole interval, widened for as many; means go from {least:.3f} to {most:.3f}."
            )
    return told


def at_the_edges(groups: Mapping[str, Sequence[Result]], rates: Sequence[float]) -> list[str]:
    """Say how often validation chose the lowest and the highest of some rates, each a recipe, so that a choice which is too narrow is seen."""
    told = []
    for words, runs in groups.items():
        chosen = [int(result.metrics["recipe"]) for result in runs]
        if chosen:
            told.append(f"{words} {chosen.count(0)} and {chosen.count(len(rates) - 1)} of {len(chosen)} times")
    ends = f"the lowest rate ({rates[0]:g}) and the highest ({rates[-1]:g})"
    return [f"How often validation chose {ends}: {'; '.join(told)}."] if told else []
