"""Topologies from and to matrices, SciPy sparse arrays and networkx graphs.

Other people's graphs have their inputs and outputs anywhere. Reading one puts the neurons into the order inputs (as
given, the bias last), hidden (by position), outputs (as given), and brings the weights along in edge order.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from onward.naming import suggest
from onward.topology import Topology

if TYPE_CHECKING:
    import networkx
    import scipy.sparse


def from_mask(
    mask: np.ndarray | scipy.sparse.sparray,
    inputs: Sequence[int],
    outputs: Sequence[int],
    *,
    bias: int | None = None,
    clamped: bool = True,
    labels: Sequence[str] | None = None,
) -> Topology:
    """Read a square adjacency mask whose inputs and outputs may stand anywhere.

    Args:
        mask: neurons x neurons; an entry that is not zero is an edge from its row to its column.
        inputs: positions of the inputs, without the bias.
        outputs: positions of the outputs.
        bias: position of the constant input, if there is one.
        clamped: whether inputs are overwritten at every tick.
        labels: a name for every neuron, in the order of the mask.

    Raises:
        ValueError: the mask is not square, a position is outside it or named twice, or an edge is refused by `Topology`.
    """
    entries: Any = mask if hasattr(mask, "tocsr") else np.asarray(mask)
    _check_numbers(entries, finite=True)
    return from_adjacency(entries != 0, inputs, outputs, bias=bias, clamped=clamped, labels=labels)[0]


def from_adjacency(
    matrix: np.ndarray | scipy.sparse.sparray,
    inputs: Sequence[int],
    outputs: Sequence[int],
    *,
    bias: int | None = None,
    clamped: bool = True,
    labels: Sequence[str] | None = None,
) -> tuple[Topology, np.ndarray]:
    """Read a square matrix of weights, dense or SciPy sparse: the topology of its non-zeros, and their weights.

    Arguments and errors as in `from_mask`; a weight that is not finite is refused as well. The weights come back in the
    topology's edge order, as `MeshNet(weight=...)` takes them.
    """
    shape = tuple(getattr(matrix, "shape", ()))
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"an adjacency matrix must be square, got shape {shape}")
    _check_numbers(matrix, finite=False)
    rows, columns, values = _nonzeros(matrix)
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        k = int(wrong[0])
        raise ValueError(f"the adjacency matrix holds {values[k]} at row {rows[k]}, column {columns[k]}")
    topology, order = _arrange(rows, columns, shape[0], inputs, outputs, bias, clamped, labels)
    return topology, values[order]


def to_scipy(topology: Topology, weight: np.ndarray | torch.Tensor | None = None) -> scipy.sparse.csr_array:
    """Give the adjacency matrix as a SciPy sparse array, neurons x neurons; without weights its entries are 1."""
    from scipy.sparse import csr_array

    values = np.ones(topology.edges) if weight is None else topology.one_an_edge(weight)
    return csr_array((values, (topology.source, topology.target)), shape=(topology.neurons, topology.neurons))


def from_networkx(
    graph: networkx.DiGraph,
    inputs: Sequence[Hashable] | None = None,
    outputs: Sequence[Hashable] | None = None,
    *,
    bias: Hashable | None = None,
    clamped: bool | None = None,
) -> tuple[Topology, np.ndarray | None]:
    """Read a networkx `DiGraph`: the topology, and the edges' `weight` if every edge has one (otherwise None).

    Inputs, outputs and bias are nodes; left out, they are read from the node attribute `kind` that `to_networkx`
    writes, and `clamped` from its graph attribute (true where there is none). The attribute `label`, or nodes that are
    not simply numbered, give the neurons their labels.

    Raises:
        ValueError: the graph is undirected or a multigraph, a named node is not in it, or a weight is not finite.
    """
    if not graph.is_directed() or graph.is_multigraph():
        raise ValueError(f"a topology needs a plain directed graph (networkx.DiGraph), got {type(graph).__name__}")
    clamped = bool(graph.graph.get("clamped", True)) if clamped is None else clamped
    nodes = list(graph.nodes)
    kinds = dict(graph.nodes(data="kind"))
    inputs = [node for node in nodes if kinds[node] == "input"] if inputs is None else inputs
    outputs = [node for node in nodes if kinds[node] == "output"] if outputs is None else outputs
    bias = next((node for node in nodes if kinds[node] == "bias"), None) if bias is None else bias
    place = {node: k for k, node in enumerate(nodes)}
    for role, named in (("inputs", inputs), ("outputs", outputs), ("bias", [] if bias is None else [bias])):
        for node in named:
            if node not in place:
                raise ValueError(f"{role} name the node {node!r}, which is not in the graph{suggest(node, nodes)}")
    ends = np.array([(place[s], place[t]) for s, t in graph.edges], dtype=np.int64).reshape(-1, 2)
    labelled = all(label is not None for _, label in graph.nodes(data="label"))
    numbered = nodes == list(range(len(nodes)))
    topology, order = _arrange(
        ends[:, 0],
        ends[:, 1],
        len(nodes),
        [place[node] for node in inputs],
        [place[node] for node in outputs],
        None if bias is None else place[bias],
        clamped,
        [str(label) for _, label in graph.nodes(data="label")]
        if labelled
        else None
        if numbered
        else [str(n) for n in nodes],
    )
    weights = [weight for _, _, weight in graph.edges(data="weight")]
    if not weights or None in weights:
        return topology, None
    values = np.array(weights, dtype=np.float64)
    for edge in np.flatnonzero(~np.isfinite(values)):
        ends = list(graph.edges)[edge]
        raise ValueError(f"the edge {ends[0]} -> {ends[1]} has the weight {values[edge]}, expected a finite number")
    return topology, values[order]


def to_networkx(topology: Topology, weight: np.ndarray | torch.Tensor | None = None) -> networkx.DiGraph:
    """Give the graph as a networkx `DiGraph`.

    Nodes are neuron numbers, with attributes `kind` ("input", "bias", "hidden" or "output") and `label`; edges carry
    `weight` if weights, one an edge, are given.
    """
    import networkx

    graph = networkx.DiGraph(clamped=topology.clamped)
    for neuron in range(topology.neurons):
        graph.add_node(neuron, kind=topology.kind(neuron), label=topology.name(neuron))
    pairs = zip(topology.source.tolist(), topology.target.tolist(), strict=True)
    if weight is None:
        graph.add_edges_from(pairs)
    else:
        values = topology.one_an_edge(weight).tolist()
        graph.add_weighted_edges_from((s, t, value) for (s, t), value in zip(pairs, values, strict=True))
    return graph


def _check_numbers(entries: Any, *, finite: bool) -> None:
    values = np.asarray(entries.data if hasattr(entries, "tocsr") else entries)
    if values.dtype != bool and not np.issubdtype(values.dtype, np.number):
        raise ValueError(f"an adjacency matrix must hold numbers, got {values.dtype}")
    if finite and not np.isfinite(values).all():
        raise ValueError(f"an adjacency mask must be finite, got {values[~np.isfinite(values)][0]}")


def _nonzeros(matrix: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows, columns and values of the entries that are not zero."""
    if not hasattr(matrix, "tocsr"):
        array = np.asarray(matrix)
        rows, columns = np.nonzero(array)
        return rows, columns, array[rows, columns]
    entries = matrix.tocsr().tocoo()
    kept = entries.data != 0
    return entries.coords[0][kept], entries.coords[1][kept], entries.data[kept]


def _arrange(
    rows: np.ndarray,
    columns: np.ndarray,
    size: int,
    inputs: Sequence[int],
    outputs: Sequence[int],
    bias: int | None,
    clamped: bool,
    labels: Sequence[str] | None,
) -> tuple[Topology, np.ndarray]:
    """Build the topology of edges at any positions; also give the order that sorts per-edge values to its edges."""
    fed = [int(position) for position in (*inputs, *([] if bias is None else [bias]))]
    read = [int(position) for position in outputs]
    named, times = np.unique([*fed, *read], return_counts=True)
    for position in named[(named < 0) | (named >= size)]:
        raise ValueError(f"input or output position {position} is outside the {size} neurons of the graph")
    for position in named[times > 1]:
        raise ValueError(f"position {position} is named twice among inputs, bias and outputs")
    for edge in np.flatnonzero(np.isin(columns, fed)) if clamped else []:
        ends = (rows[edge], columns[edge]) if labels is None else (labels[rows[edge]], labels[columns[edge]])
        raise ValueError(
            f"the edge {ends[0]} -> {ends[1]} enters a clamped input, which is overwritten at every tick; leave such edges "
            f"out, or make the inputs free neurons with clamped=False"
        )
    rest = np.setdiff1d(np.arange(size), [*fed, *read])
    neurons = np.concatenate([np.array(fed, np.int64), rest, np.array(read, np.int64)])
    rank = np.empty(size, np.int64)
    rank[neurons] = np.arange(size)
    source, target = rank[rows], rank[columns]
    counts = (len(fed), len(rest), len(read))
    topology = Topology(*counts, source, target, bias=bias is not None, clamped=clamped)
    names = None if labels is None else tuple(str(labels[neuron]) for neuron in neurons)
    if names is not None and names != tuple(topology.name(neuron) for neuron in range(size)):
        topology = replace(topology, labels=names)
    return topology, np.lexsort((target, source))
