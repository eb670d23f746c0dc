"""Where the derivative of a mesh can differ from zero: the entries of every factor, and what each is made of.

A push on free neuron `j` spreads along edges, one a tick. After `h` hops it has reached some neurons `f`; the pairs `(j, f)` of these are
the *entries* of hop `h`, and an entry is a sum of *products*, one for each edge `(g, f)` whose `(j, g)` is an entry of the hop
before. A neuron is left out where no output can be reached from it in the ticks that are left, and a push on a neuron that no active
neuron feeds. The hop into the outputs is not laid out: there the derivative of the loss is known, and is brought to the neurons that feed them once for
all pushes. Rows of different `j` have nothing to do with each other, so they are kept in chunks, which bound what is held at a time.

A pattern follows from the graph and the number of ticks alone, and is made once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from onward.kernels import reach
from onward.kernels.dynamics import Wiring
from onward.kernels.sparse_weights import Rows

PRODUCTS = 2_000_000  # of a chunk, about
SETTLED = 12  # ticks that are counted one by one
SAMPLE = 256  # neurons that stand for all


class Hop(NamedTuple):
    """What a push has reached after some hops.

    Attributes:
        starts: where the entries of each neuron that was pushed begin, and the end of the last; they stand in the order of those.
        reached: the free neuron of each entry.
        made: of what entries of the hop before and what edges each is made; None for hop 0, whose entries are `(j, j)`.
    """

    starts: Int[Tensor, "size_and_one"]
    reached: Int[Tensor, " entries"]
    made: Rows | None


@dataclass(frozen=True)
class Chunk:
    """Some free neurons, how pushes on them spread, and the edges that enter them.

    Attributes:
        pushed: the neurons, in ascending order.
        hops: what is reached after 0, 1, ... hops, as long as a tick is left for the hop into the outputs.
        entering: the edges that enter these neurons, a row for each, by the neurons that they leave.
    """

    pushed: Int[Tensor, " size"]
    hops: tuple[Hop, ...]
    entering: Rows

    @property
    def size(self) -> int:
        """How many neurons."""
        return self.pushed.numel()


@dataclass(frozen=True)
class Pattern:
    """All chunks, and the edges that enter outputs, a row for each free neuron that they leave."""

    chunks: tuple[Chunk, ...]
    outward: Rows


@dataclass(frozen=True)
class _Graph:
    """Edges between free neurons by their source, and which neurons are kept after each hop."""

    starts: np.ndarray
    targets: np.ndarray
    edges: np.ndarray
    kept: np.ndarray  # hops x free

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
        own = by_target[_ranges(starts[rows], starts[rows + 1])]
        own = own[speaks[source[own]]]
        counts = np.bincount(np.searchsorted(rows, target[own]), minlength=len(rows))
        entering = _rows(counts, source[own], own, wiring.neurons)
        chunks.append(Chunk(_indices(rows), _hops(rows, graph, ticks), entering))
    return _moved(Pattern(tuple(chunks), _outward(graph, wiring)), wiring.source.device)


class Count(NamedTuple):
    """How large a pattern is, over all neurons.

    Attributes:
        hops: products and entries after 0, 1, ... hops, as long as a tick is left for the hop into the outputs.
        rest: further hops that are as the last of these.
        outward: edges that enter outputs.
        exact: whether all neurons were looked at, or some of them stand for all.
    """

    hops: list[tuple[float, float]]
    rest: int
    outward: int
    exact: bool

    @property
    def products(self) -> float:
        """Of all hops."""
        return sum(products for products, _ in self.hops) + self.rest * (self.hops[-1][0] if self.hops else 0)

    @property
    def entries(self) -> float:
        """Of all hops."""
        return sum(entries for _, entries in self.hops) + self.rest * (self.hops[-1][1] if self.hops else 0)


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
    share = len(pushed) / max(1, len(chosen))
    found = [(share * _products(hop), share * hop.reached.numel()) for hop in _hops(chosen, graph, min(ticks, SETTLED))]
    rest = max(0, ticks - SETTLED)  # by then they have reached whatever they will
    return Count(found, rest, len(_into_outputs(graph, wiring)), len(chosen) == len(pushed) and ticks <= SETTLED)


def _products(hop: Hop) -> int:
    return 0 if hop.made is None else hop.made.edges.numel()


def _moved(part: Any, device: torch.device) -> Any:
    """Bring all tensors of a chunk to a device."""
    if isinstance(part, Tensor):
        return part.to(device)
    if isinstance(part, Chunk | Pattern):
        return type(part)(*(_moved(getattr(part, each.name), device) for each in fields(part)))
    if isinstance(part, Hop | Rows):
        return part._replace(**{name: _moved(each, device) for name, each in part._asdict().items()})
    return tuple(_moved(each, device) for each in part) if isinstance(part, tuple) else part


def _rows(counts: np.ndarray, columns: np.ndarray, edges: np.ndarray, width: int) -> Rows:
    return Rows(_starts(counts), _indices(columns), _indices(edges), width)


def _starts(counts: np.ndarray) -> Tensor:
    return _indices(np.concatenate([[0], np.cumsum(counts)]))


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
    return _Graph(starts, targets, order, kept)


def _into_outputs(graph: _Graph, wiring: Wiring) -> np.ndarray:
    return np.flatnonzero(graph.targets >= wiring.free - wiring.outputs)


def _outward(graph: _Graph, wiring: Wiring) -> Rows:
    chosen = _into_outputs(graph, wiring)
    own = np.searchsorted(graph.starts, chosen, side="right") - 1
    outputs = graph.targets[chosen] - (wiring.free - wiring.outputs)
    return _rows(np.bincount(own, minlength=graph.free), outputs, graph.edges[chosen], wiring.outputs)


def _speaking(source: np.ndarray, target: np.ndarray, wiring: Wiring, ticks: int) -> np.ndarray:
    """Tell which neurons can be active before some tick, if clamped inputs alone are at first; as these stay, so do all that they reach."""
    inputs = np.arange(wiring.neurons) < wiring.fixed
    return reach.followed(inputs, source, wiring.fixed + target, ticks - 1, always=inputs)[-1]


def _some(pushed: np.ndarray, walks: np.ndarray, most: int, rows: int, products: int) -> np.ndarray:
    """Choose neurons evenly over all, so many, or fewer where they would have more products after a hop; there are `most` in a hop."""
    each = min(walks[pushed].mean(), most)
    return pushed[:: max(1, len(pushed) // max(1, int(min(rows, products / max(1.0, each)))))]


def _cut(pushed: np.ndarray, graph: _Graph, ticks: int, products: int) -> Iterator[np.ndarray]:
    """Give runs of neurons of about equally many products, `products` or fewer, judged by the walks that leave each and, on some, by how many of them meet."""
    walks = _walks(graph, ticks)
    if walks[pushed].sum() <= products or len(pushed) < SAMPLE:
        share = 1.0
    else:
        some = _some(pushed, walks, len(graph.edges), SAMPLE, products)
        share = sum(_products(hop) for hop in _hops(some, graph, ticks)) / max(1.0, walks[some].sum())
    each = share * walks[pushed]
    total = max(1.0, each.sum())
    runs = ceil(total / products)
    number = np.minimum(runs - 1, np.floor((np.cumsum(each) - each / 2) * runs / total))
    yield from np.split(pushed, np.flatnonzero(np.diff(number)) + 1)


def _walks(graph: _Graph, ticks: int) -> np.ndarray:
    """Count, for each free neuron, the walks from it that are laid out: no fewer than its products."""
    found = np.ones(graph.free)
    total = np.zeros(graph.free)
    for _ in range(ticks - 2):
        along = np.concatenate([[0.0], np.cumsum(found[graph.targets])])
        found = along[graph.starts[1:]] - along[graph.starts[:-1]]
        total += found
    return total


def _hops(pushed: np.ndarray, graph: _Graph, ticks: int) -> tuple[Hop, ...]:
    """Spread pushes on some neurons, hop by hop, as long as a tick is left for the hop into the outputs."""
    rows, reached = _chosen(graph.kept[0][pushed], np.arange(len(pushed)), pushed)
    hops = [_hop(len(pushed), rows, reached, None)]
    for hop in range(1, ticks - 1):
        starts, ends = graph.starts[reached], graph.starts[reached + 1]
        before = np.repeat(np.arange(len(reached)), ends - starts)
        place = _ranges(starts, ends)
        kept = graph.kept[hop][graph.targets[place]]
        before, place = _chosen(kept, before, place)
        key = rows[before] * graph.free + graph.targets[place]
        key, order = (each.numpy() for each in torch.from_numpy(key).sort(stable=True))  # by digits, as numpy does not
        first = np.flatnonzero(np.diff(key, prepend=-1))
        made = _rows(np.diff(first, append=len(key)), before[order], graph.edges[place[order]], len(reached))
        rows, reached = np.divmod(key[first], graph.free)
        hops.append(_hop(len(pushed), rows, reached, made))
    return tuple(hops[: ticks - 1])


def _chosen(kept: np.ndarray, *columns: np.ndarray) -> list[np.ndarray]:
    return [column[kept] for column in columns]


def _ranges(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Give the numbers of all ranges, one range after the other."""
    counts = ends - starts
    return np.arange(counts.sum()) + np.repeat(starts - np.cumsum(counts) + counts, counts)


def _hop(pushed: int, rows: np.ndarray, reached: np.ndarray, made: Rows | None) -> Hop:
    return Hop(_starts(np.bincount(rows, minlength=pushed)), _indices(reached), made)
