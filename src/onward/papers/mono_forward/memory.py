"""Figures 1 to 3: memory over a step, and against depth; what Mono-Forward saves, against whom, and where it saves nothing.

Bytes are counted on tensors without memory, exactly, for nets and batches as large as the paper's. Slopes are bytes a layer more,
in MB of 10^6 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.result import Result
from onward.papers.mono_forward.memory_cases import (
    BATCHES,
    CASES,
    COURSE,
    COURSE_BATCH,
    DEPTH,
    DEPTHS,
    NAMES,
    PIECED,
    PUBLISHED,
    PUBLISHED_BATCH,
    SHOWN,
)
from onward.papers.mono_forward.memory_slopes import ratios, slope
from onward.papers.mono_forward.memory_trials import OPTIMISERS
from onward.papers.mono_forward.memory_verdicts import MB, megabytes, of_maps, verdict, whole
from onward.reports import figures
from onward.reports.artefact import Artefact, Element, Picture, Results, Table, Text
from onward.reports.canvas import Figure, figure_of, one_legend, row_of_axes
from onward.training.ways import PIECES, WAYS


def render(results: Results) -> list[Element]:
    """Show the published slopes reproduced, the course of a step, and slopes against depth and batch beside the real rivals."""
    elements: list[Element] = [Text(PROTOCOL)]
    for result in results[DEPTH["mlp"].name]:
        elements += [_published(result), Text(verdict(result)), _slopes(result, "mlp"), _batches(result)]
        elements += [_ratios(result, "mlp"), _peaks(result, results[PIECED["mlp"].name], "mlp")]
        elements += [Text(PIECED_TOLD), *(Text(whole(result, batch)) for batch in SHOWN["mlp"])]
        elements += [_depths(result, "mlp", MLP_DEPTHS)]
    for result in results[DEPTH["cnn"].name]:
        elements += [_slopes(result, "cnn"), Text(of_maps(result)), _ratios(result, "cnn")]
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
        [
            "BP, first step, Adam",
            f"{PUBLISHED['bp']:.2f}",
            megabytes(slope(result, "bp", "adam", PUBLISHED_BATCH, "first")),
        ],
        ["BP, later steps, Adam", "", megabytes(slope(result, "bp", "adam", PUBLISHED_BATCH))],
        [
            "Mono-Forward, gradients held to the end, Adam",
            f"{PUBLISHED['mf']:.2f}",
            megabytes(slope(result, "mf", "adam", PUBLISHED_BATCH, "kept")),
        ],
        ["Mono-Forward, gradients freed, Adam", "", megabytes(slope(result, "mf", "adam", PUBLISHED_BATCH))],
        ["Mono-Forward, gradients freed, SGD", "", megabytes(slope(result, "mf", "sgd", PUBLISHED_BATCH))],
    ]
    caption = f"Figure 3(a): peak against depth, MB a layer of 1000 more, batch {PUBLISHED_BATCH:,}."
    return Table(caption, ["way", "paper", "onward"], rows)


def _peaks(result: Result, pieced: Sequence[Result], name: str) -> Table:
    found = result.history | {key: value for one in pieced for key, value in one.history.items()}
    ways = [*CASES[name].ways, *(["mf-pieces"] if pieced else [])]
    rows = [
        [NAMES[way], f"{batch:,}", *(megabytes(peak) for peak in found[f"{way}_adam_{batch}_peaks"])]
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
    return Picture(caption, one_legend(axes))


def _slopes(result: Result, name: str) -> Table:
    case = CASES[name]
    rows = [
        [NAMES[way], optimiser.upper() if optimiser == "sgd" else "Adam"]
        + [megabytes(slope(result, way, optimiser, batch)) for batch in case.batches]
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
        rows.append(
            [NAMES[way], megabytes(peak), megabytes(valley), f"{peak / valley:.2f}", f"{products:.2f}", f"{first:.2f}"]
        )
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


ARTEFACT = Artefact(
    "memory",
    "Memory of Mono-Forward and of backpropagation: over a step, against depth, against the batch",
    "Mono-Forward, figures 1 to 3",
    (COURSE, *DEPTH.values(), *PIECED.values()),
    render,
)
