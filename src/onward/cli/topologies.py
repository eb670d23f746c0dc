"""Topologies on the command line: read from a file, explained, drawn."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from rich.console import Console
from rich.table import Table

from onward import given, graphs
from onward.cli.words import KINDS
from onward.kernels import activations, reach
from onward.kernels.plan import Cost, Plan, plan, si
from onward.meters.process import available
from onward.topology import Topology

FILES = (".csv", ".npy", ".npz", ".graphml")
PREFIXES = "KMGT"
SHOWN = 16  # outputs whose distances are listed one by one


def read(path: Path, inputs: str, outputs: str, bias: str, *, clamped: bool) -> Topology:
    """Read the topology of a file with an adjacency matrix (rows feed columns) or a graph."""
    if not path.exists():
        kind = f" (for a kind of topology write it as {path}:SIZES)" if str(path) in KINDS else ""
        raise ValueError(
            f"there is no file {path}{kind}; expected KIND:SIZES like mesh:2-5-2, or a {', '.join(FILES)} file"
        )
    if path.suffix == ".graphml":
        return _read_graph(path, inputs, outputs, bias, clamped)
    if not inputs or not outputs:
        raise ValueError(
            f"a matrix does not say which neurons are inputs and outputs: give --inputs and --outputs for {path}"
        )
    try:
        if path.suffix == ".csv":
            if not path.read_text().strip():
                raise ValueError("the file is empty")
            matrix = np.loadtxt(path, delimiter=",", ndmin=2)
        elif path.suffix == ".npy":
            matrix = np.load(path, allow_pickle=False)
        elif path.suffix == ".npz":
            from scipy.sparse import load_npz

            matrix = load_npz(path)
        else:
            raise ValueError(f"expected a file ending in {', '.join(FILES)}")
    except (ValueError, KeyError, EOFError, BadZipFile) as error:
        why = str(error).split(";")[0].splitlines()[0] if str(error) and "pickle" not in str(error) else "not an array file"
        raise ValueError(f"{path} cannot be read as an adjacency matrix: {why}") from error
    constant = _positions("--bias", bias)
    return graphs.from_adjacency(
        matrix,
        _positions("--inputs", inputs),
        _positions("--outputs", outputs),
        bias=constant[0] if constant else None,
        clamped=clamped,
    )[0]


def explain(
    topology: Topology,
    ticks: int,
    batch: int,
    activation: str,
    console: Console,
    *,
    budget: int | None = None,
    threads: int = 1,
) -> None:
    """Print what a topology is, what can influence its outputs, the cost of each engine cut to fit a budget of bytes, and whether memory holds it.

    Raises:
        ValueError: less than one tick, example, thread or byte, or a budget that holds nothing. Ticks too few to reach an output, after what can be said has
            been printed.
    """
    given.whole("ticks", ticks)
    silent = activations.find(activation).silent_at_zero
    live = int(reach.live(topology, ticks, silent_at_zero=silent).sum())
    counted = plan(topology, ticks, batch, live=live, budget=budget, threads=threads)
    console.print(f"{topology}", highlight=False)
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_row("neurons", f"{topology.neurons}")
    facts.add_row("edges (parameters)", f"{topology.edges}")
    facts.add_row(f"edges that can influence an output in {ticks} ticks", f"{live}  ({live / max(topology.edges, 1):.0%})")
    facts.add_row("shortest distance from the inputs to each output", _distances(topology))
    blocks = ", ".join(f"{block} {len(edges)}" for block, edges in topology.blocks.items())
    facts.add_row("edges by block", blocks or "none")
    console.print(facts)
    table = Table(
        "gradient of one batch", "FLOPs", "bytes at a time", "", box=None, header_style="bold", padding=(0, 3, 0, 0)
    )
    for name, cost in (*counted.costs.items(), *counted.others.items()):
        table.add_row(name, *_cost(cost), _said_of(name, counted))
    console.print()
    console.print(table)
    console.print(f"Chosen is {counted.engine}: {counted.why}.", highlight=False)
    if counted.advice is not None:
        console.print(f"But {counted.advice}.", style="red", highlight=False)
    counted_from = "" if counted.exact else " The sparse engine is counted on some neurons that stand for all."
    console.print(
        f"Batch {batch}, float32, loss read at the last of {ticks} ticks, {activation}.{counted_from}", highlight=False
    )
    _room(counted, console)
    reach.check_outputs(topology, ticks)


def _said_of(name: str, counted: Plan) -> str:
    """Say what is to be known of an engine: that it is chosen, how it is cut, that it does not fit."""
    if name in counted.others:
        return "for comparison"
    if name not in counted.parts:
        return "does not fit the budget"
    chosen = "chosen" if name == counted.engine else ""
    return ", ".join(filter(None, (chosen, counted.cut(name))))


def _room(counted: Plan, console: Console) -> None:
    """Say what the engine of choice needs in all, and whether memory holds it."""
    cost, beside = counted.costs[counted.engine], counted.standing[counted.engine]
    free = available()
    here = "" if free is None else f"; {si(free)}B are free here"
    console.print(
        f"In all it takes about {si(counted.needed)}B: {si(cost.bytes)}B carried at a time, and beside that the graph "
        f"{si(beside.graph)}B, weights {si(beside.weights)}B, working memory {si(beside.working)}B{here}.",
        highlight=False,
    )
    if free is not None and counted.needed > free:
        mend = "take a smaller or sparser graph" if beside.total > free else "--budget cuts what is carried into parts"
        console.print(f"It does not fit: {mend}, or a smaller batch.", style="red", highlight=False)


def check_drawing(path: Path) -> None:
    """Refuse a file that no drawing can be written to: `ValueError`."""
    known = (".svg", ".png", ".pdf")
    if path.suffix.lower() not in known:
        raise ValueError(f"a drawing is written as {', '.join(known)}, got {path.name!r}")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to draw {path.name} into")


def draw(topology: Topology, path: Path) -> None:
    """Draw the graph into a file, or the adjacency matrix where a graph could not be read."""
    from onward.reports import drawings

    check_drawing(path)
    large = topology.neurons > drawings.LARGEST_GRAPH
    figure = drawings.draw_adjacency(topology) if large else drawings.draw_graph(topology)
    figure.savefig(path, dpi=144)


def _read_graph(path: Path, inputs: str, outputs: str, bias: str, clamped: bool) -> Topology:
    import networkx

    try:
        graph = networkx.read_graphml(path)
    except Exception as error:
        raise ValueError(f"{path} cannot be read as GraphML: {error}") from error
    named = [[node.strip() for node in text.split(",") if node.strip()] or None for text in (inputs, outputs)]
    return graphs.from_networkx(graph, named[0], named[1], bias=bias or None, clamped=clamped)[0]


def _positions(option: str, text: str) -> list[int]:
    """Read positions as `0,1,2` or `0-2`."""
    found = []
    for part in filter(None, text.replace(" ", "").split(",")):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ValueError(f"{option} takes positions like 0,1,2 or 0-2, got {text!r}")
        found += range(int(first), int(last or first) + 1)
    return found


def _distances(topology: Topology) -> str:
    found = reach.distances(topology)
    words = ["unreachable" if distance is None else str(distance) for distance in found]
    if len(words) <= SHOWN:
        return ", ".join(words)
    reached = [distance for distance in found if distance is not None]
    span = f"{min(reached)} to {max(reached)}" if reached else "none"
    return f"{span} ({len(found) - len(reached)} of {len(found)} unreachable)"


def size(word: str) -> int | None:
    """Read a number of bytes like `500MB`, `2GB` or `4096`; None of an empty word."""
    if not word:
        return None
    number = word.strip().upper().removesuffix("B")
    power = PREFIXES.find(number[-1:]) if number[-1:] else -1
    try:
        found = int(float(number[:-1] if power >= 0 else number) * 1000 ** (power + 1))
    except (ValueError, OverflowError):
        raise ValueError(f"a number of bytes is written like 500MB, 2GB or 4096, got {word!r}") from None
    if found < 1:
        raise ValueError(f"a number of bytes is at least 1, got {word!r}")
    return found


def _cost(cost: Cost) -> tuple[str, str]:
    return si(cost.flops), si(cost.bytes) + "B"
