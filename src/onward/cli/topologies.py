"""Topologies on the command line: read from a word or a file, explained, drawn."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from onward import graphs
from onward.kernels import activations, reach
from onward.kernels.plan import Cost, Plan, plan
from onward.meters.process import available
from onward.naming import suggest
from onward.topology import Topology

KINDS = ("mesh", "layered", "cascade", "recurrent", "random", "lattice")
FILES = (".csv", ".npy", ".npz", ".graphml")
SIZES = "KMGT"
SHOWN = 16  # outputs whose distances are listed one by one


def parse(word: str, *, bias: bool, seed: int) -> Topology:
    """Make the topology of a word like `mesh:2-5-2`, `random:32-50-10@0.15` or `lattice:784-100x100-10@0.1`."""
    kind, _, rest = word.partition(":")
    if kind not in KINDS:
        raise ValueError(f"unknown kind of topology {kind!r}, expected one of {', '.join(KINDS)}{suggest(kind, KINDS)}")
    sizes, _, density = rest.partition("@")
    if kind == "lattice":
        return _lattice(word, sizes, density, seed)
    try:
        features, *hidden, outputs = (int(size) for size in sizes.split("-"))
    except ValueError:
        raise ValueError(f"expected sizes like 2-5-2 (features, hidden, outputs) in {word!r}, got {sizes!r}") from None
    if density and kind != "random":
        raise ValueError(f"only a random mesh takes a density, got {word!r}")
    if kind == "layered":
        return graphs.layered(features, hidden, outputs, bias=bias)
    if len(hidden) != 1:
        raise ValueError(f"a {kind} takes features-hidden-outputs, three sizes, got {sizes!r}")
    if kind == "random":
        try:
            part = float(density)
        except ValueError:
            raise ValueError(f"a random mesh takes a density, as in random:{sizes}@0.15, got {word!r}") from None
        return graphs.random(features, hidden[0], outputs, part, generator=torch.Generator().manual_seed(seed), bias=bias)
    family = {"mesh": graphs.mesh, "cascade": graphs.cascade, "recurrent": graphs.recurrent}[kind]
    return family(features, hidden[0], outputs, bias=bias)


def _lattice(word: str, sizes: str, rewired: str, seed: int) -> Topology:
    """Make a lattice, which has no bias; what follows the @ is the part of its edges that are rewired."""
    try:
        features, sides, outputs = sizes.split("-")
        rows, columns = (int(side) for side in sides.split("x"))
        given = int(features), (rows, columns), int(outputs)
        part = float(rewired or 0)
    except ValueError:
        raise ValueError(
            f"a lattice is written like lattice:784-100x100-10, or with a part of its edges rewired like lattice:784-100x100-10@0.1, got {word!r}"
        ) from None
    return graphs.lattice(*given, generator=torch.Generator().manual_seed(seed), rewired=part)


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
    """Print what a topology is, what can influence its outputs, and the cost of each engine, cut to fit a budget of bytes.

    Raises:
        ValueError: too few ticks; raised after what can be said has been printed. A budget that holds nothing.
    """
    if ticks < 1:
        raise ValueError(f"a mesh needs at least 1 tick, got {ticks}")
    if batch < 1:
        raise ValueError(f"a batch needs at least 1 example, got {batch}")
    silent = activations.find(activation).silent_at_zero
    live = int(reach.live(topology, ticks, silent_at_zero=silent).sum())
    console.print(f"{topology}", highlight=False)
    facts = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    facts.add_row("neurons", f"{topology.neurons}")
    facts.add_row("edges (parameters)", f"{topology.edges}")
    facts.add_row(f"edges that can influence an output in {ticks} ticks", f"{live}  ({live / max(topology.edges, 1):.0%})")
    facts.add_row("shortest distance from the inputs to each output", _distances(topology))
    blocks = ", ".join(f"{block} {len(edges)}" for block, edges in topology.blocks.items())
    facts.add_row("edges by block", blocks or "none")
    console.print(facts)
    counted = plan(topology, ticks, batch, live=live, budget=budget, threads=threads)
    table = Table(
        "gradient of one batch", "FLOPs", "bytes at a time", "", box=None, header_style="bold", padding=(0, 3, 0, 0)
    )
    for name, cost in (*counted.costs.items(), *counted.others.items()):
        table.add_row(name, *_cost(cost), _said_of(name, counted, batch, live))
    console.print()
    console.print(table)
    counted_from = "" if counted.exact else " The sparse engine is counted on some neurons that stand for all."
    console.print(
        f"Batch {batch}, float32, loss read at the last of {ticks} ticks, {activation}.{counted_from}", highlight=False
    )
    needed, there = counted.costs[counted.engine].bytes, available()
    if there is not None and needed > there:
        console.print(
            f"The engine {counted.engine!r} does not fit: it takes {_si(needed)}B, and {_si(there)}B are free here; --budget cuts it into parts.",
            style="red",
            highlight=False,
        )
    reach.check_outputs(topology, ticks)


def _said_of(name: str, counted: Plan, batch: int, live: int) -> str:
    """Say what is to be known of an engine: that it is chosen, how it is cut, that it does not fit."""
    if name in counted.others:
        return "for comparison"
    if name not in counted.parts:
        return "does not fit the budget"
    parts, words = counted.parts[name], ["chosen"] if name == counted.engine else []
    if parts.examples < batch:
        words.append(f"{parts.examples} of {batch} examples at a time")
    if name == "influence" and parts.edges < live:
        words.append(f"{parts.edges} of {live} edges at a time")
    if parts.threads > 1:
        words.append(f"on {parts.threads} threads")
    return ", ".join(words)


def draw(topology: Topology, path: Path) -> None:
    """Draw the graph into a file, or the adjacency matrix where a graph could not be read."""
    from onward.reports import drawings

    known = (".svg", ".png", ".pdf")
    if path.suffix.lower() not in known:
        raise ValueError(f"a drawing is written as {', '.join(known)}, got {path.name!r}")
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
    power = SIZES.find(number[-1:]) if number[-1:] else -1
    try:
        return int(float(number[:-1] if power >= 0 else number) * 1000 ** (power + 1))
    except (ValueError, OverflowError):
        raise ValueError(f"a number of bytes is written like 500MB, 2GB or 4096, got {word!r}") from None


def _cost(cost: Cost) -> tuple[str, str]:
    return _si(cost.flops), _si(cost.bytes) + "B"


def _si(count: int) -> str:
    units = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
    power = min((len(str(count)) - 1) // 3, len(units) - 1)
    return f"{count / 1000**power:.3g} {units[power]}"
