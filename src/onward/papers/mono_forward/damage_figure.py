"""Every damage in one drawing: what each block and BP say before, after, and after each way of retraining."""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import Mean, mean, values
from onward.papers.mono_forward.harms import HARMS, TITLES, UNHARMED
from onward.papers.mono_forward.retraining import POSITIONS
from onward.reports.canvas import BLUE, PURPLE, RED, Figure, figure_of, grid_of_axes
from onward.reports.crowded import GREY, Mark, draw_accuracies

MARKS = {
    "before": Mark("#222222", "_", joined=False),
    "damaged": Mark(GREY, "x"),
    "cleared": Mark(PURPLE, "D"),
    "the block retrained": Mark(RED, "o"),
    "it and all later ones retrained": Mark(BLUE, "s"),
}
BLOCKS = ("1", "2", "3")
BACKPROP = "BP"
CAPTION = (
    "Test accuracy of blocks 1 to 3 and of BP's net, mean ± 95 %; a row a damage, a column the block that is hurt; BP is retrained whole, for as many "
    "multiply-adds. Where nothing was cleared, cleared is as damaged and left out. The axis is spread towards 100 %."
)


def figure(ours: Sequence[Result], length: str) -> Figure:
    """Draw all cases after a length of retraining."""
    harms = [harm for harm in HARMS if harm != UNHARMED]
    grid = grid_of_axes(len(harms), len(POSITIONS), (3.1, 2.25))
    drawn = {(harm, position): series(ours, harm, position, length) for harm in harms for position in POSITIONS}
    everything = [found for one in drawn.values() for points in one.values() for found in points.values()]
    ends = min(found.value for found in everything), max(found.value for found in everything)
    room = max(0.0, 0.6 * ends[0]), 1 - 0.75 * (1 - ends[1])
    for line, harm in zip(grid, harms, strict=True):
        for axis, position in zip(line, POSITIONS, strict=True):
            draw_accuracies(
                drawn[harm, position], MARKS, places=(*BLOCKS, BACKPROP), apart=(BACKPROP,), ends=room, axes=axis
            )
            axis.set_xticks(range(len(BLOCKS) + 1), [*(f"block {k}" for k in BLOCKS), BACKPROP])
            axis.set_title(f"{TITLES[harm]},\n{position} block", fontsize=8)
            axis.tick_params(labelsize=8)
        line[0].set_ylabel("test accuracy, %", fontsize=8.5)
    whole = figure_of(grid[0][0])
    handles = {name: one for axis in whole.axes for one, name in zip(*axis.get_legend_handles_labels(), strict=True)}
    names = [name for name in MARKS if name in handles]
    whole.legend(
        [handles[name] for name in names], names, loc="outside upper center", ncols=len(names), frameon=False, fontsize=9
    )
    return whole


def series(ours: Sequence[Result], harm: str, position: str, length: str) -> dict[str, dict[str, Mean]]:
    """Give what is drawn of a case: for each state of the nets, the mean accuracy of every block and of BP."""
    case = f"{harm}_{position}"
    found = {
        "before": _state(ours, "before", "bp_before"),
        "damaged": _state(ours, f"{case}_damaged", f"{case}_bp_damaged"),
        "cleared": _state(ours, f"{case}_mended", f"{case}_bp_mended"),
        "the block retrained": _state(ours, f"{case}_{length}_alone", f"{case}_{length}_bp_as_alone"),
        "it and all later ones retrained": _state(ours, f"{case}_{length}_onward", f"{case}_{length}_bp_as_onward"),
    }
    if all(one.value == found["damaged"][place].value for place, one in found["cleared"].items()):
        del found["cleared"]
    if position == POSITIONS[-1]:  # nothing is later
        del found["it and all later ones retrained"]
    return found


def _state(ours: Sequence[Result], name: str, backprop: str) -> dict[str, Mean]:
    own = {k: mean(values(ours, f"{name}_block_{k}")) for k in BLOCKS}
    return {**own, BACKPROP: mean(values(ours, backprop))}
