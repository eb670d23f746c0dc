"""One block of the measured net, in seconds: what the derivation for many ranks begins with.

Blocks are timed apart, so their sum is not the step of the whole net on one rank, which is measured too; each rule's times are scaled by what
its step is of the sum, so that neither is derived from times that do not add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from onward.experiments.result import Result
from onward.experiments.statistics import values
from onward.nets.builders import mlp
from onward.papers.mono_forward.ranks_case import OUTPUTS, Case
from onward.pipeline.scaling import Block
from onward.reports.artefact import Table

SERIES = {"mf": ("mf_blocks",), "bp": ("bp_forward", "bp_backward", "bp_update")}  # of the times of blocks
STEP = {"mf": "mf_1_seconds", "bp": "bp_1_seconds"}  # of the whole net on one rank
NAMES = {"mf": "Mono-Forward", "bp": "BP"}


@dataclass(frozen=True)
class Measured:
    """What one block of the measured net takes, and a byte on the wire in seconds."""

    block: Block
    wire: float


def blocks_summed(one: Result, rule: str) -> float:
    """Give the seconds of all blocks of a run together, each timed for itself."""
    return sum(sum(one.history[series]) for series in SERIES[rule])


def measured(found: Sequence[Result], case: Case) -> Measured:
    """Take the times of a block in the middle of the measured net: medians over the blocks that are alike and over the runs, scaled."""
    width = case.sizes[0]
    own = mlp((width,), (width,), OUTPUTS, bias=False)
    weights = sum(one.numel() for one in own.blocks.parameters())
    projection = sum(one.numel() for one in own.parameters()) - weights

    def seconds(series: str, rule: str) -> float:
        return median(
            median(one.history[series][1:-1]) * one.metrics[STEP[rule]] / blocks_summed(one, rule) for one in found
        )

    times = (seconds(series, rule) for rule, own_series in SERIES.items() for series in own_series)
    return Measured(Block(case.batch, width, weights, projection, *times), median(values(found, "wire_seconds_a_byte")))


def sums(found: Sequence[Result]) -> Table:
    """Show how far the blocks' times add up to the step that was measured."""
    rows = []
    for rule, name in NAMES.items():
        summed, step = (median(each) for each in ([blocks_summed(one, rule) for one in found], values(found, STEP[rule])))
        scale = median(one.metrics[STEP[rule]] / blocks_summed(one, rule) for one in found)
        rows.append([name, f"{1000 * summed:.1f}", f"{1000 * step:.1f}", f"{scale:.3f}"])
    caption = (
        "All blocks of the measured net, each timed for itself (the median of some passes in every turn, of the turns, and of the runs), beside a step of the whole net "
        "on one rank; of BP the faster of eager and compiled. What a derivation takes of a block is scaled by the last column."
    )
    return Table(caption, ["rule", "sum of the blocks, ms", "a step, ms", "step over sum"], rows)
