"""Figures 1 to 3: memory over a step, and against depth; what Mono-Forward saves, against whom, and where it saves nothing.

Bytes are counted on tensors without memory, exactly, for nets and batches as large as the paper's. Slopes are bytes a layer more,
in MB of 10^6 bytes. The paper states neither the unit nor the batch of its slopes, 204.00 and 16.16; both follow from a batch of
50,000.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from onward.experiments.result import Result
from onward.experiments.spec import Experiment
from onward.learners.mono_forward import MonoForward
from onward.nets import projections
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward.memory_trials import (
    OPTIMISERS,
    against_depth,
    convolutional,
    in_pieces,
    over_a_step,
    perceptron,
)
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, row_of_axes
from onward.training.ways import PIECES, TITLES, WAYS, Rule

MB = 1e6
DEPTHS = (4, 8, 16)
PUBLISHED_BATCH = 50_000
PUBLISHED = {"bp": 204.00, "mf": 16.16}
BATCHES = (32, 128, 512, 1024, 2048, 4096, 8192, 16384, PUBLISHED_BATCH)
CNN_BATCHES = (32, 128, 512)
SHOWN = {"mlp": (128, 4096, PUBLISHED_BATCH), "cnn": CNN_BATCHES}  # batches whose peaks are shown themselves
COURSE_BATCH = 30_000  # of figures 1 and 2
NAMES = TITLES | {
    "mf-pooled": "Mono-Forward, maps pooled for the projection",
    "mf-pieces": f"Mono-Forward, batch in {PIECES} pieces",
}


@dataclass(frozen=True)
class Case:
    """A family of nets and what they are fed.

    Attributes:
        title: in reports.
        net: makes a net of some depth.
        batches: examples a step.
        ways: of learning.
    """

    title: str
    net: Callable[[int], LayeredNet]
    batches: tuple[int, ...]
    ways: Mapping[str, Rule]


CASES = {
    "mlp": Case(
        "layers of 1000 neurons on 784 inputs",
        partial(perceptron, features=784, width=1000, outputs=10),
        BATCHES,
        WAYS,
    ),
    "cnn": Case(
        "3x3 convolutions of 64 maps on 32 x 32 pictures, no pooling between",
        partial(convolutional, maps=64, side=32, outputs=10),
        CNN_BATCHES,
        WAYS | {"mf-pooled": partial(MonoForward, projection=projections.pooled)},
    ),
}
COURSE = Experiment(
    "mf/memory/step",
    partial(
        over_a_step,
        net=partial(perceptron, 5, features=784, width=2000, outputs=10),
        batch=COURSE_BATCH,
        ways=WAYS,
        recipe=OPTIMISERS["adam"],
    ),
    seeds=1,
    together=1,
)
DEPTH = {
    name: Experiment(
        f"mf/memory/depth/{name}",
        partial(against_depth, net=case.net, depths=DEPTHS, batches=case.batches, ways=case.ways, recipes=OPTIMISERS),
        seeds=1,
        together=1,
    )
    for name, case in CASES.items()
}
PIECED = {
    name: Experiment(
        f"mf/memory/pieces/{name}",
        partial(
            against_depth,
            net=case.net,
            depths=DEPTHS,
            batches=SHOWN[name],
            ways={"mf-pieces": partial(in_pieces, pieces=PIECES)},
            recipes={"adam": OPTIMISERS["adam"]},
        ),
        seeds=1,
        together=1,
    )
    for name, case in CASES.items()
}


def slope(result: Result, way: str, optimiser: str, batch: int, kind: str = "peaks") -> float:
    """Give the bytes that a layer more costs, between the two deepest nets."""
    depths, peaks = result.history["depths"], result.history[f"{way}_{optimiser}_{batch}_{kind}"]
    return (peaks[-1] - peaks[-2]) / (depths[-1] - depths[-2])


def crossing(
    result: Result, ours: str, theirs: str, optimiser: str, batches: tuple[int, ...], kind: str = "peaks"
) -> float | None:
    """Give the batch from which on a layer more costs ours less than theirs, between the batches that were counted.

    None if it does at the smallest already; infinity if it does not at the largest. `kind` is ours.
    """
    apart = [slope(result, ours, optimiser, b, kind) - slope(result, theirs, optimiser, b) for b in batches]
    if apart[0] < 0:
        return None
    for (low, above), (high, below) in zip(
        zip(batches, apart, strict=True), zip(batches[1:], apart[1:], strict=True), strict=False
    ):
        if below < 0:
            return low + (high - low) * above / (above - below)
    return float("inf")


def crossing_depth(result: Result, ours: str, theirs: str, optimiser: str, batch: int) -> float | None:
    """Give the number of layers from which on our peak is the lower, the lines between the two deepest nets carried on.

    None if it is at all depths that were counted; infinity if it never is.
    """
    apart = [
        mine - other
        for mine, other in zip(*(result.history[f"{way}_{optimiser}_{batch}_peaks"] for way in (ours, theirs)), strict=True)
    ]
    if max(apart) < 0:
        return None
    steps = (apart[-1] - apart[-2]) / (result.history["depths"][-1] - result.history["depths"][-2])
    if apart[-1] < 0:  # within the depths that were counted
        place = next(k for k, one in enumerate(apart) if one < 0)
        low, high = result.history["depths"][place - 1 : place + 1]
        return low + (high - low) * apart[place - 1] / (apart[place - 1] - apart[place])
    return result.history["depths"][-1] - apart[-1] / steps if steps < 0 else float("inf")


def whole(result: Result, batch: int) -> str:
    """Say from which depth on the whole peak of Mono-Forward, not its slope alone, is below that of each rival."""

    def since(depth: float | None) -> str:
        if depth is None:
            return f"at every depth from {DEPTHS[0]} on"
        return (
            "at no depth" if depth == float("inf") else f"from about {depth:.0f} layers on, **and more in shallower nets**"
        )

    told = [f"than {NAMES[way]} {since(crossing_depth(result, 'mf', way, 'adam', batch))}" for way in WAYS if way != "mf"]
    return f"*Whole peaks*, batch {batch:,}, Adam: Mono-Forward takes less {'; '.join(told)}. Beyond {DEPTHS[-1]} layers lines are carried on."


def _peaks(result: Result, pieced: Sequence[Result], name: str) -> Table:
    found = result.history | {key: value for one in pieced for key, value in one.history.items()}
    ways = [*CASES[name].ways, *(["mf-pieces"] if pieced else [])]
    rows = [
        [NAMES[way], f"{batch:,}", *(_mb(peak) for peak in found[f"{way}_adam_{batch}_peaks"])]
        for batch in SHOWN[name]
        for way in ways
    ]
    caption = f"Peaks themselves, MB, Adam, by the number of layers: {CASES[name].title}."
    return Table(caption, ["way", "batch", *(f"{depth} layers" for depth in DEPTHS)], rows)


def _depths(result: Result, name: str, caption: str) -> Picture:
    axes = row_of_axes(len(SHOWN[name]), (11, 3.6))
    for axis, batch in zip(axes, SHOWN[name], strict=True):
        series = {
            NAMES[way]: (list(DEPTHS), [[peak / MB for peak in result.history[f"{way}_adam_{batch}_peaks"]]])
            for way in CASES[name].ways
        }
        figures.draw_curves(series, x="layers", y="peak, MB" if axis is axes[0] else "", axes=axis)
        axis.set_ylim(bottom=0)
        axis.set_xticks(DEPTHS)
        axis.set_title(f"batch {batch:,}", fontsize=9)
        if legend := axis.get_legend():
            legend.remove()
    figure = figure_of(axes[0])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return Picture(caption, figure)


def ratios(result: Result, batch: int) -> tuple[float, float, float]:
    """Give backpropagation's bytes over Mono-Forward's, Adam: slopes as published, slopes of later steps alike, whole peaks of the deepest net.

    As published the slope of backpropagation is that of its first step and that of Mono-Forward of a later one which holds all gradients.
    """
    published = slope(result, "bp", "adam", batch, "first") / slope(result, "mf", "adam", batch, "kept")
    alike = slope(result, "bp", "adam", batch) / slope(result, "mf", "adam", batch)
    bp, mf = (result.history[f"{way}_adam_{batch}_peaks"][-1] for way in ("bp", "mf"))
    return published, alike, bp / mf


def _ratios(result: Result, name: str) -> Table:
    rows = [[f"{batch:,}", *(f"{one:.2f}" for one in ratios(result, batch))] for batch in CASES[name].batches]
    if name == "mlp":
        rows[-1][1] += f" (paper {PUBLISHED['bp'] / PUBLISHED['mf']:.2f})"
    header = [
        "batch",
        "a layer more, as published",
        "a layer more, later steps of both, gradients freed where they can be",
        f"whole peak of {DEPTHS[-1]} layers",
    ]
    return Table(f"Bytes of BP over bytes of Mono-Forward, Adam: {CASES[name].title}.", header, rows)


def render(results: Results) -> list[Element]:
    """Show the published slopes reproduced, the course of a step, and slopes against depth and batch beside the real rivals."""
    elements: list[Element] = [Text(PROTOCOL)]
    for result in results[DEPTH["mlp"].name]:
        elements += [_published(result), Text(verdict(result)), _slopes(result, "mlp"), _batches(result)]
        elements += [_ratios(result, "mlp"), _peaks(result, results[PIECED["mlp"].name], "mlp")]
        elements += [Text(PIECED_TOLD), *(Text(whole(result, batch)) for batch in SHOWN["mlp"])]
        elements += [_depths(result, "mlp", MLP_DEPTHS)]
    for result in results[DEPTH["cnn"].name]:
        elements += [_slopes(result, "cnn"), Text(_of_maps(result)), _ratios(result, "cnn")]
        elements += [_peaks(result, results[PIECED["cnn"].name], "cnn"), _depths(result, "cnn", CNN_DEPTHS)]
    for result in results[COURSE.name]:
        elements += [_step(result), Picture(_COURSE_CAPTION, _course(result))]
    return elements


PROTOCOL = (
    "Bytes are those of all tensors that are alive, counted after every operation of one step, float32: parameters, the optimiser's "
    "state, the batch, activities, blame and gradients. What allocators keep beside them is not counted. Gradients of Mono-Forward are "
    "freed block by block, as the training loop does. *Recomputed* keeps an input for about the square root of the number of layers; "
    f"*in pieces* sums the gradients of {PIECES} parts of the batch. All rivals give the gradients of BP. Nothing here depends on "
    "chance or on the machine."
)
MLP_DEPTHS = "Figure 3(a): the peak of a step against depth, layers of 1000, Adam. Where batches are large, BP lies under BP with gradients freed."
CNN_DEPTHS = f"Figure 3(b): the peak of a step against depth, {CASES['cnn'].title}, Adam."
PIECED_TOLD = (
    "In pieces, all gradients of Mono-Forward are summed and none can be freed before the last piece, so it saves the activities of whole "
    "batches and pays a set of gradients."
)


def _published(result: Result) -> Table:
    rows = [
        ["BP, first step, Adam", f"{PUBLISHED['bp']:.2f}", _mb(slope(result, "bp", "adam", PUBLISHED_BATCH, "first"))],
        ["BP, later steps, Adam", "", _mb(slope(result, "bp", "adam", PUBLISHED_BATCH))],
        [
            "Mono-Forward, gradients held to the end, Adam",
            f"{PUBLISHED['mf']:.2f}",
            _mb(slope(result, "mf", "adam", PUBLISHED_BATCH, "kept")),
        ],
        ["Mono-Forward, gradients freed, Adam", "", _mb(slope(result, "mf", "adam", PUBLISHED_BATCH))],
        ["Mono-Forward, gradients freed, SGD", "", _mb(slope(result, "mf", "sgd", PUBLISHED_BATCH))],
    ]
    caption = f"Figure 3(a): peak against depth, MB a layer of 1000 more, batch {PUBLISHED_BATCH:,}."
    return Table(caption, ["way", "paper", "onward"], rows)


def verdict(result: Result) -> str:
    """Say what the published slopes are, and where Mono-Forward saves nothing."""
    first, kept = (
        _mb(slope(result, "bp", "adam", PUBLISHED_BATCH, "first")),
        _mb(slope(result, "mf", "adam", PUBLISHED_BATCH, "kept")),
    )
    same = first == f"{PUBLISHED['bp']:.2f}" and kept == f"{PUBLISHED['mf']:.2f}"
    told = [
        (
            f"The published slopes are {'reproduced to the last digit' if same else '**not** reproduced'}: BP's is that of its first step, before there are "
            "gradients or a state of Adam (weights and one activity a layer); Mono-Forward's is of a later step that holds all gradients "
            "(weights, projections, their gradients, Adam's two means). Of the same kind of step, BP's is "
            f"{_mb(slope(result, 'bp', 'adam', PUBLISHED_BATCH))}."
        )
    ]
    held = _from(crossing(result, "mf", "bp", "adam", BATCHES, "kept"), BATCHES)
    told.append(
        f"With its gradients held to the end, Mono-Forward's layers cost less than BP's {held}. With gradients freed:"
    )
    rivals = (
        f"than {NAMES[way]} {_from(crossing(result, 'mf', way, 'adam', BATCHES), BATCHES)}" for way in WAYS if way != "mf"
    )
    told.append(f"less {'; '.join(rivals)}.")
    return " ".join(told)


def _of_maps(result: Result) -> str:
    """Say from which batch on Mono-Forward saves memory in convolutional nets, for both projections."""
    told = []
    for ours in ("mf", "mf-pooled"):
        rivals = (
            f"than {NAMES[way]} {_from(crossing(result, ours, way, 'adam', CNN_BATCHES), CNN_BATCHES)}"
            for way in WAYS
            if way != "mf"
        )
        told.append(f"With Adam, layers of {NAMES[ours]} cost less {'; '.join(rivals)}.")
    return " ".join(told)


def _from(where: float | None, batches: tuple[int, ...]) -> str:
    if where is None:
        return f"at every batch from {batches[0]} on"
    if where == float("inf"):
        return f"at no batch up to {batches[-1]:,}"
    return f"from a batch of about {where:,.0f} on, **and more below**"


def _slopes(result: Result, name: str) -> Table:
    case = CASES[name]
    rows = [
        [NAMES[way], optimiser.upper() if optimiser == "sgd" else "Adam"]
        + [_mb(slope(result, way, optimiser, batch)) for batch in case.batches]
        for way in case.ways
        for optimiser in OPTIMISERS
    ]
    caption = (
        f"Peak of a step against depth: MB a layer more, from {DEPTHS[-2]} to {DEPTHS[-1]} layers, {case.title}, by batch."
    )
    return Table(caption, ["way", "optimiser", *(f"{batch:,}" for batch in case.batches)], rows)


def _batches(result: Result) -> Picture:
    axes = row_of_axes(2, (9.6, 3.8))
    for axis, optimiser in zip(axes, OPTIMISERS, strict=True):
        series = {
            NAMES[way]: (list(BATCHES), [[slope(result, way, optimiser, batch) / MB for batch in BATCHES]]) for way in WAYS
        }
        figures.draw_curves(series, x="batch", y="MB a layer more", axes=axis, log=True)
        axis.set_xscale("log")
        axis.set_title("Adam" if optimiser == "adam" else "SGD, which keeps no state", fontsize=9)
    return Picture(
        f"What a layer of 1000 neurons more costs, against the batch ({CASES['mlp'].title}).", figure_of(axes[0])
    )


_COURSE_CAPTION = (
    f"Figures 1 and 2: bytes alive over one step of a later kind, 5 x 2000, batch {COURSE_BATCH:,}, operation by operation; dots are "
    "updates. The step of each way is stretched to the same width."
)


def _step(result: Result) -> Table:
    rows = []
    for way in WAYS:
        peak, valley = result.metrics[f"{way}_peak"], result.metrics[f"{way}_valley"]
        products = result.metrics[f"{way}_products"] / result.metrics["bp_products"]
        first = result.history[f"{way}_products"][0] / result.metrics["bp_products"]
        rows.append([NAMES[way], _mb(peak), _mb(valley), f"{peak / valley:.2f}", f"{products:.2f}", f"{first:.2f}"])
    header = ["way", "peak, MB", "valley, MB", "peak / valley", "multiply-adds, of BP", "of these before the first update"]
    caption = (
        f"One step, 5 x 2000, batch {COURSE_BATCH:,}, Adam. The valley is the least between the first update and the last, or at the "
        "only one."
    )
    return Table(caption, header, rows)


def _course(result: Result) -> Figure:
    axes = row_of_axes(1, (7.6, 4.0))[0]
    for way in WAYS:
        found, marks = result.history[f"{way}_bytes"], result.history[f"{way}_updates"]
        places = [k / (len(found) - 1) for k in range(len(found))]
        (line,) = axes.plot(places, [one / MB for one in found], label=NAMES[way], lw=1.2)
        done = [int(mark) - 1 for mark in marks]
        axes.plot([places[k] for k in done], [found[k] / MB for k in done], "o", color=line.get_color(), ms=3)
    axes.set(xlabel="part of the step's operations", ylabel="MB alive")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure_of(axes)


def _mb(found: float) -> str:
    return f"{found / MB:.2f}"


ARTEFACT = Artefact(
    "memory",
    "Memory of Mono-Forward and of backpropagation: over a step, against depth, against the batch",
    "Mono-Forward, figures 1 to 3",
    (COURSE, *DEPTH.values(), *PIECED.values()),
    render,
)
