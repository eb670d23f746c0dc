"""A layered net says in a plain module, in a torch.export program and in onnxruntime what it says itself."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from onward import MonoForward, cnn, mixer, mlp, vgg8b
from onward.exports import save, save_onnx, save_program, to_module, to_program
from onward.nets.layered import LayeredNet
from onward.nets.projections import pooled, two_layer
from onward.nets.standardise import Standardise


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Residual(nn.Module):
    def __init__(self, maps: int) -> None:
        super().__init__()
        self.map, self.act = nn.Conv2d(maps, maps, 3, padding="same"), nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(x + 0.5 * self.map(x)).clamp(max=2.0)


class Flat(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.map = nn.Linear(size, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.map(x.view(x.shape[0], -1)) - 0.25


def own() -> LayeredNet:
    convolutions = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, bias=False), nn.BatchNorm2d(4, affine=False), nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d((2, 1)), nn.Dropout(0.2), Residual(4), nn.MaxPool2d((2, 1)), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    return LayeredNet.from_sequential(convolutions, (3, 9, 7))


def activations() -> LayeredNet:
    modules = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3, groups=1), nn.SiLU(), nn.MaxPool2d(3, 2, 1),
        nn.AvgPool2d(2, 1, 1, count_include_pad=False), nn.PReLU(4), nn.Flatten(), nn.Linear(64, 6), nn.LayerNorm(6), nn.ELU(0.7),
        nn.Linear(6, 6), nn.LeakyReLU(0.3), nn.Linear(6, 5), nn.Sigmoid(), nn.Linear(5, 3),
    )  # fmt: skip
    return LayeredNet.from_sequential(modules, 64)


NETS: dict[str, Callable[[], LayeredNet]] = {
    "mlp": lambda: mlp((2, 3), (5, 4), 2, generator=seeded()),
    "mlp, normalised": lambda: mlp(6, (5,), 2, activation=nn.GELU, normalise=nn.BatchNorm1d, projection=two_layer),
    "cnn": lambda: cnn((1, 8, 8), 3, channels=(2, 3), projection=pooled),
    "vgg8b": lambda: vgg8b((3, 8, 8), 3, multiplier=0.03, dropout=0.2),
    "mixer": lambda: mixer((3, 8, 8), 3, width=8, depth=1),
    "own": own,
    "own activations": activations,
    "view": lambda: LayeredNet.from_sequential(nn.Sequential(nn.Flatten(), Flat(16), nn.Tanh(), nn.Linear(6, 3)), (4, 4)),
}
DOUBLE = ("mlp", "mlp, normalised", "mixer", "view")  # onnxruntime convolves in float32 only


def lived(net: LayeredNet) -> LayeredNet:
    """Move the statistics of a net from where they began, as training does."""
    with torch.no_grad():
        for buffer in net.buffers():
            if buffer.is_floating_point():
                buffer += torch.rand(buffer.shape, generator=seeded(3), dtype=buffer.dtype)
    return net


def data(net: LayeredNet, examples: int) -> torch.Tensor:
    dtype = next(net.parameters()).dtype
    return torch.randn(examples, *net.shapes[0], generator=seeded(examples), dtype=torch.float64).to(dtype)


def session(path: Path) -> Callable[[torch.Tensor], torch.Tensor]:
    loaded = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(np.asarray(loaded.run(["y"], {"x": x.numpy()})[0]))


@pytest.mark.parametrize("name", NETS)
def test_a_module_is_bitwise_the_net_in_evaluation_and_shares_nothing_with_it(name: str) -> None:
    net = lived(NETS[name]()).train()
    module = to_module(net)
    x = data(net, 5)
    assert net.training
    expected = net.eval()(x).detach()
    assert torch.equal(module(x), expected)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    assert torch.equal(module(x), expected)


@pytest.mark.parametrize("name", NETS)
def test_a_program_and_an_onnx_file_are_the_net_for_batches_of_any_size(name: str, tmp_path: Path) -> None:
    net = lived(NETS[name]()).eval()
    program: Any = torch.export.load(save_program(net, tmp_path / "net.pt2")).module()
    runtime = session(save_onnx(net, tmp_path / "net.onnx"))
    for examples in (1, 2, 7):
        x = data(net, examples)
        expected = net(x).detach()
        torch.testing.assert_close(program(x), expected)
        torch.testing.assert_close(runtime(x), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NETS)
def test_in_float64_onnx_is_exact_or_says_why_it_is_not(name: str, tmp_path: Path) -> None:
    net = lived(NETS[name]().double()).eval()
    if name not in DOUBLE:
        with pytest.raises(
            ValueError, match=r"onnxruntime convolves in float32 only, and this net is in float64; net.float"
        ):
            save_onnx(net, tmp_path / "net.onnx")
        assert not list(tmp_path.iterdir())
        return
    x = data(net, 5)
    found = session(save_onnx(net, tmp_path / "net.onnx"))(x)
    torch.testing.assert_close(found, net(x).detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("blocks", [1, 2])
def test_the_first_blocks_of_a_taught_net_leave_in_every_form(blocks: int, tmp_path: Path) -> None:
    learner = MonoForward(cnn((1, 8, 8), 3, channels=(2, 3))).eval()
    net, x = learner.truncate(blocks), torch.randn(4, 1, 8, 8, generator=seeded(1))
    expected = learner.goodness(x)[blocks - 1].detach()
    assert torch.equal(to_module(net)(x), expected)
    torch.testing.assert_close(torch.export.load(save(net, tmp_path / "n.pt2")).module()(x), expected)
    torch.testing.assert_close(session(save(net, tmp_path / "n.onnx"))(x), expected, rtol=1e-5, atol=1e-6)


def test_scaling_is_applied_before_and_undone_after(tmp_path: Path) -> None:
    net = mlp(3, (4,), 2).double()
    before = Standardise(torch.tensor([1.0, -2.0, 0.5]).double(), torch.tensor([2.0, 0.5, 3.0]).double())
    after = Standardise(torch.tensor([10.0, -5.0]).double(), torch.tensor([4.0, 0.25]).double())
    x = data(net, 6)
    expected = after.undo(net((x - before.shift) / before.scale)).detach()
    torch.testing.assert_close(to_module(net, inputs=before, outputs=after)(x), expected)
    torch.testing.assert_close(session(save_onnx(net, tmp_path / "n.onnx", inputs=before, outputs=after))(x), expected)


@pytest.mark.parametrize(("features", "count"), [(1, 1), (3, 1), (1, 2)])
def test_scaling_by_one_number_is_exact_too(features: int, count: int, tmp_path: Path) -> None:
    """Which onnxruntime would round to float32."""
    net = LayeredNet([nn.Linear(features, 4, bias=False)], nn.Linear(4, count, bias=False), features=(features,)).double()
    before, after = (
        Standardise(*(torch.rand(2, n, generator=seeded(n), dtype=torch.float64) + 0.1)) for n in (features, count)
    )
    x = data(net, 6)
    found = session(save_onnx(net, tmp_path / "n.onnx", inputs=before, outputs=after))(x)
    torch.testing.assert_close(found, to_module(net, inputs=before, outputs=after)(x).detach(), rtol=1e-13, atol=1e-13)


def test_a_program_needs_no_onward(tmp_path: Path) -> None:
    net = mixer((3, 8, 8), 3, width=8, depth=1)
    save(net, tmp_path / "net.pt2")
    code = "import sys, torch; p = torch.export.load(sys.argv[1]).module(); print(p(torch.ones(3, 3, 8, 8)).shape, 'onward' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "net.pt2")], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "torch.Size([3, 3]) False"


def test_no_file_names_the_machine_that_wrote_it(tmp_path: Path) -> None:
    written = [save(own(), tmp_path / f"net{suffix}").read_bytes() for suffix in (".pt2", ".onnx")]
    for place in (str(Path.home()), str(Path(torch.__file__).parent), __file__):
        assert not any(place.encode() in content for content in written)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cumsum(self.map(x), 1)


class Looking(Twice):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.map(x) if x.sum() > 0 else x


def of(block: nn.Module) -> LayeredNet:
    return LayeredNet([block], nn.Linear(4, 2), features=(4,))


def test_what_has_no_like_is_refused_by_name_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="ONNX is written without a like of the operation aten.cumsum.default; to_module and"
    ):
        save_onnx(of(Twice()), tmp_path / "n.onnx")
    torch.testing.assert_close(to_program(of(Twice())).module()(torch.ones(3, 4)).shape, torch.Size([3, 2]))
    with pytest.raises(
        ValueError, match="torch.export cannot trace this net for batches of any size; to_module takes it"
    ) as no:
        save_program(of(Looking()), tmp_path / "n.pt2")
    assert "\n" not in str(no.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: to_module(mlp(3, (4,), None)), "only a net with a head can be exported; this one has none"),
        (lambda: to_module(_broken()), "only finite weights can be exported, got nan in blocks.0.0.weight"),
        (lambda: to_module(mlp(3, (4,), 2), inputs=_scaling(2)), r"the shift of the inputs must hold 3 numbers, got shape \(2,\)"),
        (lambda: to_module(cnn((1, 4, 4), 2), inputs=_scaling(16)), r"scaling is that of vectors, but an .* has shape \[1, 4, 4\]"),
        (lambda: to_module(mlp((2, 3), (4,), 2))(torch.zeros(2, 6)), r"expected an input of shape batch x 2 x 3, got \(2, 6\)"),
        (lambda: save_onnx(mlp(3, (4,), 2).half(), "n.onnx"), "holds torch.float32 or .*float16"),
        (lambda: save(mlp(3, (4,), 2), "n.c"), r"\.c is a form of meshes, and this is a layered net; .* \.pt2 or \.onnx"),
        (lambda: save(mlp(3, (4,), 2), "n.onx"), "did you mean '.onnx'"),
    ],
)  # fmt: skip
def test_what_cannot_leave_is_refused_in_one_sentence(
    make: Callable[[], Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        make()
    assert not list(tmp_path.iterdir())


def _broken() -> LayeredNet:
    net = mlp(3, (4,), 2)
    next(net.parameters()).data[0] = torch.nan
    return net


def _scaling(size: int) -> Standardise:
    return Standardise(torch.zeros(size).double(), torch.ones(size).double())
