"""A plain module computes bitwise what its net computes."""

import pytest
import torch

from onward import graphs
from onward.exports import PlainMesh, to_module
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise
from tests.exports.meshes import NAMES, SWISH, assert_near, data, net, scaled, scalings, topologies


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("output", [*NAMES, SWISH])
@pytest.mark.parametrize("topology", topologies().values(), ids=topologies())
def test_outputs_are_bitwise_those_of_the_net(topology, output, dtype: torch.dtype) -> None:
    for hidden in [*NAMES, SWISH]:
        one = net(topology, hidden=hidden, output=output, dtype=dtype)
        for examples in (1, 5, 33):
            x = data(one, examples)
            assert torch.equal(to_module(one)(x), one(x))


@pytest.mark.parametrize("ticks", [2, 3, 7])
def test_ticks_are_counted_as_the_net_does(ticks: int) -> None:
    one = net(graphs.cascade(2, 3, 2), ticks=ticks, hidden="tanh")
    x = data(one, 6)
    assert torch.equal(to_module(one)(x), one(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("topology", topologies().values(), ids=topologies())
def test_scaling_is_applied_before_and_undone_after(topology, dtype: torch.dtype) -> None:
    one = net(topology, hidden="tanh", dtype=dtype)
    x, both = data(one, 7), scalings(one)
    assert torch.equal(to_module(one, **both)(x), scaled(one, x, **both))
    inputs, outputs = both["inputs"], both["outputs"]
    exact = one.to(torch.float64)
    found = to_module(exact, inputs=inputs)(x.double()), to_module(exact, outputs=outputs)(x.double())
    assert_near(found[0], exact(inputs.apply(x.double())))
    assert_near(found[1], outputs.undo(exact(x.double())))


def test_matrix_is_a_parameter_of_its_own_and_scaling_is_in_the_state() -> None:
    one = net(graphs.mesh(2, 3, 2))
    module = to_module(one, **scalings(one))
    assert [name for name, _ in module.named_parameters()] == ["matrix"]
    assert set(module.state_dict()) == {"matrix", "input_shift", "input_scale", "output_shift", "output_scale"}
    assert set(to_module(one).state_dict()) == {"matrix"}
    before = module.matrix.detach().clone()
    with torch.no_grad():
        one.weight.zero_()
    assert torch.equal(module.matrix, before)


def test_a_state_can_be_loaded_into_another_module() -> None:
    one, other = net(graphs.mesh(2, 3, 2)), net(graphs.mesh(2, 3, 2), seed=1)
    x, module = data(one, 4), to_module(other, **scalings(other))
    module.load_state_dict(to_module(one, **scalings(one)).state_dict())
    assert torch.equal(module(x), scaled(one, x, **scalings(one)))


def test_printing_says_what_it_is() -> None:
    assert "2 features + bias (clamped), 2 outputs, ticks 4" in str(to_module(net(graphs.mesh(2, 3, 2))))


MESH = graphs.mesh(2, 3, 2)
HALF = Standardise.nothing(2)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: to_module(MeshNet.stack([net(MESH)] * 3)), r"only a single net.*got 3 nets side by side; unstack\(\)"),
        (lambda: to_module(net(MESH))(torch.zeros(4, 3)), r"batch x 2 features, got \(4, 3\)"),
        (lambda: to_module(net(MESH))(torch.zeros(1, 4, 2)), r"batch x 2 features, got \(1, 4, 2\)"),
        (
            lambda: to_module(net(MESH), inputs=Standardise.nothing(3)),
            r"the shift of the inputs must hold 2 numbers.*\(3,\)",
        ),
        (
            lambda: to_module(net(MESH), outputs=HALF._replace(scale=torch.ones(1))),
            r"the scale of the outputs must hold 2 numbers.*\(1,\)",
        ),
        (
            lambda: to_module(net(MESH), inputs=HALF._replace(shift=torch.tensor([0.0, torch.nan]))),
            "the shift of the inputs must be finite in torch.float32, got nan",
        ),
        (
            lambda: to_module(net(MESH), outputs=HALF._replace(scale=torch.tensor([1.0, 1e-80], dtype=torch.float64))),
            "the scale of the outputs must be finite and not 0 in torch.float32, got 0.0",
        ),
        (
            lambda: to_module(net(MESH), outputs=HALF._replace(scale=torch.tensor([1.0, torch.inf]))),
            "the scale of the outputs must be finite and not 0 in torch.float32, got inf",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_diverged_nets_are_refused() -> None:
    one = net(MESH)
    with torch.no_grad():
        one.weight[3] = torch.inf
    with pytest.raises(ValueError, match="only finite weights can be exported, got inf"):
        to_module(one)


def test_it_is_made_of_torch_alone() -> None:
    one = net(MESH)
    module = PlainMesh(to_module(one).matrix.detach(), torch.relu, features=2, outputs=2, bias=True, clamped=True, ticks=1)
    x = data(one, 3)
    expected = MeshNet(MESH, 1, hidden="relu", output="relu", weight=one.weight)(x)
    assert torch.equal(module(x), expected)
