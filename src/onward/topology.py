"""Which neuron feeds which: the graph of a mesh, as a value.

A `Topology` lists its edges and nothing else; weights live in a net. Because the parameters of a mesh *are* its
edges, there is no mask to re-apply and no gradient for an edge that is not there. Neurons are ordered inputs, hidden,
outputs ("iho positioning convention", Mesh Neural Networks, section 3.1), and `A[i, j]` weighs the edge from `i` to
`j`, as in the paper.

Clamped inputs are overwritten at every tick, so an edge into one cannot act; it is refused. With `clamped=False` the
inputs are free neurons that receive the data only as their initial state (the paper's equation 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

KINDS = ("input", "hidden", "output")


@dataclass(frozen=True, eq=False, repr=False)
class Topology:
    """A directed graph of neurons, ordered inputs, hidden, outputs; its edges are the parameters of a mesh.

    The functions of `onward.graphs` build the common ones. Two topologies are equal if they have the same neurons and
    the same edges, in whatever order those were given. `dataclasses.replace(topology, clamped=False)` frees the inputs.

    Attributes:
        inputs: number of input neurons, the bias included.
        hidden: number of hidden neurons.
        outputs: number of output neurons.
        source: edge `e` leaves neuron `source[e]`; int64, read-only, in row-major order of the adjacency matrix.
        target: edge `e` enters neuron `target[e]`.
        bias: whether the last input is the constant 1 (the "fictitious input" of the papers).
        clamped: whether the inputs are overwritten at every tick; if not, they are free neurons (equation 3).
        labels: a name for every neuron, or none.

    Raises:
        ValueError: a count is too small, or an edge is doubled, leaves the graph or enters a clamped input.
    """

    inputs: int
    hidden: int
    outputs: int
    source: np.ndarray
    target: np.ndarray
    bias: bool = False
    clamped: bool = True
    labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for kind, count, least in (("inputs", self.inputs, 1), ("hidden", self.hidden, 0), ("outputs", self.outputs, 1)):
            if count < least:
                raise ValueError(f"a topology needs at least {least} {kind}, got {count}")
        if self.bias and self.inputs < 2:
            raise ValueError(f"a bias counts as an input and needs another beside it, got {self.inputs} input")
        if self.labels is not None and len(self.labels) != self.neurons:
            raise ValueError(f"labels must name all {self.neurons} neurons, got {len(self.labels)}")
        source, target = _neuron_numbers("source", self.source), _neuron_numbers("target", self.target)
        if source.shape != target.shape:
            raise ValueError(f"source and target must have one entry an edge, got {source.size} and {target.size}")
        order = np.lexsort((target, source))
        source, target = source[order], target[order]
        for ends in (source, target):
            outside = ends[(ends < 0) | (ends >= self.neurons)]
            if outside.size:
                raise ValueError(f"an edge names neuron {outside[0]}, but the neurons are 0 to {self.neurons - 1}")
        doubled = np.flatnonzero((np.diff(source) == 0) & (np.diff(target) == 0))
        if doubled.size:
            raise ValueError(f"the edge {self._edge_name(source, target, int(doubled[0]))} is given twice")
        stuck = np.flatnonzero(target < self.fixed)
        if stuck.size:
            raise ValueError(
                f"the edge {self._edge_name(source, target, int(stuck[0]))} enters a clamped input, which is "
                f"overwritten at every tick; leave such edges out, or make the inputs free neurons with clamped=False"
            )
        for name, ends in (("source", source), ("target", target)):
            ends.flags.writeable = False
            object.__setattr__(self, name, ends)

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.inputs + self.hidden + self.outputs

    @property
    def features(self) -> int:
        """Number of values that data must bring: the inputs without the bias."""
        return self.inputs - self.bias

    @property
    def fixed(self) -> int:
        """Number of neurons whose activity is given, not computed: the inputs if they are clamped, otherwise none."""
        return self.inputs if self.clamped else 0

    @property
    def free(self) -> int:
        """Number of neurons that compute their own activity."""
        return self.neurons - self.fixed

    @property
    def speaking(self) -> int:
        """Number of free neurons up to the last one that an edge leaves; those behind it, often the outputs, feed nobody."""
        return max(0, int(self.source[-1]) + 1 - self.fixed) if self.edges else 0

    @property
    def edges(self) -> int:
        """Number of edges, which is the number of parameters of a mesh."""
        return int(self.source.size)

    @property
    def density(self) -> float:
        """Edges over the edges that could be there: neurons x free neurons."""
        return self.edges / (self.neurons * self.free)

    def name(self, neuron: int) -> str:
        """Name a neuron: its label, or its kind and its number within the kind."""
        if self.labels is not None:
            return self.labels[neuron]
        if neuron < self.inputs:
            return "bias" if self.bias and neuron == self.inputs - 1 else f"input {neuron}"
        if neuron < self.inputs + self.hidden:
            return f"hidden {neuron - self.inputs}"
        return f"output {neuron - self.inputs - self.hidden}"

    def kind(self, neuron: int) -> str:
        """Tell what a neuron is: "input", "bias", "hidden" or "output"."""
        if self.bias and neuron == self.inputs - 1:
            return "bias"
        return KINDS[(neuron >= self.inputs) + (neuron >= self.inputs + self.hidden)]

    @cached_property
    def blocks(self) -> dict[str, np.ndarray]:
        """The edge numbers of every block of the adjacency matrix that has edges: `"input-hidden"`, `"bias-output"`..."""
        kinds = ("input", "bias", "hidden", "output")
        code = np.repeat(np.arange(4), [self.features, int(self.bias), self.hidden, self.outputs])
        of_edge = 4 * code[self.source] + code[self.target]
        names = [f"{source}-{target}" for source in kinds for target in kinds]
        return {name: np.flatnonzero(of_edge == k) for k, name in enumerate(names) if (of_edge == k).any()}

    @property
    def mask(self) -> np.ndarray:
        """Boolean adjacency matrix, neurons x neurons; `mask[i, j]` says whether there is an edge from `i` to `j`."""
        return self.adjacency(np.ones(self.edges, dtype=bool))

    def adjacency(self, weight: np.ndarray | torch.Tensor) -> np.ndarray:
        """Lay edge weights, one an edge, out as the paper's adjacency matrix `A`, neurons x neurons."""
        values = self.one_an_edge(weight)
        matrix = np.zeros((self.neurons, self.neurons), dtype=values.dtype)
        matrix[self.source, self.target] = values
        return matrix

    def one_an_edge(self, weight: np.ndarray | torch.Tensor) -> np.ndarray:
        """Give weights as an array with one entry an edge, or refuse them with a `ValueError`."""
        values = weight.detach().cpu().numpy() if isinstance(weight, torch.Tensor) else np.asarray(weight)
        if values.shape != (self.edges,):
            raise ValueError(f"expected one weight for each of the {self.edges} edges, got shape {tuple(values.shape)}")
        return values

    def _edge_name(self, source: np.ndarray, target: np.ndarray, edge: int) -> str:
        s, t = int(source[edge]), int(target[edge])
        return f"{s} -> {t} ({self.name(s)} -> {self.name(t)})"

    def __str__(self) -> str:
        inputs = _counted(self.features, "input") + (" + bias" if self.bias else "")
        dynamics = "" if self.clamped else ", inputs free (equation 3)"
        return (
            f"Topology: {self.neurons} neurons ({inputs}, {self.hidden} hidden, {_counted(self.outputs, 'output')}), "
            f"{_counted(self.edges, 'edge')}, density {self.density:.{'2f' if self.density >= 0.01 else '1g'}}{dynamics}"
        )

    def __repr__(self) -> str:
        return f"<{self}>"

    def _identity(self) -> tuple[object, ...]:
        counts = (self.inputs, self.hidden, self.outputs, self.bias, self.clamped, self.labels)
        return (*counts, self.source.tobytes(), self.target.tobytes())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Topology) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" + ("" if count == 1 else "s")


def _neuron_numbers(name: str, values: Any) -> np.ndarray:
    array = np.array(values)
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must be a list of neuron numbers, got shape {array.shape} of {array.dtype}")
    return array.astype(np.int64)
