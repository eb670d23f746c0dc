"""Bytes that a layer more costs, and where one way of learning begins to cost less than another, of counted peaks."""

from __future__ import annotations

from onward.experiments.result import Result


def slope(result: Result, way: str, optimiser: str, batch: int, kind: str = "peaks") -> float:
    """Give the bytes that a layer more costs, between the two deepest nets."""
    depths, peaks = result.history["depths"], result.history[f"{way}_{optimiser}_{batch}_{kind}"]
    return (peaks[-1] - peaks[-2]) / (depths[-1] - depths[-2])


def crossing(
    result: Result,
    ours: str,
    theirs: str,
    optimiser: str,
    batches: tuple[int, ...],
    kind: str = "peaks",
    theirs_kind: str = "peaks",
) -> float | None:
    """Give the batch from which on a layer more costs ours less than theirs, between the batches that were counted.

    None if it does at the smallest already; infinity if it does not at the largest. `kind` and `theirs_kind` are those of `slope`, ours and theirs.
    """
    apart = [slope(result, ours, optimiser, b, kind) - slope(result, theirs, optimiser, b, theirs_kind) for b in batches]
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


def ratios(result: Result, batch: int) -> tuple[float, float, float]:
    """Give backpropagation's bytes over Mono-Forward's, Adam: slopes as published, slopes of later steps alike, whole peaks of the deepest net.

    As published the slope of backpropagation is that of its first step and that of Mono-Forward of a later one which holds all gradients.
    """
    published = slope(result, "bp", "adam", batch, "first") / slope(result, "mf", "adam", batch, "kept")
    alike = slope(result, "bp", "adam", batch) / slope(result, "mf", "adam", batch)
    bp, mf = (result.history[f"{way}_adam_{batch}_peaks"][-1] for way in ("bp", "mf"))
    return published, alike, bp / mf
