"""Forward-only propagation on meshes of ten thousand to a million neurons: exact, on two cores, in the memory of a desk machine.

The paper stops at 93 neurons, whose derivative it holds as a tensor of 93 x 93 x 93 an example. Here only what can differ from
zero is held and computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import median

from onward.experiments.medians import Median, median_interval
from onward.experiments.result import Result
from onward.experiments.rounding import to_three
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, values
from onward.papers.mesh_neural_networks.gradients import EXACT, TOLERANCE
from onward.papers.mesh_neural_networks.scale_trials import FEATURES, OURS, OUTPUTS, RIVALS, WORDS, Case, measure
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes

SIDES = {10**4: (100, 100), 10**5: (250, 400), 10**6: (1000, 1000)}
REWIRED = {"lattice": 0.0, "small world": 0.1, "random": 1.0}
SIZES = {"lattice": (10**4, 10**5, 10**6), "small world": (10**4, 10**5, 10**6), "random": (10**5,)}
BATCHES = (1, 8)
SEEDS = {10**4: 3, 10**5: 3, 10**6: 1}
MOST_BYTES, MOST_RATIO = 16e9, 8.0  # what is to be reached

Key = tuple[str, int, int]  # kind of graph, hidden neurons, batch
Found = Mapping[Key, Sequence[Result]]


def case(kind: str, hidden: int, batch: int) -> Case:
    """One size of one kind of graph."""
    return Case(SIDES[hidden], REWIRED[kind], batch=batch)


def experiment(kind: str, hidden: int, batch: int) -> Experiment:
    """What is run for it."""
    name = f"mnn/scale/{kind.replace(' ', '-')}-{hidden}-batch-{batch}"
    return Experiment(name, partial(measure, case=case(kind, hidden, batch)), seeds=SEEDS[hidden], together=1)


EXPERIMENTS = {
    (kind, hidden, batch): experiment(kind, hidden, batch)
    for kind, sizes in SIZES.items()
    for hidden in sizes
    for batch in BATCHES
}


def render(results: Results) -> list[Element]:
    """Show time, memory and error by size, and judge them by what is to be reached."""
    found = {key: results[one.name] for key, one in EXPERIMENTS.items() if results[one.name]}
    elements: list[Element] = [Text(_protocol())]
    if not found:
        return [*elements, Text("not run")]
    elements += [Text("## Verdicts"), *(Text(sentence) for sentence in verdicts(found)), Text("## One gradient")]
    elements += [_times(found), _memory(found), _gradients(found)]
    if any(len({hidden for of, hidden, _ in found if of == kind}) > 1 for kind in SIZES):
        elements += [
            Picture(
                "A gradient and its memory against the number of hidden neurons, batch 8, beside the quicker and the leaner of the two ways of BPTT; bars are 95 % intervals over the seeds, where there is more than one.",
                _figure(found),
            )
        ]
    return elements


def _protocol() -> str:
    one = case("lattice", 10**4, 1)
    return (
        f"Hidden neurons stand on a torus; each is fed by its eight neighbours and by one of {FEATURES} inputs, and feeds one of {OUTPUTS} outputs. A *small "
        f"world* has a tenth of the edges between them drawn anew, a *random* graph all of them. ReLU, linear outputs, {one.ticks} ticks, loss at the last, float32, "
        f"{one.threads} threads. FOP is the gradient by the sparse engine, which the plan takes for each of these (a case for which it does not is refused). BPTT is backpropagation "
        "through the same sparse weights, once by hand (values neuron by neuron, weights put in their places once a gradient, still inputs multiplied once, "
        "outputs at the last tick alone, what was said and its blame brought together once over all ticks) and once by automatic differentiation through "
        f"the library's ticks. They take {one.rounds} turns of half a second, or of one gradient, in one process; a time is the median over the turns, a ratio that of "
        "turns that stood side by side, over all seeds, with the interval that holds the median with 95 %. What follows from "
        "the graph alone is laid out once a mesh and is no part of a gradient. A peak is that of the resident set of a process until its first gradient is there, of each way in a process "
        "of its own: with Python and PyTorch, the making of the net, and what the allocator keeps. *Planned* is what `onward.plan` and `onward explain` say before that a gradient takes in all, Python and "
        f"PyTorch left out: graph, weights, working memory, and what the sparse engine carries and lays out. *By operations* is the ratio of what it counts for either. Errors are Euclidean over all edges, relative to automatic differentiation in float64; more than {TOLERANCE:g} in float32 or {EXACT:g} in "
        "float64 would have ended the run."
    )


def _value(ours: Sequence[Result], metric: str) -> float:
    return mean(values(ours, metric)).value


def _named(found: Found, row: Mapping[str, str]) -> list[list[str]]:
    """Begin the row of every case, and fill in its metrics by their formats; bytes are in GB."""
    rows = []
    for (kind, hidden, batch), ours in found.items():
        cells = [f"{_value(ours, name) / (1e9 if name.endswith('bytes') else 1):{how}}" for name, how in row.items()]
        rows.append([kind, f"{hidden:,}", f"{batch}", *cells])
    return rows


def _times(found: Found) -> Table:
    columns = {f"{way}_seconds": ".3g" for way in (OURS, *RIVALS)} | {"layout_seconds": ".3g", "planned_ratio": ".3g"}
    rows = [
        [
            *row,
            *(f"{against(ours, way)}" for way in RIVALS),
            f"{sum(len(result.history[OURS]) for result in ours)}",
            f"{len(ours)}",
        ]
        for row, ours in zip(_named(found, columns), found.values(), strict=True)
    ]
    header = [
        "graph", "hidden neurons", "batch", *(f"{WORDS[way]}, s" for way in (OURS, *RIVALS)), "layout of FOP, s",
        "FOP / BPTT by operations", *(f"FOP / {WORDS[way]}" for way in RIVALS), "turns", "seeds",
    ]  # fmt: skip
    return Table("Seconds a gradient, means over the seeds of medians over the turns.", header, rows)


def _memory(found: Found) -> Table:
    columns = {"planned_bytes": ".3g"} | {f"{way}_peak_bytes": ".3g" for way in (OURS, *RIVALS)}
    columns |= dict.fromkeys(("net_bytes", "before_bytes", "checked_peak_bytes"), ".3g")
    header = [
        "graph", "hidden neurons", "batch", "FOP, planned", *(f"{WORDS[way]}, peak" for way in (OURS, *RIVALS)),
        "peak with the net alone", "Python and PyTorch", "peak with all ways and the check in float64",
    ]  # fmt: skip
    return Table("Resident sets in GB, means over the seeds.", header, _named(found, columns))


def _gradients(found: Found) -> Table:
    columns = {"edges": ",.0f", "live": ".1%", "moved": ".1%", "alive": ".1%"}
    columns |= {f"{way}_apart": ".1e" for way in (OURS, *RIVALS)} | {"fop_exact": ".1e", "by_hand_exact": ".1e"}
    header = [
        "graph", "hidden neurons", "batch", "edges", "live", "with a gradient", "hidden neurons not at zero at the end",
        *(f"error of {WORDS[way]}" for way in (OURS, *RIVALS)), "of FOP in float64", "of BPTT by hand in float64",
    ]  # fmt: skip
    return Table(
        "What the gradient is, and how far it is from that of float64; means over the seeds.",
        header,
        _named(found, columns),
    )


def quicker(ours: Sequence[Result]) -> str:
    """Name the way of backpropagation that has the lower median time over all turns."""
    return min(RIVALS, key=lambda way: median(time for result in ours for time in result.history[way]))


def against(ours: Sequence[Result], rival: str) -> Median:
    """Give how many times as long FOP takes as a way of backpropagation, turn by turn."""
    return median_interval(
        [one / other for result in ours for one, other in zip(result.history[OURS], result.history[rival], strict=True)]
    )


def _figure(found: Found) -> Figure:
    times: dict[str, dict[int, Mean]] = {}
    peaks: dict[str, dict[int, Mean]] = {}
    for (kind, hidden, batch), ours in found.items():
        if batch == max(BATCHES):
            leaner = min(RIVALS, key=lambda way: _value(ours, f"{way}_peak_bytes"))
            for name, way in (("FOP", OURS), ("quicker BPTT", quicker(ours))):
                times.setdefault(f"{name}, {kind}", {})[hidden] = mean(values(ours, f"{way}_seconds"))
            for name, way in (("FOP", OURS), ("leaner BPTT", leaner)):
                bytes_of = values(ours, f"{way}_peak_bytes")
                peaks.setdefault(f"{name}, {kind}", {})[hidden] = mean([value / 1e9 for value in bytes_of])
    left, right = row_of_axes(2, (9.6, 3.8))
    figures.draw_means(times, x="hidden neurons", y="seconds a gradient", axes=left)
    figures.draw_means(peaks, x="hidden neurons", y="peak resident set, GB", axes=right)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_yscale("log")
    right.axhline(MOST_BYTES / 1e9, color="0.6", linestyle=":", linewidth=1)
    return figure_of(left)


def verdicts(found: Found) -> list[str]:
    """Say for time, memory and exactness whether every case that was run reaches what it should, and name those that do not."""
    told = [
        _time_verdict(found),
        _at_most(found, f"Under {MOST_BYTES / 1e9:g} GB", f"{OURS}_peak_bytes", MOST_BYTES, "{:.3g} GB", 1e-9),
        _beside(found),
        _at_most(found, f"Exact (in float64 within {EXACT:g})", f"{OURS}_exact", EXACT, "{:.1e} of the gradient's length"),
        _at_most(found, f"In float32 within {TOLERANCE:g}", f"{OURS}_apart", TOLERANCE, "{:.1e} of the gradient's length"),
    ]
    missing = [key for key in EXPERIMENTS if key not in found]
    return [*told, f"Not run: {'; '.join(_name(key) for key in missing)}."] if missing else told


def _time_verdict(found: Found) -> str:
    groups: dict[str, list[str]] = {"reached": [], "not decided": [], "**not reached**": []}
    for key, ours in found.items():
        beside = against(ours, quicker(ours))
        kind = "reached" if beside.high <= MOST_RATIO else "**not reached**" if beside.low > MOST_RATIO else "not decided"
        groups[kind].append(f"{_name(key)}, {beside}")
    told = [f"{kind} on {'; '.join(cases)}" for kind, cases in groups.items() if cases]
    allowed = {key: _value(ours, "planned_ratio") for key, ours in found.items()}
    most = max(allowed, key=lambda key: allowed[key])
    return (
        f"*At most {MOST_RATIO:g} times the quicker sparse BPTT*: {'. '.join(told)}. By the operations that the plan counts it would be "
        f"{to_three(min(allowed.values()))} to {to_three(allowed[most])} times, the most on {_name(most)}."
    )


def _at_most(found: Found, words: str, metric: str, most: float, shown: str, unit: float = 1) -> str:
    worst = {key: max(values(ours, metric)) for key, ours in found.items()}
    last = max(worst, key=lambda key: worst[key])
    worst_is = f"the most is {shown.format(unit * worst[last])}, on {_name(last)}"
    missed = [_name(key) for key, ours in found.items() if not all(value <= most for value in values(ours, metric))]
    return (
        f"*{words}*: **not reached** on {'; '.join(missed)}; {worst_is}."
        if missed
        else f"*{words}*: reached in every run; {worst_is}."
    )


def _beside(found: Found) -> str:
    """Say how the peak of FOP stands to the lower one of backpropagation."""
    times = {
        key: _value(ours, f"{OURS}_peak_bytes") / min(_value(ours, f"{way}_peak_bytes") for way in RIVALS)
        for key, ours in found.items()
    }
    most, least = max(times, key=lambda key: times[key]), min(times, key=lambda key: times[key])
    return (
        f"*Memory beside BPTT*: the peak of FOP is {to_three(times[least])} ({_name(least)}) to {to_three(times[most])} times ({_name(most)}) the lower "
        "peak of the two ways of BPTT."
    )


def _name(key: Key) -> str:
    kind, hidden, batch = key
    return f"{kind}, {hidden:,} neurons, batch {batch}"


ARTEFACT = Artefact(
    "scale",
    "Meshes of up to a million neurons",
    "Mesh Neural Networks, section 5 (future work)",
    tuple(EXPERIMENTS.values()),
    render,
)
