"""A mesh as tensors and a configuration, and a mesh from such, whoever wrote them.

What comes from a file is checked before anything is made of it: not only that it fits, but that it is small enough to be
made at all, so that a few bytes cannot ask for all the memory, or for hours. What could not be read again is not given.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from onward.kernels import activations
from onward.nets.mesh import MeshNet
from onward.topology import Topology

LARGEST = 2**31  # bytes of the dense matrix that a mesh makes of its weights
NEURONS = 1_000_000
TICKS = 1_000_000
LABEL = 200  # characters
WORK = 300_000_000  # steps of following signals: edges and neurons times ticks; they take about a second
A_TICK = 1200  # steps that a tick costs whatever the size of the net

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
KEYS = {"inputs", "hidden", "outputs", "bias", "clamped", "labels", "ticks", "activations"}
TENSORS = {"weight", "source", "target"}


def parts(net: MeshNet) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Part a mesh, or a stack of them, into what a file can hold.

    Returns:
        The tensors `weight`, `*nets e`, `source` and `target`, `e`, on the CPU and independent of the net; and the
        configuration, ready for JSON: counts of neurons, bias, clamped, labels, ticks, activations by name.

    Raises:
        ValueError: an activation is the user's own, or `from_parts` would refuse the net, whose bounds it names.
    """
    for activation in (net.hidden, net.output):
        if activations.ACTIVATIONS.get(activation.name) != activation:
            known = ", ".join(activations.ACTIVATIONS)
            raise ValueError(f"the activation {activation.name!r} is not one of {known}, so its name does not save it")
    topology, weight = net.topology, net.weight.detach()
    configuration = {
        "inputs": int(topology.inputs),
        "hidden": int(topology.hidden),
        "outputs": int(topology.outputs),
        "bias": bool(topology.bias),
        "clamped": bool(topology.clamped),
        "labels": None if topology.labels is None else list(topology.labels),
        "ticks": int(net.ticks),
        "activations": {"hidden": net.hidden.name, "output": net.output.name},
    }
    tensors = {
        "weight": weight if weight.device.type == "meta" else weight.to("cpu", copy=True),
        "source": torch.tensor(topology.source),
        "target": torch.tensor(topology.target),
    }
    _check(tensors, configuration)
    return tensors, configuration


def from_parts(tensors: Mapping[str, Any], configuration: Mapping[str, Any]) -> MeshNet:
    """Make the mesh that `parts` was given; its weights are a copy.

    At most `LARGEST` bytes of dense matrix, `NEURONS` neurons, `TICKS` ticks and `LABEL` characters a label are accepted,
    and only outputs that can be seen in `WORK` steps to be reached, which keeps loading under about two seconds.

    Raises:
        ValueError: a part is missing, unknown, of the wrong type, shape or dtype, out of bounds, or does not fit the rest.
    """
    topology, needed = _check(tensors, configuration)
    hidden, output = (configuration["activations"][key] for key in ("hidden", "output"))
    weight = tensors["weight"]
    net = MeshNet(topology, needed, hidden=hidden, output=output, weight=weight, dtype=weight.dtype, device=weight.device)
    net.ticks = configuration["ticks"]  # once reached, clamped inputs keep reaching: not every tick need be followed
    return net


def _check(tensors: Mapping[str, Any], configuration: Mapping[str, Any]) -> tuple[Topology, int]:
    """Check everything that `from_parts` promises; give the topology, and ticks that are enough to see outputs reached."""
    _check_keys("the configuration of a mesh", configuration, KEYS)
    _check_keys("the tensors of a mesh", tensors, TENSORS)
    for key, least, most in (
        ("inputs", 1, NEURONS),
        ("hidden", 0, NEURONS),
        ("outputs", 1, NEURONS),
        ("ticks", 1, TICKS),
    ):
        value = configuration[key]
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"{key} must be a whole number from {least} to {most}, got {_short(value)}")
    for key in ("bias", "clamped"):
        if type(configuration[key]) is not bool:
            raise ValueError(f"{key} must be true or false, got {_short(configuration[key])}")
    _check_activations(configuration["activations"])
    inputs, hidden, outputs = (configuration[key] for key in ("inputs", "hidden", "outputs"))
    neurons, fixed = inputs + hidden + outputs, inputs if configuration["clamped"] else 0
    if neurons > NEURONS:
        raise ValueError(f"a mesh that is saved may have {NEURONS} neurons, got {neurons}")
    labels = _labels(configuration["labels"], neurons)
    _check_tensors(tensors, neurons, neurons - fixed)
    source, target = tensors["source"].cpu().numpy(), tensors["target"].cpu().numpy()
    for name, ends, least in (("source", source, 0), ("target", target, fixed)):
        outside = ends[(ends < least) | (ends >= neurons)]
        if outside.size:
            raise ValueError(f"{name} must name neurons {least} to {neurons - 1}, got {outside[0]}")
    if (np.diff(source * neurons + target) <= 0).any():
        raise ValueError("edges must be in the row-major order of the adjacency matrix, each once, but they are not")
    counts = {"bias": configuration["bias"], "clamped": configuration["clamped"], "labels": labels}
    topology = Topology(inputs, hidden, outputs, source, target, **counts)
    return topology, _needed(topology, configuration["ticks"])


def _check_keys(words: str, found: Any, expected: set[str]) -> None:
    if not isinstance(found, Mapping) or set(found) != expected:
        got = list(found) if isinstance(found, Mapping) else type(found).__name__
        raise ValueError(f"{words} must be {', '.join(sorted(expected))}, got {_short(got)}")


def _check_activations(found: Any) -> None:
    _check_keys("activations", found, {"hidden", "output"})
    for name in found.values():
        if type(name) is not str or len(name) > LABEL:
            raise ValueError(f"an activation must be a name, got {_short(name)}")
        activations.find(name)


def _labels(found: Any, neurons: int) -> tuple[str, ...] | None:
    if found is None:
        return None
    if type(found) is not list or len(found) != neurons:
        count = len(found) if type(found) is list else _short(found)
        raise ValueError(f"labels must be a list that names all {neurons} neurons, got {count}")
    for label in found:
        if type(label) is not str or len(label) > LABEL or not label.isprintable():
            raise ValueError(f"a label must be printable text of at most {LABEL} characters, got {_short(label)}")
    return tuple(found)


def _check_tensors(tensors: Mapping[str, Any], neurons: int, free: int) -> None:
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.device.type == "meta":
            raise ValueError(f"{name} must be a dense tensor with values, got {type(tensor).__name__}")
    weight, source, target = tensors["weight"], tensors["source"], tensors["target"]
    for name, ends in (("source", source), ("target", target)):
        if ends.dtype != torch.int64 or ends.ndim != 1 or ends.shape != source.shape:
            shape = tuple(ends.shape)
            raise ValueError(f"{name} must be int64 with one entry an edge, got {ends.dtype} of shape {_short(shape)}")
    if weight.dtype not in DTYPES:
        raise ValueError(f"weights must be one of {', '.join(map(str, DTYPES))}, got {weight.dtype}")
    if weight.ndim not in (1, 2) or weight.shape[-1] != len(source) or not weight.numel():
        raise ValueError(f"expected a weight for each of {len(source)} edges, got shape {_short(tuple(weight.shape))}")
    nets = weight.shape[0] if weight.ndim == 2 else 1
    size = neurons * free * nets * weight.dtype.itemsize
    if size > LARGEST:
        raise ValueError(
            f"{nets} x {neurons} neurons x {free} free neurons of {weight.dtype} make a matrix of {size} bytes, but "
            f"{LARGEST} is the most for a mesh that is saved"
        )
    wrong = ~weight.isfinite()
    if wrong.any():
        raise ValueError(f"weights must be finite, got {weight[wrong][0].item()}")


def _needed(topology: Topology, ticks: int) -> int:
    """Give ticks within which it shows that the outputs are reached; refuse outputs that are not, or far too far away."""
    distance = _distances(topology)
    furthest = int(distance.max())
    of_outputs = distance[topology.neurons - topology.outputs :]
    needed = int(of_outputs.max())
    if of_outputs.min() < 0 or needed > ticks:
        missed = int(np.flatnonzero((of_outputs < 0) | (of_outputs > ticks))[0])
        raise ValueError(f"no input can reach output {missed} within {ticks} {'tick' if ticks == 1 else 'ticks'}")
    if not topology.clamped:
        needed = ticks  # free inputs speak once, so what was reached may fall silent
    followed = max(needed, 0 if topology.clamped else furthest)
    work = followed * (topology.edges + topology.neurons + A_TICK)
    if followed > 1 and work > WORK:
        raise ValueError(
            f"{topology.edges} edges over {followed} ticks are too many to see that the outputs are reached: {work} steps, "
            f"of at most {WORK}"
        )
    return max(needed, 1)


def _distances(topology: Topology) -> np.ndarray:
    """Count the edges of the shortest path from any input but the bias to every neuron, -1 for none; each edge once."""
    first = np.searchsorted(topology.source, np.arange(topology.neurons + 1))
    distance = np.full(topology.neurons, -1)
    front, steps = np.arange(topology.features), 0
    distance[front] = 0
    while front.size:
        counts = first[front + 1] - first[front]
        leaving = np.arange(counts.sum()) + np.repeat(first[front] - np.cumsum(counts) + counts, counts)
        reached = topology.target[leaving]
        front = np.unique(reached[distance[reached] < 0])
        steps += 1
        distance[front] = steps
    return distance


def _short(value: object) -> str:
    """Show the beginning of something foreign."""
    try:
        return reprlib.repr(value)[:100]
    except ValueError:  # a number of more digits than Python prints
        return "a number too long to print"
