"""A C file compiles without a warning, needs no library but the mathematical one, and says what the net says."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from onward import graphs
from onward.exports import to_c
from onward.nets.mesh import MeshNet
from onward.topology import Topology
from tests.exports.meshes import NAMES, SWISH, assert_near, data, free, kinds, net, scaled, scalings

KINDS = list(kinds())
COMPILER = shutil.which("gcc") or shutil.which("cc")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
compiled = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


def program(text: str, folder: Path, *flags: str, name: str = "mesh") -> Path:
    """Compile a C file as a program, under the strictest settings."""
    source = folder / f"{name}.c"
    source.write_text(text, encoding="ascii")
    main = [f"-D{name.upper()}_MAIN", str(source), "-o", str(folder / name), "-lm"]
    done = subprocess.run([str(COMPILER), *STRICT, "-O2", *flags, *main], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return folder / name


def feed(path: Path, x: torch.Tensor) -> list[list[str]]:
    rows = "\n".join(" ".join(f"{value:.17g}" for value in row) for row in x.tolist())
    done = subprocess.run([str(path)], input=rows, capture_output=True, text=True, check=True)
    return [line.split(" ") for line in done.stdout.splitlines()]


def answers(path: Path, x: torch.Tensor) -> torch.Tensor:
    return torch.tensor([[float(value) for value in row] for row in feed(path, x)], dtype=torch.float64).to(x.dtype)


@compiled
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("topology", "hidden", "output"), [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS])
def test_outputs_are_those_of_the_net(topology, hidden: str, output: str, dtype: torch.dtype, tmp_path: Path) -> None:
    one = net(topology, hidden=hidden, output=output, dtype=dtype)
    x = data(one, 9)
    assert_near(answers(program(to_c(one), tmp_path), x), one(x))


@compiled
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("clamped", [True, False])
def test_scaling_is_inside(dtype: torch.dtype, clamped: bool, tmp_path: Path) -> None:
    mesh = graphs.mesh(3, 4, 2)
    one = net(mesh if clamped else free(mesh), hidden="tanh", dtype=dtype)
    x = data(one, 9)
    assert_near(answers(program(to_c(one, **scalings(one)), tmp_path), x), scaled(one, x, **scalings(one)))


@compiled
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_number_reads_back_exactly(dtype: torch.dtype, tmp_path: Path) -> None:
    info = torch.finfo(dtype)
    values = [-0.0, 3.0, 1 / 3, info.max, info.smallest_normal, info.smallest_normal / 8, 1e-30, -1e30, 1e16, -info.eps]
    values += torch.randn(60, generator=torch.Generator().manual_seed(0), dtype=torch.float64).tolist()
    weight = torch.tensor(values, dtype=torch.float64).to(dtype)
    one = MeshNet(graphs.layered(len(values), [], 1, bias=False), 1, weight=weight, dtype=dtype)
    found = answers(program(to_c(one), tmp_path), torch.eye(len(values), dtype=dtype))
    assert found.numpy().tobytes() == (one.weight.detach() + 0.0).unsqueeze(1).numpy().tobytes()
    weights = to_c(one).split("_weight[] = {")[1].split("}")[0].replace("f", "").split(",")
    assert all("." in literal or "e" in literal for literal in weights)  # C takes -0 for a whole number without a sign
    expected = one.weight.detach().numpy()
    assert np.array(weights, dtype=float).astype(expected.dtype).tobytes() == expected.tobytes()


@compiled
def test_the_class_is_the_largest_output_and_can_have_a_name(tmp_path: Path) -> None:
    one = net(graphs.mesh(2, 4, 3), hidden="tanh", seed=1)
    x = data(one, 40)
    names = ['a "b"??/', "*/ %d", "Größe"]
    lines = feed(program(to_c(one, classes=names), tmp_path), x)
    said = [" ".join(line[3:]) for line in lines]
    best = one(x).argmax(1).tolist()
    assert len(set(best)) == 3
    assert said == [names[k] for k in best]


@compiled
def test_the_first_of_equal_outputs_is_the_class(tmp_path: Path) -> None:
    one = MeshNet(graphs.layered(1, [], 3, bias=False), 1, weight=torch.tensor([1.0, 2.0, 2.0]))
    assert feed(program(to_c(one, classes=["a", "b", "c"]), tmp_path), torch.ones(1, 1)) == [["1", "2", "2", "b"]]


USES_TWO = """
#include <stdio.h>
void iris(const double in[], double out[]);
int iris_class(const double in[]);
void wine(const float in[], float out[]);
int wine_class(const float in[]);
int main(void)
{
    const double x[] = {1, 2};
    const float z[] = {3, 4};
    double y[2];
    float w[1];
    iris(x, y);
    wine(z, w);
    printf("%.17g %.17g %d %.9g %d\\n", y[0], y[1], iris_class(x), w[0], wine_class(z));
    return 0;
}
"""


@compiled
def test_two_nets_can_be_called_from_one_program(tmp_path: Path) -> None:
    iris, wine = net(graphs.mesh(2, 3, 2), dtype=torch.float64), net(graphs.mesh(2, 2, 1), seed=1)
    texts = {"iris": to_c(iris, name="iris"), "wine": to_c(wine, name="wine"), "use": USES_TWO}
    for name, text in texts.items():
        (tmp_path / f"{name}.c").write_text(text)
    files = [str(tmp_path / f"{name}.c") for name in texts]
    extra = ["-Wmissing-prototypes", "-Wshadow", "-Wdouble-promotion"]
    subprocess.run([str(COMPILER), *STRICT, *extra[:2], *files, "-o", str(tmp_path / "use")], check=True)
    subprocess.run([str(COMPILER), *STRICT, *extra, "-c", files[1], "-o", str(tmp_path / "wine.o")], check=True)
    said = subprocess.run([str(tmp_path / "use")], capture_output=True, text=True, check=True).stdout.split()
    y, w = iris(torch.tensor([[1.0, 2.0]]).double()), wine(torch.tensor([[3.0, 4.0]]))
    assert_near(torch.tensor([[float(said[0]), float(said[1])]], dtype=torch.float64), y)
    assert int(said[2]) == y.argmax().item()
    assert_near(torch.tensor([[float(said[3])]]), w)
    assert said[4] == "0"


@compiled
def test_relu_and_identity_need_no_library(tmp_path: Path) -> None:
    text = to_c(net(graphs.mesh(2, 3, 2)))
    assert "#include" not in text.split("#ifdef")[0]
    assert "#include <math.h>" in to_c(net(graphs.mesh(2, 3, 2), hidden="gelu"))
    assert "#include <math.h>" not in to_c(net(graphs.mesh(2, 0, 2), hidden="gelu"))
    (tmp_path / "mesh.c").write_text(text)
    object_file = tmp_path / "mesh.o"
    subprocess.run([str(COMPILER), *STRICT, "-c", str(tmp_path / "mesh.c"), "-o", str(object_file)], check=True)
    assert b"malloc" not in object_file.read_bytes()


@compiled
@pytest.mark.parametrize(("rows", "number"), [("1 2\n3", 2), ("1 2\n3 x", 2), ("y", 1)])
def test_a_row_that_is_not_whole_ends_the_program(rows: str, number: int, tmp_path: Path) -> None:
    path = program(to_c(net(graphs.mesh(2, 3, 2))), tmp_path)
    done = subprocess.run([str(path)], input=rows, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"mesh: expected rows of 2 numbers, number {number} of a row is missing\n"
    assert len(done.stdout.splitlines()) == rows.count("\n")


def test_only_the_edges_are_written() -> None:
    text = to_c(net(graphs.random(3, 8, 2, 0.3, generator=torch.Generator().manual_seed(0))))
    weights = text.split("_weight[] = {")[1].split("}")[0]
    edges = graphs.random(3, 8, 2, 0.3, generator=torch.Generator().manual_seed(0)).edges
    assert len(weights.split(",")) == edges < 140


MESH = graphs.mesh(2, 3, 2)


@pytest.mark.parametrize("name", ["2nd", "a-b", "", "größe", "_net", "a b", "net\n"])
def test_names_that_are_no_identifiers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name must be a C identifier .letters, digits, _, a letter first., got "):
        to_c(net(MESH), name=name)


@pytest.mark.parametrize("name", ["while", "main", "tanhf", "printf", "in", "state"])
def test_names_that_are_taken_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"a C identifier that is free, got '{name}'"):
        to_c(net(MESH), name=name)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: to_c(net(MESH, hidden=SWISH)), "C knows the activations .* got a function of one's own, 'swish'"),
        (
            lambda: to_c(net(MESH, dtype=torch.float16)),
            "C holds torch.float32 or torch.float64, got a net in torch.float16",
        ),
        (lambda: to_c(MeshNet.stack([net(MESH)] * 2)), "only a single net can be exported, got 2 nets"),
        (lambda: to_c(net(MESH), classes=["a"]), "classes must name all 2 outputs, got 1"),
        (lambda: to_c(net(MESH), classes=[]), "classes must name all 2 outputs, got 0"),
    ],
)
def test_what_c_cannot_hold_is_refused(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


@compiled
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_of_every_kind(seed: int, tmp_path: Path) -> None:
    one = draw(seed)
    x = data(one, 20)
    both = scalings(one) if seed % 2 else None
    optimised = ["-O0", "-Os", "-O2"][seed % 3]
    path = program(to_c(one, **(both or {})), tmp_path, optimised)
    assert_near(answers(path, x), scaled(one, x, **both) if both else one(x))


@compiled
@pytest.mark.slow
def test_counts_beyond_small_integers(tmp_path: Path) -> None:
    for hidden in (12, 300):
        one = net(graphs.mesh(4, hidden, 3), ticks=2, hidden="tanh", dtype=torch.float64)
        x = data(one, 3)
        assert_near(answers(program(to_c(one), tmp_path), x), one(x))


def draw(seed: int) -> MeshNet:
    """A net of a random graph, dtype, number of ticks and activations."""
    generator = np.random.default_rng(seed)
    features, hidden, outputs = (int(count) for count in generator.integers([1, 0, 1], [5, 12, 4]))
    bias, dtype = bool(seed & 4), [torch.float32, torch.float64][seed & 1]
    density = float(generator.uniform(0.3, 1))
    topology: Topology = graphs.random(
        features, hidden, outputs, density, generator=torch.Generator().manual_seed(seed), bias=bias
    )
    if seed & 8:
        topology = free(topology)
    names = generator.choice(NAMES, 2)
    for ticks in range(int(generator.integers(1, 6)), 12):
        try:
            return net(topology, ticks=ticks, hidden=names[0], output=names[1], dtype=dtype, seed=seed)
        except ValueError:
            continue
    return draw(seed + 1000)
