"""From the measured times of one block and of the wire to 8, 16, ..., 1024 ranks: Mono-Forward against 1F1B, as tables and a figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from onward.papers.mono_forward.ranks_block import Measured
from onward.pipeline import scaling
from onward.pipeline.scaling import Ways
from onward.reports import figures
from onward.reports.artefact import Table
from onward.reports.canvas import Figure, figure_of, row_of_axes

RANKS = tuple(2**power for power in range(3, 11))
FEW, TIMES_RANKS, PIECE = 8, 4, 128  # micro-batches; as many times the ranks; examples of a micro-batch where batches grow
NONE = float("nan")


@dataclass(frozen=True)
class Derived:
    """What a way comes to on some ranks: batches of the measured size a second, bytes of the fullest rank, bytes a batch on all wires."""

    rate: float
    memory: float
    wire: float


NOTHING = Derived(NONE, NONE, NONE)


def mono_forward(own: Measured, ranks: int) -> Derived:
    """Derive Mono-Forward on some ranks, one block each."""
    block, ways = own.block, Ways(ranks, wire=own.wire)
    return Derived(
        1 / scaling.mono_forward_seconds(block, ways),
        scaling.mono_forward_memory(block, ways),
        scaling.mono_forward_wire(block, ways),
    )


def few_pieces(own: Measured, ranks: int) -> Derived:
    """Derive 1F1B with a few micro-batches, however many ranks there are."""
    return _one_f_one_b(own, ranks, FEW)


def many_pieces(own: Measured, ranks: int) -> Derived:
    """Derive 1F1B with four micro-batches a rank; nothing where a batch has not so many examples."""
    pieces = TIMES_RANKS * ranks
    return _one_f_one_b(own, ranks, pieces) if pieces <= own.block.batch else NOTHING


def larger_batches(own: Measured, ranks: int) -> Derived:
    """Derive 1F1B with four micro-batches a rank of as many examples each as on few ranks, so with batches that grow."""
    block, pieces = own.block, TIMES_RANKS * ranks
    factor = pieces * PIECE / block.batch
    grown = replace(block, batch=pieces * PIECE, forward=factor * block.forward, backward=factor * block.backward)
    found = _one_f_one_b(Measured(grown, own.wire), ranks, pieces)
    return Derived(found.rate * factor, found.memory, found.wire / factor)


def _one_f_one_b(own: Measured, ranks: int, pieces: int) -> Derived:
    block, ways = own.block, Ways(ranks, wire=own.wire)
    return Derived(
        1 / scaling.one_f_one_b_seconds(block, ways, pieces),
        scaling.one_f_one_b_memory(block, ways, pieces),
        scaling.one_f_one_b_wire(block, ways),
    )


WAYS = {
    "Mono-Forward": mono_forward,
    f"1F1B, m = {FEW}": few_pieces,
    f"1F1B, m = {TIMES_RANKS} R": many_pieces,
    f"1F1B, m = {TIMES_RANKS} R of {PIECE} examples": larger_batches,
}
ASSUMPTIONS = (
    "## Many ranks\n\nDerived, not measured, from the times below by the formulas of [ranks.md](../ranks.md): one block of 1000 a rank, so the net "
    "has as many blocks as there are ranks R; every rank a machine of its own with a core beside for the wire, all wires as measured. Rates are those of batches of the measured "
    "size. A micro-batch is taken to need its share of a batch's time, which favours 1F1B, as products of few examples are less efficient. "
    f"The last way lets the batch grow with the ranks ({TIMES_RANKS} R micro-batches of {PIECE} examples), which changes what is learned."
)
CAPTION = (
    "Batches a second, memory of the fullest rank and bytes on all wires against the number of ranks, derived. All of 1F1B put the same "
    "bytes on the wires, so their lines lie on one another there."
)


def inputs(own: Measured) -> Table:
    """Show what the derivation begins with."""
    block = own.block
    seconds = (block.teach, block.forward, block.backward, block.update)
    rows = [[*(f"{1000 * one:.2f}" for one in seconds), f"{1e-9 / own.wire:.2f}", f"{block.activity / 1e6:.2f}"]]
    header = [
        "Mono-Forward: taught, ms", "BP: forward, ms", "backward, ms", "update, ms", "wire, GB a second", "activity of a batch, MB",
    ]  # fmt: skip
    return Table(
        f"One block of {block.width} on {block.width}, batch {block.batch}, one thread, scaled so that blocks add up to the step.",
        header,
        rows,
    )


def tables(own: Measured) -> list[Table]:
    """Show rates, memory and bytes by number of ranks."""
    parts = (
        ("rate", "Batches a second in steady state.", lambda one: f"{one:.2f}"),
        ("memory", "Memory of the fullest rank, MB.", lambda one: f"{one / 1e6:.0f}"),
        ("wire", "MB a batch on all wires together.", lambda one: f"{one / 1e6:.0f}"),
    )
    return [
        Table(caption, ["ranks", *WAYS], [[str(ranks), *(_cell(way(own, ranks), part, told) for way in WAYS.values())] for ranks in RANKS])
        for part, caption, told in parts
    ]  # fmt: skip


def _cell(found: Derived, part: str, told: Callable[[float], str]) -> str:
    value = getattr(found, part)
    return told(value) if value == value else "-"


def drawn(own: Measured) -> Figure:
    """Draw the three against the number of ranks."""
    axes = row_of_axes(3, (11.4, 3.8))
    labels = {
        "rate": ("batches a second", 1.0),
        "memory": ("MB of the fullest rank", 1e6),
        "wire": ("GB a batch on all wires", 1e9),
    }
    for axis, (part, (label, unit)) in zip(axes, labels.items(), strict=True):
        series = {
            name: (list(RANKS), [[getattr(way(own, ranks), part) / unit for ranks in RANKS]]) for name, way in WAYS.items()
        }
        figures.draw_curves(series, x="ranks", y=label, axes=axis, log=True)
        axis.set_xscale("log", base=2)
        if axis is not axes[0] and (legend := axis.get_legend()) is not None:
            legend.remove()
    return figure_of(axes[0])


def conclusion(own: Measured) -> str:
    """Say how the ways stand to each other on the most ranks, and how long Mono-Forward takes to fill."""
    most = RANKS[-1]
    ours, few, grown = (way(own, most) for way in (mono_forward, few_pieces, larger_batches))
    fill = scaling.mono_forward_fill(own.block, Ways(most, wire=own.wire))
    bubble = 100 * scaling.bubble(most, FEW)
    idle = 100 * scaling.bubble(most, TIMES_RANKS * most)
    return (
        f"On {most} ranks Mono-Forward is derived to take {ours.rate / few.rate:.1f} times as many batches a second as 1F1B with {FEW} micro-batches, whose ranks are idle {bubble:.1f} % "
        f"of the time, and {ours.rate / grown.rate:.2f} times as many as 1F1B whose batches grow to {TIMES_RANKS * most * PIECE:,} examples ({idle:.1f} % idle). "
        f"Mono-Forward's pipeline fills once, in {fill:.0f} seconds. The fullest rank holds {ours.memory / 1e6:.0f} MB, "
        f"{few.memory / 1e6:.0f} MB and {grown.memory / 1e6:.0f} MB: {_memory_words(ours, few, grown)} "
        f"On the wires Mono-Forward puts {ours.wire / few.wire:.2f} times the bytes of 1F1B."
    )


def _memory_words(ours: Derived, few: Derived, grown: Derived) -> str:
    told = {True: "more", False: "less"}
    return (
        f"Mono-Forward, whose batches wait whole at both ends of a wire, needs {told[ours.memory > few.memory]} than 1F1B with {FEW} micro-batches, and "
        f"{told[ours.memory > grown.memory]} than with batches that grow, of which rank 0 keeps a micro-batch for every rank."
    )
