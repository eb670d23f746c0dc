"""The weights of a mesh as a sparse matrix that the state is multiplied by, where a dense one would not fit or be mostly zeros.

It stands where the dense matrix stands, `reads @ w`. Autograd goes through it (the rival, and the check): blame on the reads by the same
matrix the other way round, blame on a weight as what its source said times the blame of its target.

Axes: b batch, n neurons, f free neurons, e edges.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from onward.kernels.dynamics import Wiring
from onward.topology import Topology

VECTOR = 8  # numbers; products of rows that are no multiple of it long take up to ten times as long
LARGE = 2**22  # numbers in a dense matrix of weights, from which on a sparse one may take its place
DENSITY = 0.05  # up to which it does


class Rows(NamedTuple):
    """The places of a sparse matrix whose values are weights of edges, row by row.

    Attributes:
        starts: where each row begins, and the end of the last.
        columns: of each place.
        edges: whose weight stands there.
        width: number of columns.
    """

    starts: Int[Tensor, "rows_and_one"]
    columns: Int[Tensor, " places"]
    edges: Int[Tensor, " places"]
    width: int


@dataclass(frozen=True)
class Ends:
    """The edges of a mesh by the neuron that they enter and by the one that they leave, each sorted when it is first asked for."""

    wiring: Wiring

    @cached_property
    def entering(self) -> Rows:
        """A row for each free neuron."""
        wiring = self.wiring
        return rows(wiring.target, wiring.source, wiring.free, wiring.neurons)

    @cached_property
    def leaving(self) -> Rows:
        """A row for each neuron; autograd alone asks for it."""
        wiring = self.wiring
        return rows(wiring.source, wiring.target, wiring.neurons, wiring.free)


@dataclass(frozen=True)
class SparseWeights:
    """Weights between neurons and free neurons; `reads @ weights` is the drive.

    Attributes:
        weight: one an edge.
        ends: where the edges go.
    """

    weight: Float[Tensor, "*nets e"]
    ends: Ends

    @property
    def shape(self) -> tuple[int, int]:
        """Of the matrix: neurons, free neurons."""
        return self.ends.wiring.neurons, self.ends.wiring.free

    def __rmatmul__(self, reads: Float[Tensor, "*nets b n"]) -> Float[Tensor, "*nets b f"]:
        """Give the drive of the free neurons."""
        if self.weight.ndim > 1:
            pairs = zip(reads, self.weight, strict=True)
            return torch.stack([own @ SparseWeights(weight, self.ends) for own, weight in pairs])
        if torch.is_grad_enabled() and (reads.requires_grad or self.weight.requires_grad):
            return _Product.apply(reads, self.weight, self.ends)  # pyright: ignore[reportReturnType]
        return product(matrix(self.weight, self.ends.entering), reads.T).T


def mostly_zeros(topology: Topology) -> bool:
    """Tell whether a dense matrix of the weights would be large and mostly zeros, so that a sparse one is the better."""
    return topology.neurons * topology.free >= LARGE and topology.density <= DENSITY


def rows(row: Int[Tensor, " e"], column: Int[Tensor, " e"], height: int, width: int) -> Rows:
    """Give the places of edges, one each, in a matrix of some height and width."""
    order = torch.argsort(column, stable=True)
    order = order[torch.argsort(row[order], stable=True)]
    starts = torch.cat([row.new_zeros(1), torch.bincount(row, minlength=height).cumsum(0)])
    return Rows(starts.int(), column[order].int(), order.int(), width)


def matrix(weight: Float[Tensor, " e"], rows: Rows, *, out: Float[Tensor, " places"] | None = None) -> Tensor:
    """Put weights in their places: a sparse matrix, row by row, whose values are in `out` if that is given."""
    return csr(rows.starts, rows.columns, torch.index_select(weight, 0, rows.edges, out=out), rows.width)


def csr(starts: Int[Tensor, "rows_and_one"], columns: Int[Tensor, " places"], values: Tensor, width: int) -> Tensor:
    """Give the sparse matrix of these values, row by row; it shares their memory."""
    _warned()
    return torch.sparse_csr_tensor(starts, columns, values, (starts.numel() - 1, width), check_invariants=False)


@cache
def _warned() -> None:
    """Let PyTorch say once, to nobody, that such tensors are in beta."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        starts, columns = torch.tensor([0, 0]), torch.tensor([], dtype=torch.int64)
        torch.sparse_csr_tensor(starts, columns, torch.empty(0), (1, 1), check_invariants=False)


def product(
    made: Tensor,
    there: Float[Tensor, "columns b"],
    *,
    plus: Float[Tensor, "rows b"] | None = None,
    out: Float[Tensor, "rows b"] | None = None,
) -> Float[Tensor, "rows b"]:
    """Multiply a sparse matrix by a dense one, and add another if that is given; a single column as a vector, which is quicker."""
    into = there.new_empty(made.shape[0], there.shape[1]) if out is None else out
    added, beta = (into, 0) if plus is None else (plus, 1)  # with 0 it is not read
    if there.shape[1] == 1:
        torch.addmv(added[:, 0], made, there[:, 0], beta=beta, out=into[:, 0])
    else:
        torch.addmm(added, made, there, beta=beta, out=into)
    return into


def meet(places: Tensor, left: Float[Tensor, "rows k"], right: Float[Tensor, "columns l"]) -> Float[Tensor, " places"]:
    """Give, for every place of a sparse matrix, the product of a row of either; overwrites the matrix.

    If one is what neurons said and the other the blame of those that heard it, that is the gradient of the weights. Rows may be `widened` already.
    """
    return torch.sparse.sampled_addmm(places, widened(left), widened(right).T, beta=0.0, out=places).values()


def whole(count: int) -> int:
    """Give the next number that is whole vectors."""
    return -(-count // VECTOR) * VECTOR


def widened(values: Float[Tensor, "rows k"]) -> Float[Tensor, "rows wider"]:
    """Give rows of a length that products of them are quick for, with zeros at their ends."""
    rest = whole(values.shape[1]) - values.shape[1]
    return functional.pad(values, (0, rest)) if rest else values


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, reads: Tensor, weight: Tensor, ends: Ends) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx.save_for_backward(reads, weight)
        ctx.ends = ends
        return product(matrix(weight, ends.entering), reads.T).T

    @staticmethod
    def backward(ctx: Any, blame: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        reads, weight = ctx.saved_tensors
        there = blame.T.contiguous()
        below = product(matrix(weight, ctx.ends.leaving), there).T if ctx.needs_input_grad[0] else None
        if not ctx.needs_input_grad[1]:
            return below, None, None
        entering = ctx.ends.entering
        met = meet(matrix(weight, entering), there, reads.T.contiguous())
        return below, torch.empty_like(weight).index_copy_(0, entering.edges.long(), met), None
