"""A trained mesh as a networkx graph, and as GraphML for programs that draw and study graphs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from onward import graphs
from onward.exports import checks
from onward.files import atomic
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise

if TYPE_CHECKING:
    import networkx


def to_networkx(net: MeshNet, *, inputs: Standardise | None = None, outputs: Standardise | None = None) -> networkx.DiGraph:
    """Give a net as a networkx `DiGraph`, as `onward.graphs.to_networkx` does, with what a net has beyond its graph.

    The graph carries `ticks`, the names of the activations as `hidden` and `output`, `bias` and `dtype`; free neurons
    carry their `activation`; with scaling, inputs and outputs carry their `shift` and `scale`.

    Raises:
        ValueError: the package `networkx` is missing, or what `to_module` refuses.
    """
    checks.one_net(net)
    before, after = checks.scalings(net.weight, net.topology.features, net.topology.outputs, inputs, outputs)
    topology = net.topology
    try:
        graph = graphs.to_networkx(topology, net.weight)
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"networkx graphs need {missing.name}, which is not installed; pip install 'onward[app]' brings it"
        ) from missing
    graph.graph.update(
        ticks=net.ticks, hidden=net.hidden.name, output=net.output.name, bias=topology.bias, dtype=str(net.weight.dtype)[6:]
    )
    first_output = topology.neurons - topology.outputs
    for neuron in range(topology.fixed, topology.neurons):
        graph.nodes[neuron]["activation"] = (net.output if neuron >= first_output else net.hidden).name
    for first, scaling in ((0, before), (first_output, after)):
        if scaling is not None:
            for k, (shift, scale) in enumerate(zip(scaling.shift.tolist(), scaling.scale.tolist(), strict=True)):
                graph.nodes[first + k].update(shift=shift, scale=scale)
    return graph


def save_graphml(
    net: MeshNet, path: str | Path, *, inputs: Standardise | None = None, outputs: Standardise | None = None
) -> Path:
    """Write the graph of `to_networkx` as GraphML; give the path. Errors as there."""
    graph = to_networkx(net, inputs=inputs, outputs=outputs)
    import networkx

    content = io.BytesIO()
    networkx.write_graphml(graph, content)
    atomic.write(path, content.getvalue())
    return Path(path)
