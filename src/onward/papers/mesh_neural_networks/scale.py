"""Forward-only propagation on meshes of ten thousand to a million neurons: exact, on two cores, in the memory of a desk machine.

The paper stops at 93 neurons, whose derivative it holds as a tensor of 93 x 93 x 93 an example. Here only what can differ from
zero is held and computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.experiments.statistics import Mean, mean, values
from onward.papers.mesh_neural_networks.scale_trials import FEATURES, OUTPUTS, Case, measure
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


def experiment(kind: str, hidden: int, batch: int) -> Experiment:
    """One size of one kind of graph."""
    case = Case(SIDES[hidden], REWIRED[kind], batch=batch)
    name = f"mnn/scale/{kind.replace(' ', '-')}-{hidden}-batch-{batch}"
    return Experiment(name, partial(measure, case=case), seeds=SEEDS[hidden], together=1)


EXPERIMENTS = {
    (kind, hidden, batch): experiment(kind, hidden, batch)
    for kind, sizes in SIZES.items()
    for hidden in sizes
    for batch in BATCHES
}


def render(results: Results) -> list[Element]:
    """Show time, memory and error by size, and judge them by what is to be reached."""
    found = {key: results[one.name] for key, one in EXPERIMENTS.items() if results[one.name]}
    elements: list[Element] = [
        Text(
            f"Hidden neurons stand on a torus; each is fed by its eight neighbours and by one of {FEATURES} inputs, and feeds one of {OUTPUTS} outputs. A *small "
            f"world* has a tenth of the edges between them drawn anew, a *random* graph all of them. ReLU, 5 ticks, loss at the last, float32, 2 threads. "
            f"FOP is the gradient by the sparse engine, BPTT backpropagation through the same sparse weights, in turns within one process; "
            f"peak is the resident set of that process until the first FOP gradient is there, what Python and PyTorch take included; the pattern is "
            f"laid out once a mesh. Errors are Euclidean, relative to BPTT in float64."
        )
    ]
    if not found:
        return [*elements, Text("not run")]
    elements += [_table(found)]
    if any(len(sizes) > 1 for sizes in _sizes(found).values()):
        elements += [Picture("A gradient and its memory against the number of hidden neurons, batch 8.", _figure(found))]
    return [*elements, *(Text(sentence) for sentence in verdicts(found))]


def _table(found: Mapping[Key, Sequence[Result]]) -> Table:
    rows = []
    for (kind, hidden, batch), ours in found.items():
        value = {name: mean(values(ours, name)).value for name in ours[0].metrics}
        exact = f"{value['exact_error']:.1e}" if "exact_error" in value else ""
        rows.append(
            [
                kind,
                f"{hidden:,}",
                f"{batch}",
                f"{100 * value['live']:.1f} %",
                f"{value['fop_seconds']:.3g}",
                f"{value['bptt_seconds']:.3g}",
                f"{value['ratio']:.2f}",
                f"{value['layout_seconds']:.3g}",
                f"{value['peak_bytes'] / 1e9:.2f}",
                f"{value['error']:.1e}",
                f"{value['bptt_error']:.1e}",
                exact,
                f"{len(ours)}",
            ]
        )
    header = [
        "graph", "hidden neurons", "batch", "live edges", "FOP, s", "BPTT, s", "FOP / BPTT", "layout, s", "peak, GB",
        "error of FOP", "of BPTT", "of FOP in float64", "seeds",
    ]  # fmt: skip
    return Table("Means over the seeds; a seed's time is the median of its turns.", header, rows)


def _sizes(found: Mapping[Key, Sequence[Result]]) -> dict[str, set[int]]:
    return {kind: {hidden for of, hidden, _ in found if of == kind} for kind in SIZES}


def _figure(found: Mapping[Key, Sequence[Result]]) -> Figure:
    most = max(BATCHES)
    times: dict[str, dict[int, Mean]] = {}
    peaks: dict[str, dict[int, Mean]] = {}
    for (kind, hidden, batch), ours in found.items():
        if batch == most:
            for name, metric in (("FOP", "fop_seconds"), ("BPTT", "bptt_seconds")):
                times.setdefault(f"{name}, {kind}", {})[hidden] = mean(values(ours, metric))
            peaks.setdefault(kind, {})[hidden] = mean([value / 1e9 for value in values(ours, "peak_bytes")])
    left, right = row_of_axes(2, (9, 3.6))
    figures.draw_means(times, x="hidden neurons", y="seconds a gradient", axes=left)
    figures.draw_means(peaks, x="hidden neurons", y="peak resident set, GB", axes=right)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_yscale("log")
    right.axhline(MOST_BYTES / 1e9, color="0.6", linestyle=":", linewidth=1)
    return figure_of(left)


def verdicts(found: Mapping[Key, Sequence[Result]]) -> list[str]:
    """Say for memory, time and exactness whether every case that was run reaches what it should, and name those that do not."""
    every = [(key, result) for key, ours in found.items() for result in ours]

    def judged(words: str, metric: str, most: float, unit: str, scale: float = 1) -> str:
        worst = max(every, key=lambda one: one[1].metrics[metric])
        missed = {key for key, result in every if result.metrics[metric] > most}
        worst_is = f"the most is {worst[1].metrics[metric] / scale:.3g}{unit}, on {_name(worst[0])}"
        if not missed:
            return f"*{words}*: reached in every run; {worst_is}."
        return f"*{words}*: **not reached** on {'; '.join(_name(key) for key in found if key in missed)}; {worst_is}."

    missing = [key for key in EXPERIMENTS if key not in found]
    told = [
        judged(f"Under {MOST_BYTES / 1e9:g} GB", "peak_bytes", MOST_BYTES, " GB", 1e9),
        judged(f"At most {MOST_RATIO:g} times sparse BPTT", "ratio", MOST_RATIO, " times"),
    ]
    exact = [result.metrics["exact_error"] for _, result in every if "exact_error" in result.metrics]
    if exact:
        told.append(f"*Exact*: in float64 the two gradients differ by at most {max(exact):.1e} of their length.")
    if missing:
        told.append(f"Not run: {'; '.join(_name(key) for key in missing)}.")
    return told


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
