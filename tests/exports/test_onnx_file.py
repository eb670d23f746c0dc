"""An ONNX file says in onnxruntime what the net says in torch."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from onward import graphs
from onward.exports import save_onnx
from onward.exports.onnx_file import onnx_model
from onward.nets.mesh import MeshNet
from tests.exports.meshes import NAMES, SWISH, assert_near, data, kinds, net, scaled, scalings, topologies

KINDS = list(kinds())


def session(model: bytes | Path) -> Callable[[torch.Tensor], np.ndarray]:
    """The function that onnxruntime makes of a model."""
    given = model if isinstance(model, bytes) else str(model)
    loaded = onnxruntime.InferenceSession(given, providers=["CPUExecutionProvider"])
    return lambda x: np.asarray(loaded.run(["y"], {"x": x.numpy()})[0])


def assert_runs(one: MeshNet) -> None:
    both = scalings(one)
    bare = session(onnx_model(one).SerializeToString())
    dressed = session(onnx_model(one, **both).SerializeToString())
    for examples in (1, 2, 17):
        x = data(one, examples)
        assert_near(bare(x), one(x))
        assert_near(dressed(x), scaled(one, x, **both))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("topology", "hidden", "output"), [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS])
def test_outputs_are_those_of_the_net_in_onnxruntime(topology, hidden: str, output: str, dtype: torch.dtype) -> None:
    assert_runs(net(topology, hidden=hidden, output=output, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("output", NAMES)
@pytest.mark.parametrize("hidden", NAMES)
@pytest.mark.parametrize("kind", ["mesh", "free"])
def test_every_pair_of_activations(kind: str, hidden: str, output: str, dtype: torch.dtype) -> None:
    assert_runs(net(topologies()[kind], ticks=3, hidden=hidden, output=output, dtype=dtype))


@pytest.mark.parametrize("topology", [graphs.mesh(2, 3, 2), topologies()["free"]], ids=["clamped", "free"])
@pytest.mark.parametrize("ticks", [1, 2, 3, 40])
def test_ticks_are_counted_as_the_net_does(topology, ticks: int) -> None:
    if ticks == 1 and not topology.clamped:
        topology = graphs.from_mask(np.ones((5, 5)), [0, 1], [4], clamped=False)
    one = net(topology, ticks=ticks, hidden="tanh", dtype=torch.float64)
    x = data(one, 5)
    assert_near(session(onnx_model(one).SerializeToString())(x), one(x))


def test_gelu_in_float64_is_exact_far_from_zero_and_near_it() -> None:
    one = MeshNet(graphs.layered(1, [], 1, bias=False), 1, output="gelu", weight=torch.ones(1), dtype=torch.float64)
    x = torch.cat([torch.linspace(-40, 40, 4001, dtype=torch.float64), torch.logspace(-12, 3, 99, dtype=torch.float64)])
    found = session(onnx_model(one).SerializeToString())(x.unsqueeze(1))
    np.testing.assert_allclose(found[:, 0], torch.nn.functional.gelu(x).numpy(), rtol=1e-13, atol=1e-14)


def test_a_file_is_small_whole_and_alone(tmp_path: Path) -> None:
    one = net(graphs.mesh(2, 3, 2), hidden="tanh")
    path = save_onnx(one, tmp_path / "net.onnx", **scalings(one))
    assert [found.name for found in tmp_path.iterdir()] == ["net.onnx"]
    assert path.stat().st_size < 4000
    model = onnx.load(path)
    assert not any(constant.external_data for constant in model.graph.initializer)
    assert [(end.name, end.type.tensor_type.shape.dim[0].dim_param) for end in model.graph.input] == [("x", "batch")]
    x = data(one, 3)
    assert_near(session(path)(x), scaled(one, x, **scalings(one)))


def test_the_file_that_was_there_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, path = net(graphs.mesh(2, 3, 2)), tmp_path / "net.onnx"
    path.write_bytes(b"before")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match="net.onnx cannot be written: No space left on device; the file that was there is unchanged"
    ):
        save_onnx(one, path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save_onnx(net(graphs.mesh(2, 3, 2)), tmp_path / "net.onnx")  # a warning would be an error
    assert capfd.readouterr() == ("", "")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match=r"ONNX files need onnx, which is not installed; pip install 'onward\[export\]'"):
        save_onnx(net(graphs.mesh(2, 3, 2)), tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


MESH = graphs.mesh(2, 3, 2)


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (net(MESH, hidden=SWISH), "ONNX knows the activations identity, relu, .* got a function of one's own, 'swish'"),
        (net(MESH, output=SWISH._replace(name="relu")), "got a function of one's own, 'relu'"),
        (net(MESH, dtype=torch.bfloat16), "ONNX holds torch.float32 or torch.float64, got a net in torch.bfloat16"),
        (MeshNet.stack([net(MESH)] * 2), "only a single net can be exported, got 2 nets"),
    ],
    ids=["own activation", "own activation of a known name", "dtype", "stack"],
)
def test_what_onnx_cannot_hold_is_refused(one: MeshNet, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        onnx_model(one)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere/net.onnx cannot be written: No such file or directory"):
        save_onnx(net(MESH), tmp_path / "nowhere" / "net.onnx")
