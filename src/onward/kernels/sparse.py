"""The factored gradient on the entries that can differ from zero alone: for meshes far too large for a dense matrix.

    M_k[j, f] <- slope[f] * sum_g M_k[j, g] R[g, f],     dL/dw[e] = sum_k s_k[source e] sum_o M_k[target e, o] dL/dh[o]

The same factors as in `factored`, each a sparse matrix of the pairs that a push has had the time to reach (`pattern`), pushed
forward tick by tick. What the ticks read and their slopes are kept, which is little beside the factors; factors of different `j` have
nothing to do with each other and are pushed one chunk after another, so that one chunk is what memory holds.

Inside, values stand neuron by neuron with the examples last. Axes: b batch, n neurons, f free neurons, e edges, o outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import dynamics
from onward.kernels.activations import Activation
from onward.kernels.dynamics import Tick, Wiring
from onward.kernels.pattern import Chunk, Hop, Pattern, pattern
from onward.kernels.sparse_weights import Ends, SparseWeights, ends, matrix, meet


class Layout:
    """What follows from the graph alone, made when it is first asked for. Of one mesh."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._patterns: dict[tuple[int, bool], Pattern] = {}
        self._ends: Ends | None = None

    def pattern(self, wiring: Wiring, ticks: int, *, silent: bool) -> Pattern:
        """Give the pattern for a number of ticks."""
        key = ticks, silent
        if key not in self._patterns:
            self._patterns[key] = pattern(wiring, ticks, silent=silent)
        return self._patterns[key]

    def ends(self, wiring: Wiring) -> Ends:
        """Give the edges by the neurons at their ends."""
        if self._ends is None:
            self._ends = ends(wiring)
        return self._ends


class Course(NamedTuple):
    """All ticks until now: what they read, and the slopes at their drives; with the weights and the pattern of the mesh."""

    weight: Float[Tensor, "*nets e"]
    pattern: Pattern
    reads: list[Float[Tensor, "*nets b n"]]
    slopes: list[Float[Tensor, "*nets b f"]]


class One(NamedTuple):
    """The course of one net, neuron by neuron."""

    weight: Float[Tensor, " e"]
    reads: list[Float[Tensor, "n b"]]
    slopes: list[Float[Tensor, "f b"]]


def prepare(
    weight: Float[Tensor, "*nets e"],
    wiring: Wiring,
    ticks: int,
    initial: Float[Tensor, "*nets b f"] | None,
    activation: Activation,
    *,
    layout: Layout | None = None,
) -> tuple[Tensor | SparseWeights, Course]:
    """Give what drives the state, and a course without a tick.

    A `layout`, which is kept from step to step, saves most of the time; left out, one is made.
    """
    layout = Layout() if layout is None else layout
    laid_out = layout.pattern(wiring, ticks, silent=activation.silent_at_zero and (initial is None or not initial.any()))
    w = dynamics.matrix(weight, wiring) if weight.ndim > 1 else SparseWeights(weight, layout.ends(wiring))
    return w, Course(weight, laid_out, [], [])


def step(
    carried: Course | None,
    tick: Tick,
    slope: Float[Tensor, "*nets b f"],
    prepared: Course,
    wiring: Wiring,
    *,
    final: bool,
) -> Course:
    """Take note of a tick."""
    before = prepared if carried is None else carried
    return before._replace(reads=[*before.reads, tick.reads], slopes=[*before.slopes, slope])


def gradient(carried: Course, error: Float[Tensor, "*nets b o"], wiring: Wiring) -> Float[Tensor, "*nets e"]:
    """Push the factors of every chunk to the last tick, and contract them with the derivative of the loss there."""
    if carried.weight.ndim == 1:
        return _gradient(_one(carried), carried.pattern, error.T.contiguous(), wiring)
    return torch.stack([gradient(_net(carried, k), each, wiring) for k, each in enumerate(error)])


def jacobian(carried: Course, wiring: Wiring) -> Float[Tensor, "*nets b o e"]:
    """Derivative of every output with respect to every weight."""
    if carried.weight.ndim == 1:
        return _jacobian(_one(carried), carried.pattern, wiring)
    return torch.stack([jacobian(_net(carried, k), wiring) for k in range(len(carried.weight))])


def _net(carried: Course, k: int) -> Course:
    return Course(
        carried.weight[k], carried.pattern, [each[k] for each in carried.reads], [each[k] for each in carried.slopes]
    )


def _one(carried: Course) -> One:
    reads, slopes = ([each.T.contiguous() for each in part] for part in (carried.reads, carried.slopes))
    return One(carried.weight, reads, slopes)


def _gradient(one: One, laid_out: Pattern, error: Float[Tensor, "o b"], wiring: Wiring) -> Float[Tensor, " e"]:
    first = wiring.free - wiring.outputs
    found = torch.zeros_like(one.weight)
    reads = torch.cat(one.reads, dim=1)
    for chunk in laid_out:
        blame = [reads.new_zeros(chunk.size, error.shape[1]) for _ in one.reads]
        for (hop, values), into in zip(spread(one, chunk), blame, strict=True):
            into.index_add_(0, hop.rows, values.mul_(error.index_select(0, hop.reached - first)))
        found.index_copy_(0, chunk.edges.long(), meet(reads, chunk.sources, torch.cat(blame, dim=1), chunk.targets))
    return found


def _jacobian(one: One, laid_out: Pattern, wiring: Wiring) -> Float[Tensor, "b o e"]:
    first, outputs = wiring.free - wiring.outputs, wiring.outputs
    examples = one.reads[0].shape[1]
    found = one.weight.new_zeros(examples, outputs, one.weight.numel())
    for chunk in laid_out:
        for (hop, values), reads in zip(spread(one, chunk), one.reads, strict=True):
            dense = values.new_zeros(chunk.size, outputs, examples)
            dense[hop.rows, hop.reached - first] = values
            of_edges = dense[chunk.targets] * reads[chunk.sources].unsqueeze(1)
            found[..., chunk.edges] += of_edges.permute(2, 1, 0)
    return found


def spread(one: One, chunk: Chunk) -> Iterator[tuple[Hop, Float[Tensor, "entries b"]]]:
    """Push the factors of a chunk forward; give those of all ticks, the oldest first, as the last tick leaves them at the outputs."""
    made = [None if hop.made is None else matrix(one.weight, hop.made) for hop in chunk.hops]
    factors: list[Tensor] = []
    *earlier, newest = one.slopes
    for slope in earlier:
        hops = range(len(factors), 0, -1)
        factors = [_pushed(made[hop], there, chunk.hops[hop], slope) for hop, there in zip(hops, factors, strict=True)]
        factors.append(slope.index_select(0, chunk.hops[0].reached))
    for number, there in enumerate(factors):
        hop = chunk.last[len(factors) - number]
        assert hop.made is not None  # noqa: S101
        yield hop, _pushed(matrix(one.weight, hop.made), there, hop, newest)
    yield chunk.last[0], newest.index_select(0, chunk.last[0].reached)


def _pushed(made: Tensor | None, there: Tensor, hop: Hop, slope: Tensor) -> Tensor:
    assert made is not None  # noqa: S101
    return (made @ there).mul_(slope.index_select(0, hop.reached))
