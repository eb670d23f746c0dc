"""A mesh comes back as it was, and what is no mesh is refused in one sentence, at once and cheaply."""

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from onward import graphs
from onward.files import sealed
from onward.kernels import reach
from onward.kernels.activations import Activation
from onward.nets import saved
from onward.nets.mesh import MeshNet
from onward.topology import Topology

MESH = graphs.mesh(2, 3, 2)
LABELLED = graphs.from_mask(np.triu(np.ones((4, 4)), 1) * [0, 0, 1, 1], [0, 1], [3], labels=["länge", "breite", "h", "y"])
FREE = graphs.from_mask(np.ones((4, 4)), [0], [3], clamped=False)
NETS = {
    "mesh": MeshNet(MESH, 3, hidden="tanh"),
    "precise": MeshNet(MESH, 2, hidden="gelu", output="sigmoid", dtype=torch.float64),
    "coarse": MeshNet(MESH, 2, dtype=torch.bfloat16),
    "labelled": MeshNet(LABELLED, 2),
    "free": MeshNet(FREE, 3, hidden="sigmoid", output="tanh"),
    "no hidden": MeshNet(graphs.layered(2, [], 1, bias=False), 1),
    "stack": MeshNet.stack([MeshNet(MESH, 3, generator=torch.Generator().manual_seed(k)) for k in range(3)]),
    "stack of one": MeshNet.stack([MeshNet(MESH, 3)]),
    "patient": MeshNet(MESH, 1000, hidden="tanh"),
}


def same(one: MeshNet, two: MeshNet) -> bool:
    facts = [(net.topology, net.ticks, net.hidden, net.output, net.weight.dtype, net.nets) for net in (one, two)]
    return facts[0] == facts[1] and torch.equal(one.weight, two.weight)


@pytest.mark.parametrize("name", NETS)
def test_a_net_comes_back_through_a_file_and_computes_the_same(tmp_path: Path, name: str) -> None:
    net = NETS[name]
    sealed.write(tmp_path / "model", "mesh", *saved.parts(net))
    found = sealed.read(tmp_path / "model", "mesh")
    again = saved.from_parts(found.tensors, found.configuration)
    assert same(net, again)
    x = torch.randn(*net.nets, 4, net.topology.features, generator=torch.Generator().manual_seed(0)).to(net.weight.dtype)
    assert torch.equal(net(x), again(x))
    assert again.weight.requires_grad


@pytest.mark.parametrize("name", ["mesh", "stack"])
def test_parts_are_independent_of_both_nets(name: str) -> None:
    net = NETS[name]
    tensors, configuration = saved.parts(net)
    again = saved.from_parts(tensors, configuration)
    tensors["weight"].zero_()
    assert same(net, again)


def test_the_configuration_is_json() -> None:
    configuration = saved.parts(NETS["labelled"])[1]
    assert json.loads(json.dumps(configuration)) == configuration == {
        "inputs": 2, "hidden": 1, "outputs": 1, "bias": False, "clamped": True, "labels": ["länge", "breite", "h", "y"],
        "ticks": 2, "activations": {"hidden": "relu", "output": "identity"},
    }  # fmt: skip


def test_counts_that_numpy_made_are_saved_as_numbers() -> None:
    net = MeshNet(Topology(2, 0, 1, np.array([0]), np.array([2]), bias=True), 2)
    for name, value in (
        ("inputs", np.int64(2)),
        ("hidden", np.int64(0)),
        ("outputs", np.int64(1)),
        ("bias", np.bool_(True)),
    ):
        object.__setattr__(net.topology, name, value)
    net.ticks = np.int64(2)  # pyright: ignore[reportAttributeAccessIssue]
    assert same(saved.from_parts(*saved.parts(net)), net)


def test_a_users_own_activation_cannot_be_saved() -> None:
    square = Activation("square", lambda z: z.square(), lambda z: 2 * z)
    relu = Activation("relu", lambda z: z.square(), lambda z: 2 * z)
    for hidden, output in ((square, "relu"), ("relu", square), (relu, "relu")):
        with pytest.raises(
            ValueError, match="the activation '(square|relu)' is not one of identity, relu, .*, so its name"
        ):
            saved.parts(MeshNet(MESH, 2, hidden=hidden, output=output))


def diverged() -> MeshNet:
    net = MeshNet(MESH, 2)
    net.weight.data[3] = torch.nan
    return net


def hasty() -> MeshNet:
    net = MeshNet(MESH, 2)
    net.ticks = 1_000_001
    return net


def named(label: str) -> MeshNet:
    return MeshNet(Topology(1, 0, 1, np.array([0]), np.array([1]), labels=(label, "b")), 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (diverged, "weights must be finite, got nan"),
        (lambda: MeshNet(MESH, 2, device="meta"), "weight must be a dense tensor with values"),
        (lambda: named("a\n"), r"printable text .* got 'a\\n'"),
        (lambda: named("a" * 201), "at most 200 characters"),
        (hasty, "ticks must be a whole number from 1 to 1000000, got 1000001"),
    ],
)
def test_a_net_that_could_not_be_read_again_is_not_saved(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        saved.parts(make())


def good() -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Give a small good net: 0 -> 1 -> 2, 0 -> 2."""
    tensors = {"weight": torch.ones(3), "source": torch.tensor([0, 0, 1]), "target": torch.tensor([1, 2, 2])}
    configuration = {
        "inputs": 1, "hidden": 1, "outputs": 1, "bias": False, "clamped": True, "labels": None, "ticks": 2,
        "activations": {"hidden": "relu", "output": "identity"},
    }  # fmt: skip
    return tensors, configuration


def edges(*pairs: tuple[int, int]) -> dict[str, Tensor]:
    ends = torch.tensor(pairs)
    return {"source": ends[:, 0].contiguous(), "target": ends[:, 1].contiguous(), "weight": torch.ones(len(pairs))}


LONG = "x" * 10_000
BAD: list[tuple[dict[str, Any], str]] = [
    *(({key: True}, f"{key} must be a whole number from . to 1000000, got True") for key in ("inputs", "hidden", "outputs", "ticks")),
    *(({key: 1.0}, f"{key} must be a whole number") for key in ("inputs", "hidden", "outputs", "ticks")),
    *(({key: -1}, f"{key} must be a whole number") for key in ("inputs", "hidden", "outputs", "ticks")),
    *(({key: 10**15}, f"{key} must be a whole number") for key in ("inputs", "hidden", "outputs", "ticks")),
    *(({key: value}, f"{key} must be true or false") for key in ("bias", "clamped") for value in (0, 1, None, "true")),
    ({"inputs": 0}, "inputs must be a whole number from 1"),
    ({"outputs": 0}, "outputs must be a whole number from 1"),
    ({"ticks": 0}, "ticks must be a whole number from 1 to 1000000, got 0"),
    ({"ticks": None}, "ticks must be a whole number from 1 to 1000000, got None"),
    ({"ticks": LONG}, r"got 'xxxx.*\.\.\.x"),
    ({"ticks": 10**5000}, "got a number too long to print"),
    ({"hidden": 600_000, "inputs": 600_000}, "may have 1000000 neurons, got 1200001"),
    ({"hidden": 30_000}, r"1 x 30002 neurons x 30001 free neurons of torch.float32 make a matrix of 3600360008 bytes"),
    ({"bias": True}, "a bias counts as an input and needs another beside it"),
    ({"labels": ["a", "b"]}, "labels must be a list that names all 3 neurons, got 2"),
    ({"labels": "abc"}, "labels must be a list that names all 3 neurons, got 'abc'"),
    ({"labels": ("a", "b", "c")}, "labels must be a list"),
    ({"labels": ["a", "b", 3]}, "a label must be printable text of at most 200 characters, got 3"),
    ({"labels": ["a", "b", LONG]}, "a label must be printable text"),
    ({"labels": ["a", "b", "\x1b[2J"]}, "a label must be printable text"),
    ({"labels": ["a", "b", "\ud800"]}, "a label must be printable text"),
    ({"activations": {"hidden": "rleu", "output": "tanh"}}, "unknown activation 'rleu'.*did you mean 'relu'"),
    ({"activations": {"hidden": "relu"}}, r"activations must be hidden, output, got \['hidden'\]"),
    ({"activations": ["relu", "tanh"]}, "activations must be hidden, output, got 'list'"),
    ({"activations": {"hidden": 3, "output": "tanh"}}, "an activation must be a name, got 3"),
    ({"activations": {"hidden": LONG, "output": "tanh"}}, "an activation must be a name, got 'xx"),
    ({"more": 1}, "the configuration of a mesh must be activations, bias, .*, got"),
    ({"weight": torch.ones(4)}, r"a weight for each of 3 edges, got shape \(4,\)"),
    ({"weight": torch.ones(())}, r"a weight for each of 3 edges, got shape \(\)"),
    ({"weight": torch.ones(2, 2, 3)}, r"got shape \(2, 2, 3\)"),
    ({"weight": torch.ones(0, 3)}, r"got shape \(0, 3\)"),
    ({"weight": torch.ones(3, dtype=torch.int64)}, "weights must be one of torch.float64.*got torch.int64"),
    ({"weight": torch.ones(3, dtype=torch.complex64)}, "got torch.complex64"),
    ({"weight": torch.tensor([1, torch.inf, 1])}, "weights must be finite, got inf"),
    ({"weight": torch.tensor([[1, 1, 1], [1, 1, torch.nan]])}, "weights must be finite, got nan"),
    ({"weight": torch.ones(3, device="meta")}, "weight must be a dense tensor with values"),
    ({"weight": torch.ones(3).to_sparse()}, "weight must be a dense tensor with values"),
    ({"weight": [1.0, 1.0, 1.0]}, "weight must be a dense tensor with values, got list"),
    ({"source": torch.tensor([0, 0, 1], dtype=torch.int32)}, "source must be int64 with one entry an edge, got torch.int32"),
    ({"target": torch.tensor([1, 2])}, r"target must be int64 with one entry an edge, got torch.int64 of shape \(2,\)"),
    ({"source": torch.tensor([[0, 0, 1]])}, "source must be int64 with one entry an edge"),
    ({"target": torch.tensor([1.0, 2, 2])}, "target must be int64"),
    ({"more": torch.ones(1)}, "the tensors of a mesh must be source, target, weight, got"),
    (edges((0, 1), (0, 3)), "target must name neurons 1 to 2, got 3"),
    (edges((0, 1), (-1, 2)), "source must name neurons 0 to 2, got -1"),
    (edges((0, 1), (2**63 - 1, 2)), "source must name neurons 0 to 2, got 9223372036854775807"),
    (edges((0, 0), (0, 2)), "target must name neurons 1 to 2, got 0"),
    (edges((0, 2), (0, 2)), "row-major order of the adjacency matrix, each once"),
    (edges((1, 2), (0, 1)), "row-major order of the adjacency matrix, each once"),
    (edges((0, 1), (1, 1)), "no input can reach output 0 within 2 ticks"),
    ({"ticks": 1, **edges((0, 1), (1, 2))}, "no input can reach output 0 within 1 tick"),
    ({"clamped": False, "ticks": 3, **edges((0, 1), (1, 2))}, "free inputs speak only once"),
]  # fmt: skip


def changed(changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    tensors, configuration = good()
    for key, value in changes.items():
        (tensors if isinstance(value, Tensor) or key == "weight" else configuration)[key] = value
    return tensors, configuration


def load(tensors: Any, configuration: Any) -> MeshNet:
    return saved.from_parts(tensors, configuration)


def test_the_good_net_that_the_others_are_made_of_is_good() -> None:
    assert load(*good())(torch.ones(1, 1)).item() == 2


@pytest.mark.parametrize(("changes", "words"), BAD)
def test_what_does_not_fit_is_refused_at_once(changes: dict[str, Any], words: str) -> None:
    parts = changed(changes)
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(ValueError, match=words) as caught:
        load(*parts)
    peak, seconds = tracemalloc.get_traced_memory()[1], time.perf_counter() - began
    tracemalloc.stop()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert peak < 10_000_000
    assert seconds < 2


@pytest.mark.parametrize("key", sorted(saved.KEYS | saved.TENSORS))
def test_every_part_is_needed(key: str) -> None:
    tensors, configuration = good()
    (tensors if key in tensors else configuration).pop(key)
    with pytest.raises(ValueError, match="of a mesh must be"):
        load(tensors, configuration)


@pytest.mark.parametrize("swap", [("source", "target"), ("source", "weight")])
def test_tensors_that_were_swapped_are_refused(swap: tuple[str, str]) -> None:
    tensors, configuration = good()
    tensors[swap[0]], tensors[swap[1]] = tensors[swap[1]], tensors[swap[0]]
    with pytest.raises(ValueError, match="must"):
        load(tensors, configuration)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from(["relu", "tanh"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["hidden", "output"]) | st.text(), inner, max_size=3)
    ),
)
SHAPED = st.builds(
    lambda shape, dtype, value: torch.full(shape, value).to(dtype),
    st.lists(st.integers(0, 4), max_size=3),
    st.sampled_from([torch.float32, torch.float64, torch.int64, torch.int32, torch.bool]),
    st.sampled_from([0.0, 1.0, 2.0, -1.0, 1e30, torch.inf, torch.nan]),
)
ENDS = st.lists(st.integers(-1, 4), max_size=4).map(lambda ends: torch.tensor(ends, dtype=torch.int64))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    configuration=st.dictionaries(
        st.sampled_from(sorted(saved.KEYS)), JSON | st.integers(0, 3) | st.integers(10**5, 10**20), max_size=3
    ),
    tensors=st.fixed_dictionaries({}, optional={"weight": SHAPED, "source": SHAPED | ENDS, "target": SHAPED | ENDS}),
)
def test_a_hostile_file_with_a_good_seal_is_refused_or_is_a_net(tmp_path: Path, configuration, tensors) -> None:
    parts = good()
    parts[0].update(tensors)
    parts[1].update({key: value for key, value in configuration.items() if value not in (float("inf"), float("-inf"))})
    try:
        sealed.write(tmp_path / "file", "mesh", *parts)
    except ValueError:  # JSON that is none
        return
    found = sealed.read(tmp_path / "file", "mesh")
    said = ""
    try:
        net = saved.from_parts(found.tensors, found.configuration)
    except ValueError as error:
        said = str(error)
    else:
        again = saved.parts(net)
        assert again[1] == found.configuration
        assert all(torch.equal(again[0][name], found.tensors[name]) for name in saved.TENSORS)
    assert "\n" not in said
    assert len(said) < 500


def line(neurons: int, *, clamped: bool = True, short: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Give a line of neurons, one feeding the next."""
    tensors, configuration = good()
    source = torch.arange(neurons - 1 - short)
    tensors.update(source=source, target=source + 1, weight=torch.ones(len(source), dtype=torch.float16))
    configuration.update(hidden=neurons - 2, ticks=saved.TICKS, clamped=clamped)
    return tensors, configuration


def dense(neurons: int, *, clamped: bool, ticks: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors, configuration = good()
    pairs = torch.cartesian_prod(torch.arange(neurons), torch.arange(int(clamped), neurons))
    source, target = pairs[:, 0].contiguous(), pairs[:, 1].contiguous()
    tensors.update(source=source, target=target, weight=torch.ones(len(source)))
    configuration.update(hidden=neurons - 2, ticks=ticks, clamped=clamped)
    return tensors, configuration


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (line(4), None),
        (line(10_000), None),
        (line(30_000), "29999 edges over 29999 ticks are too many to see that the outputs are reached"),
        (line(30_000, short=True), "no input can reach output 0 within 1000000 ticks"),
        (line(4, clamped=False), "too many to see"),
        (dense(500, clamped=True, ticks=10**6), None),
        (dense(500, clamped=False, ticks=10**6), "250000 edges over 1000000 ticks are too many to see"),
        (dense(500, clamped=False, ticks=1000), None),
    ],
)
def test_loading_takes_seconds_at_most_whatever_the_ticks(parts, words: str | None) -> None:
    began = time.process_time()
    if words is None:
        net = load(*parts)
        assert net.ticks == parts[1]["ticks"]
    else:
        with pytest.raises(ValueError, match=words):
            load(*parts)
    assert time.process_time() - began < 4  # twice what is promised, as machines differ


def test_a_net_with_many_ticks_refuses_a_sequence_that_is_too_short_for_its_outputs() -> None:
    net = saved.from_parts(*saved.parts(MeshNet(graphs.layered(1, [2, 2], 1), 50)))
    assert net(torch.ones(1, 50, 1)).shape == (1, 1)
    with pytest.raises(ValueError, match="no input can reach output 0 within 2 ticks"):
        net(torch.ones(1, 2, 1))


@given(
    mask=st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=6, max_size=6),
    ticks=st.integers(1, 9),
    clamped=st.booleans(),
)
def test_outputs_are_reached_for_a_saved_net_exactly_when_they_are_for_a_new_one(mask, ticks: int, clamped: bool) -> None:
    entries = np.array(mask)
    if clamped:
        entries[:, :2] = False
    topology = graphs.from_mask(entries, [0], [4, 5], bias=1, clamped=clamped)
    try:
        reach.check_outputs(topology, ticks)
    except ValueError:
        with pytest.raises(ValueError, match="no input can reach output|for each of 0 edges"):
            load(*raw(topology, ticks))
    else:
        net = load(*raw(topology, ticks))
        assert (net.topology, net.ticks) == (topology, ticks)


def raw(topology: Topology, ticks: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Part a net that need not be one."""
    tensors, configuration = good()
    tensors.update(
        source=torch.tensor(topology.source), target=torch.tensor(topology.target), weight=torch.ones(topology.edges)
    )
    counts = {name: getattr(topology, name) for name in ("inputs", "hidden", "outputs", "bias", "clamped")}
    return tensors, {**configuration, **counts, "ticks": ticks}
