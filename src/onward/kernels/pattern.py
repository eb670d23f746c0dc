"""Where the derivative of a mesh can differ from zero: the entries of every factor, and what each is made of.

A push on free neuron `j` spreads along edges, one a tick. After `h` hops it has reached some neurons `f`; the pairs `(j, f)` of these are
the *entries* of hop `h`, and an entry is a sum of *products*, one for each edge `(g, f)` whose `(j, g)` is an entry of the hop
before. A neuron is left out where no output can be reached from it in the ticks that are left, and a push on a neuron that no active
neuron feeds. Rows of different `j` have nothing to do with each other, so they are kept in chunks, which bound what is held at
a time.

A pattern follows from the graph and the number of ticks alone, and is made once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from onward.kernels import reach
from onward.kernels.dynamics import Wiring
from onward.kernels.sparse_weights import Rows

PRODUCTS = 4_000_000  # of a chunk, about
SETTLED = 12  # ticks that are counted one by one
SAMPLE = 256  # neurons that stand for all


class Hop(NamedTuple):
    """What a push has reached after some hops.

    Attributes:
        rows: the free neuron that was pushed, as its number within the chunk, in ascending order.
        reached: the free neuron of each entry.
        made: of what entries of the hop before and what edges each is made; None for hop 0, whose entries are `(j, j)`.
    """

    rows: Int[Tensor, " entries"]
    reached: Int[Tensor, " entries"]
    made: Rows | None


@dataclass(frozen=True)
class Chunk:
    """Some free neurons, how pushes on them spread, and the edges that enter them.

    Attributes:
        size: how many neurons.
        hops: what is reached after 0, 1, ... hops, as long as ticks are left.
        last: which outputs are reached after 0, 1, ... hops; these are what is read.
        edges: that enter these neurons.
        sources: neurons that those come from.
        targets: where they go, as numbers within the chunk.
    """

    size: int
    hops: tuple[Hop, ...]
    last: tuple[Hop, ...]
    edges: Int[Tensor, " e"]
    sources: Int[Tensor, " e"]
    targets: Int[Tensor, " e"]


Pattern = tuple[Chunk, ...]


@dataclass(frozen=True)
class _Graph:
    """Edges between free neurons by their source, and which neurons are kept after each hop."""

    starts: np.ndarray
    targets: np.ndarray
    edges: np.ndarray
    kept: np.ndarray  # hops x free
    outputs: int

    @property
    def free(self) -> int:
        return len(self.starts) - 1


def pattern(wiring: Wiring, ticks: int, *, silent: bool = False, products: int = PRODUCTS) -> Pattern:
    """Lay out a mesh for a number of ticks.

    Args:
        wiring: the graph.
        ticks: updates.
        silent: whether a neuron stays at zero until an active one feeds it, which holds if `f(0) = 0` and the free neurons start from zero;
            pushes on neurons that nothing active feeds are then left out.
        products: that a chunk may have, unless a single neuron has more.
    """
    source, target = wiring.source.cpu().numpy(), wiring.target.cpu().numpy()
    by_target = np.argsort(target, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(target, minlength=wiring.free))])
    graph = _graph(source, target, wiring, ticks)
    speaks = _speaking(source, target, wiring, ticks) if silent else np.ones(wiring.neurons, dtype=bool)
    pushed = np.unique(target[speaks[source]])
    chunks = []
    for rows in _cut(pushed, graph, ticks, products):
        hops, last = _hops(rows, graph, ticks)
        own = by_target[_ranges(starts[rows], starts[rows + 1])]
        own = own[speaks[source[own]]]
        ends = own, source[own], np.searchsorted(rows, target[own])
        chunks.append(Chunk(len(rows), hops, last, *(_indices(each) for each in ends)))
    return tuple(_moved(chunk, wiring.source.device) for chunk in chunks)


class Count(NamedTuple):
    """How large a pattern is, over all neurons.

    Attributes:
        hops: products and entries after 1, 2, ... hops, as long as ticks are left.
        last: the same of the outputs that are read.
        exact: whether all neurons were looked at, or some of them stand for all.
    """

    hops: list[tuple[float, float]]
    last: list[tuple[float, float]]
    exact: bool


def count(wiring: Wiring, ticks: int, *, rows: int = SAMPLE, products: int = 1_000_000) -> Count:
    """Count what a pattern would hold without making it, from some neurons if there are many.

    Args:
        wiring: the graph.
        ticks: updates.
        rows: neurons that are looked at, evenly over all.
        products: that they may have after a hop; fewer neurons are looked at where those would be more.
    """
    source, target = wiring.source.cpu().numpy(), wiring.target.cpu().numpy()
    pushed = np.unique(target)
    graph = _graph(source, target, wiring, min(ticks, SETTLED))
    chosen = _some(pushed, _walks(graph, min(ticks, SETTLED)), len(graph.edges), rows, products)
    hops, last = _hops(chosen, graph, min(ticks, SETTLED))
    share = len(pushed) / max(1, len(chosen))
    found = [
        [(share * hop.made.edges.numel(), share * hop.rows.numel()) for hop in part if hop.made is not None]
        for part in (hops, last)
    ]
    if ticks > SETTLED:
        for part in found:
            part += [part[-1]] * (ticks - SETTLED)  # by then they have reached whatever they will
    return Count(found[0], found[1], len(chosen) == len(pushed) and ticks <= SETTLED)


def _moved(part: Any, device: torch.device) -> Any:
    """Bring all tensors of a chunk to a device."""
    if isinstance(part, Tensor):
        return part.to(device)
    if isinstance(part, Chunk):
        return Chunk(*(_moved(getattr(part, each.name), device) for each in fields(part)))
    if isinstance(part, Hop | Rows):
        return part._replace(**{name: _moved(each, device) for name, each in part._asdict().items()})
    return tuple(_moved(each, device) for each in part) if isinstance(part, tuple) else part


def _rows(counts: np.ndarray, columns: np.ndarray, edges: np.ndarray, width: int) -> Rows:
    return Rows(_indices(np.concatenate([[0], np.cumsum(counts)])), _indices(columns), _indices(edges), width)


def _indices(numbers: np.ndarray) -> Tensor:
    return torch.from_numpy(numbers.astype(np.int32))


def _graph(source: np.ndarray, target: np.ndarray, wiring: Wiring, ticks: int) -> _Graph:
    inner = np.flatnonzero(source >= wiring.fixed)
    order = inner[np.argsort(source[inner], kind="stable")]
    own, targets = source[order] - wiring.fixed, target[order]
    output = np.arange(wiring.free) >= wiring.free - wiring.outputs
    heard = reach.followed(output, targets, own, ticks - 1)  # from where an output is reached, by the ticks that are left
    # Pushes of all ticks share one layout, and after the same hops they have different numbers of ticks left: an entry stays if it is of use to any
    # of them, which is coarser than `reach.live`.
    kept = np.array([heard[1 : ticks - hop].any(0) for hop in range(ticks)])
    starts = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=wiring.free))])
    return _Graph(starts, targets, order, kept, wiring.outputs)


def _speaking(source: np.ndarray, target: np.ndarray, wiring: Wiring, ticks: int) -> np.ndarray:
    """Tell which neurons can be active before some tick, if clamped inputs alone are at first; as these stay, so do all that they reach."""
    inputs = np.arange(wiring.neurons) < wiring.fixed
    return reach.followed(inputs, source, wiring.fixed + target, ticks - 1, always=inputs)[-1]


def _some(pushed: np.ndarray, walks: np.ndarray, most: int, rows: int, products: int) -> np.ndarray:
    """Choose neurons evenly over all, so many, or fewer where they would have more products after a hop; there are `most` in a hop."""
    each = min(walks[pushed].mean(), most)
    return pushed[:: max(1, len(pushed) // max(1, int(min(rows, products / max(1.0, each)))))]


def _cut(pushed: np.ndarray, graph: _Graph, ticks: int, products: int) -> Iterator[np.ndarray]:
    """Give runs of neurons that have about so many products, judged by the walks that leave each and, on some, by how many of them meet."""
    walks = _walks(graph, ticks)
    if walks[pushed].sum() <= products or len(pushed) < SAMPLE:
        share = 1.0
    else:
        some = _some(pushed, walks, len(graph.edges), SAMPLE, products)
        hops, last = _hops(some, graph, ticks)
        share = sum(hop.made.edges.numel() for hop in (*hops, *last) if hop.made is not None) / walks[some].sum()
    number = np.floor(np.cumsum(share * walks[pushed]) / products)
    yield from np.split(pushed, np.flatnonzero(np.diff(number)) + 1)


def _walks(graph: _Graph, ticks: int) -> np.ndarray:
    """Count, for each free neuron, the walks of less than so many edges that leave it: no fewer than its products."""
    found = np.ones(graph.free)
    total = np.zeros(graph.free)
    for _ in range(ticks - 1):
        along = np.concatenate([[0.0], np.cumsum(found[graph.targets])])
        found = along[graph.starts[1:]] - along[graph.starts[:-1]]
        total += found
    return total


def _hops(pushed: np.ndarray, graph: _Graph, ticks: int) -> tuple[tuple[Hop, ...], tuple[Hop, ...]]:
    """Spread pushes on some neurons, hop by hop; give what is kept while ticks are left, and what is read at the end."""
    rows, reached = np.arange(len(pushed)), pushed
    first_output = graph.free - graph.outputs
    read = reached >= first_output
    last = [_hop(rows[read], reached[read], None)]
    rows, reached = _chosen(graph.kept[0][reached], rows, reached)
    hops = [_hop(rows, reached, None)]
    for hop in range(1, ticks):
        starts, ends = graph.starts[reached], graph.starts[reached + 1]
        before = np.repeat(np.arange(len(reached)), ends - starts)
        place = _ranges(starts, ends)
        made = _Products(rows[before], graph.targets[place], before, graph.edges[place], len(reached))
        last.append(_merged(made, made.reached >= first_output))
        if hop < ticks - 1:
            hops.append(_merged(made, graph.kept[hop][made.reached]))
            rows, reached = (each.numpy().astype(np.int64) for each in hops[-1][:2])
    return tuple(hops), tuple(last)


def _chosen(kept: np.ndarray, *columns: np.ndarray) -> list[np.ndarray]:
    return [column[kept] for column in columns]


def _ranges(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Give the numbers of all ranges, one range after the other."""
    counts = ends - starts
    return np.arange(counts.sum()) + np.repeat(starts - np.cumsum(counts) + counts, counts)


def _hop(rows: np.ndarray, reached: np.ndarray, made: Rows | None) -> Hop:
    return Hop(_indices(rows), _indices(reached), made)


class _Products(NamedTuple):
    """What entries of a hop are made of: who was pushed and who is reached, by which entry before and which edge."""

    rows: np.ndarray
    reached: np.ndarray
    before: np.ndarray
    edges: np.ndarray
    width: int  # entries before


def _merged(made: _Products, kept: np.ndarray) -> Hop:
    """Bring products of the same entry together, those that are kept."""
    rows, reached, before, edges = _chosen(kept, *made[:4])
    key = rows * (int(reached.max(initial=0)) + 1) + reached
    key, order = (each.numpy() for each in torch.from_numpy(key).sort(stable=True))  # by digits, as numpy does not
    first = np.flatnonzero(np.diff(key, prepend=-1))
    counts = np.diff(first, append=len(key))
    return _hop(rows[order[first]], reached[order[first]], _rows(counts, before[order], edges[order], made.width))
