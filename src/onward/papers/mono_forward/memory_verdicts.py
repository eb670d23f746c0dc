"""The sentences on memory: what the published slopes are, against whom Mono-Forward saves, and where it saves nothing."""

from __future__ import annotations

from onward.experiments.result import Result
from onward.papers.mono_forward.memory_cases import BATCHES, CNN_BATCHES, DEPTHS, NAMES, PUBLISHED, PUBLISHED_BATCH
from onward.papers.mono_forward.memory_slopes import crossing, crossing_depth, slope
from onward.training.ways import WAYS

MB = 1e6


def megabytes(found: float) -> str:
    """Write bytes in MB of 10^6."""
    return f"{found / MB:.2f}"


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


def verdict(result: Result) -> str:
    """Say what the published slopes are, and where Mono-Forward saves nothing."""
    first, kept = (
        megabytes(slope(result, "bp", "adam", PUBLISHED_BATCH, "first")),
        megabytes(slope(result, "mf", "adam", PUBLISHED_BATCH, "kept")),
    )
    same = first == f"{PUBLISHED['bp']:.2f}" and kept == f"{PUBLISHED['mf']:.2f}"
    told = [
        (
            f"The published slopes are {'reproduced to the last digit' if same else '**not** reproduced'}: BP's is that of its first step, before there are "
            "gradients or a state of Adam (weights and one activity a layer); Mono-Forward's is of a later step that holds all gradients "
            "(weights, projections, their gradients, Adam's two means). Of the same kind of step, BP's is "
            f"{megabytes(slope(result, 'bp', 'adam', PUBLISHED_BATCH))}."
        )
    ]
    pair = _from(crossing(result, "mf", "bp", "adam", BATCHES, "kept", "first"), BATCHES)
    told.append(f"Of that pair Mono-Forward's layers cost less {pair}.")
    held = _from(crossing(result, "mf", "bp", "adam", BATCHES, "kept"), BATCHES)
    told.append(
        f"With its gradients held to the end, Mono-Forward's layers cost less than BP's of a later step {held}. With gradients freed:"
    )
    rivals = (
        f"than {NAMES[way]} {_from(crossing(result, 'mf', way, 'adam', BATCHES), BATCHES)}" for way in WAYS if way != "mf"
    )
    told.append(f"less {'; '.join(rivals)}.")
    return " ".join(told)


def of_maps(result: Result) -> str:
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
