"""A trained mesh as node-link data, the JSON of graphs that D3 draws and networkx reads, and back without loss.

    {"directed": true, "multigraph": false,
     "graph": {"ticks", "clamped", "bias", "dtype", "hidden", "output"}, and "inputs", "outputs" with scaling,
     "nodes": [{"id", "kind"}, and "label" if neurons are named, "activation" if free],
     "links": [{"source", "target", "weight"}]}

`networkx.node_link_graph(data, edges="links")` loads it. Nodes are numbered from 0: inputs, the bias, hidden, outputs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from onward.exports import checks
from onward.naming import suggest
from onward.nets import saved
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise
from onward.topology import Topology

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def to_node_link(net: MeshNet, *, inputs: Standardise | None = None, outputs: Standardise | None = None) -> dict[str, Any]:
    """Give a net as node-link data that `json.dumps` takes; every number reads back exactly.

    Args:
        net: a single net in float32 or float64, with activations of onward's own.
        inputs: scaling that belongs before the net, kept as `shift` and `scale` under `inputs` of the graph.
        outputs: scaling that is to be undone after it, under `outputs`.

    Raises:
        ValueError: what `to_module` refuses, an activation of one's own, or another dtype.
    """
    checks.one_net(net)
    hidden, output = checks.named_activations(net, "node-link JSON")
    dtype = checks.real_dtype(net.weight, "node-link JSON")
    topology = net.topology
    about = {"ticks": net.ticks, "clamped": topology.clamped, "bias": topology.bias, "dtype": str(dtype)[6:]}
    about |= {"hidden": hidden, "output": output}
    for role, scaling in zip(
        ("inputs", "outputs"),
        checks.scalings(net.weight, net.topology.features, net.topology.outputs, inputs, outputs),
        strict=True,
    ):
        if scaling is not None:
            about[role] = {part: values.tolist() for part, values in scaling._asdict().items()}
    nodes = []
    for neuron in range(topology.neurons):
        label = {} if topology.labels is None else {"label": topology.labels[neuron]}
        nodes.append({"id": neuron, "kind": topology.kind(neuron), **label, **_activation(topology, neuron, about)})
    values = zip(topology.source.tolist(), topology.target.tolist(), net.weight.tolist(), strict=True)
    links = [{"source": source, "target": target, "weight": weight} for source, target, weight in values]
    return {"directed": True, "multigraph": False, "graph": about, "nodes": nodes, "links": links}


def from_node_link(data: Any) -> MeshNet:
    """Read a net from node-link data, as `to_node_link` gives it; scaling is read by `scaling_from_node_link`.

    Raises:
        ValueError: something is missing, of the wrong type, or contradicts itself; or `Topology` or `MeshNet` refuse it.
    """
    if not isinstance(data, Mapping) or data.get("directed") is not True or data.get("multigraph") is not False:
        raise ValueError("node-link data of a net must be an object with directed true and multigraph false")
    about, nodes, links = (_read(data, key, kind, "the data") for key, kind in PARTS.items())
    dtype = _dtype(about)
    topology, weight = _edges(_neurons(about, nodes), links)
    values = torch.from_numpy(weight).to(dtype)
    hidden, output = (_read(about, key, str, "the graph") for key in ("hidden", "output"))
    configuration = {
        "inputs": topology.inputs,
        "hidden": topology.hidden,
        "outputs": topology.outputs,
        "bias": topology.bias,
        "clamped": topology.clamped,
        "labels": None if topology.labels is None else list(topology.labels),
        "ticks": _read(about, "ticks", int, "the graph"),
        "activations": {"hidden": hidden, "output": output},
    }
    ends = {"source": torch.tensor(topology.source), "target": torch.tensor(topology.target)}
    net = saved.from_parts({"weight": values, **ends}, configuration)  # bounds what a mesh of a file may ask for
    for neuron, node in enumerate(nodes):
        found, expected = node.get("activation"), _activation(topology, neuron, about).get("activation")
        if found != expected:
            raise ValueError(f"node {neuron} has the activation {found!r}, expected {expected!r} as the graph says")
    return net


def scaling_from_node_link(data: Any) -> tuple[Standardise | None, Standardise | None]:
    """Read the scaling of inputs and of outputs from node-link data that holds a net; None where there is none.

    Raises:
        ValueError: as `from_node_link`, or the scaling does not fit the net.
    """
    net = from_node_link(data)
    found = []
    for role in ("inputs", "outputs"):
        given = data["graph"].get(role)
        if given is not None:
            where = f"{role} of the graph"
            if not isinstance(given, Mapping):
                raise ValueError(f"{where} must be an object with shift and scale, got {given!r}")
            columns = [
                [_number(value, f"{part} of {where}") for value in _read(given, part, list, where)]
                for part in Standardise._fields
            ]
            given = Standardise(*(torch.tensor(column, dtype=torch.float64) for column in columns))
        found.append(given)
    return checks.scalings(net.weight, net.topology.features, net.topology.outputs, *found)


PARTS = {"graph": Mapping, "nodes": list, "links": list}
WORDS = {Mapping: "an object", list: "a list", str: "a text", int: "a whole number", bool: "true or false"}


def _activation(topology: Topology, neuron: int, about: Mapping[str, Any]) -> dict[str, str]:
    """What a node says of its activation: nothing if the neuron is clamped."""
    if neuron < topology.fixed:
        return {}
    return {"activation": about["output" if neuron >= topology.neurons - topology.outputs else "hidden"]}


def _read(entries: Any, key: str, kind: Any, where: str) -> Any:
    """Give an entry of an object, or refuse it with a `ValueError` if it is missing or of another type."""
    if not isinstance(entries, Mapping) or key not in entries:
        raise ValueError(f"{where} must hold {key!r}, {WORDS[kind]}, got {_short(entries)}")
    value = entries[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{key!r} in {where} must be {WORDS[kind]}, got {_short(value)}")
    return value


def _short(value: Any) -> str:
    text = f"only {', '.join(map(repr, value))}" if isinstance(value, Mapping) and value else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _dtype(about: Mapping[str, Any]) -> torch.dtype:
    name = _read(about, "dtype", str, "the graph")
    if name not in DTYPES:
        raise ValueError(f"unknown dtype {name!r}, expected one of {', '.join(DTYPES)}{suggest(name, DTYPES)}")
    return DTYPES[name]


def _neurons(about: Mapping[str, Any], nodes: list[Any]) -> Topology:
    """Read a topology that has no edges yet."""
    bias, clamped = (_read(about, key, bool, "the graph") for key in ("bias", "clamped"))
    kinds = []
    for neuron, node in enumerate(nodes):
        if _read(node, "id", int, f"node {neuron}") != neuron:
            raise ValueError(f"nodes must be numbered from 0 in their order, got {node['id']} at place {neuron}")
        kinds.append(_read(node, "kind", str, f"node {neuron}"))
    named = [node for node in nodes if "label" in node]
    if named and len(named) < len(nodes):
        raise ValueError(f"either all nodes have a label or none, got {len(named)} of {len(nodes)}")
    labels = tuple(_read(node, "label", str, f"node {node['id']}") for node in named) if named else None
    counts = {kind: kinds.count(kind) for kind in ("input", "bias", "hidden", "output")}
    if sum(counts.values()) != len(kinds):
        wrong = next(kind for kind in kinds if kind not in counts)
        raise ValueError(f"unknown kind {wrong!r} of a node, expected one of {', '.join(counts)}{suggest(wrong, counts)}")
    if counts["bias"] != bias:
        raise ValueError(f"the graph says bias {bias}, but {counts['bias']} nodes are of the kind bias")
    in_order = [kind for kind, count in counts.items() for _ in range(count)]
    for neuron, (kind, expected) in enumerate(zip(kinds, in_order, strict=True)):
        if kind != expected:
            raise ValueError(f"nodes must be inputs, bias, hidden, outputs in this order, got {kind!r} at place {neuron}")
    inputs = counts["input"] + bias
    nowhere = np.empty(0, np.int64)
    return Topology(inputs, counts["hidden"], counts["output"], nowhere, nowhere, bias, clamped, labels)


def _edges(neurons: Topology, links: list[Any]) -> tuple[Topology, np.ndarray]:
    """Put the links, in whatever order they come, into a topology; give their weights in its order."""
    ends: dict[str, np.ndarray] = {}
    for key in ("source", "target"):
        ends[key] = np.array([_read(link, key, int, f"link {k}") for k, link in enumerate(links)], dtype=object)
        outside = [end for end in ends[key] if not 0 <= end < neurons.neurons]
        if outside:
            raise ValueError(f"a link names node {outside[0]}, but the nodes are 0 to {neurons.neurons - 1}")
        ends[key] = ends[key].astype(np.int64)
    weight = np.array([_weight(link, k) for k, link in enumerate(links)], dtype=np.float64)
    order = np.lexsort((ends["target"], ends["source"]))
    counts = (neurons.inputs, neurons.hidden, neurons.outputs)
    return Topology(*counts, **ends, bias=neurons.bias, clamped=neurons.clamped, labels=neurons.labels), weight[order]


def _weight(link: Mapping[str, Any], k: int) -> float:
    if "weight" not in link:
        raise ValueError(f"link {k} ({link['source']} -> {link['target']}) must hold a weight, got none")
    return _number(link["weight"], f"weight of link {k} ({link['source']} -> {link['target']})")


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"the {where} must be a finite number, got {value!r}")
    return float(value)
