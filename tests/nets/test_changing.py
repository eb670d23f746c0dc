"""A mesh whose graph changes: what is added says nothing yet, to the bit; what is left keeps its weights."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from onward import graphs
from onward.graphs.changes import add_edges, add_neurons, every_edge, keep_edges
from onward.kernels import dynamics
from onward.learners.forward_only import ForwardOnly
from onward.nets.changing import changed, joined, spares, with_neurons
from onward.nets.mesh import MeshNet
from onward.topology import Topology
from tests.kernels.test_reach import reaching_graph

ACTIVATIONS = ["relu", "tanh", "sigmoid", "gelu", "identity"]
DTYPES = [torch.float32, torch.float64]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(
    topology: Topology, seed: int, ticks: int = 3, hidden: str = "tanh", dtype: torch.dtype = torch.float64
) -> MeshNet:
    weight = torch.randn(topology.edges, generator=seeded(seed), dtype=torch.float64)
    return MeshNet(topology, ticks, hidden=hidden, weight=weight, dtype=dtype)


def bits(values: torch.Tensor) -> torch.Tensor:
    return (values + 0.0).view(torch.int32 if values.dtype == torch.float32 else torch.int64)  # -0.0 + 0.0 is 0.0


class InOrder:
    """Weights that what is read is multiplied by, the terms of each sum added one after another."""

    def __init__(self, w: torch.Tensor) -> None:
        self.w, self.shape = w, w.shape

    def __rmatmul__(self, reads: torch.Tensor) -> torch.Tensor:
        total = reads.new_zeros(len(reads), self.w.shape[1])
        for neuron, row in enumerate(self.w):
            total = total + reads[:, neuron : neuron + 1] * row
        return total


def outputs_in_order(net: MeshNet, x: torch.Tensor) -> list[torch.Tensor]:
    clamped, state = net.drive(x)
    w = InOrder(dynamics.matrix(net.weight.detach(), net.wiring))
    return [tick.activity[:, -net.topology.outputs :] for tick in dynamics.run(w, clamped, state, net.activation)]


@given(
    st.integers(0, 10**6), st.booleans(), st.sampled_from([0.3, 0.6]), st.integers(1, 4), st.sampled_from(ACTIVATIONS),
    st.sampled_from(DTYPES), st.sampled_from([1, 7, 33]),
)  # fmt: skip
def test_edges_of_weight_zero_change_no_bit(
    seed: int, clamped: bool, density: float, ticks: int, hidden: str, dtype: torch.dtype, batch: int
) -> None:
    topology = reaching_graph(seed, ticks, clamped=clamped, density=density)
    net = made(topology, seed, ticks, hidden, dtype)
    full = every_edge(topology)
    absent = ~topology.mask[full.source, full.target]
    chosen = absent & (torch.rand(full.edges, generator=seeded(seed)) < 0.5).numpy()
    change = add_edges(topology, full.source[chosen], full.target[chosen])
    larger = changed(net, change)
    x = torch.randn(batch, topology.features, generator=seeded(seed), dtype=dtype)
    y = torch.randint(2, (batch,), generator=seeded(seed))
    assert torch.equal(bits(larger(x).detach()), bits(net(x).detach()))
    old, new = (next(ForwardOnly(one, engine="factored").credit(x, y)) for one in (net, larger))
    stays = torch.tensor(change.origin >= 0)
    assert torch.equal(bits(new.loss), bits(old.loss))
    assert torch.equal(bits(new.gradients["net.weight"][stays]), bits(old.gradients["net.weight"]))


@pytest.mark.parametrize("hidden", ACTIVATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("batch", [1, 32])
def test_spare_neurons_are_taken_into_service_without_changing_a_bit(hidden: str, dtype: torch.dtype, batch: int) -> None:
    """No product changes its shape, so none changes its rounding."""
    net = made(add_neurons(graphs.mesh(3, 20, 2), 4).after, 0, hidden=hidden, dtype=dtype)
    larger = with_neurons(net, 3, generator=seeded(1))
    assert larger.topology == add_neurons(graphs.mesh(3, 23, 2), 1).after, "one is spare still"
    x = torch.randn(batch, 3, generator=seeded(2), dtype=dtype)
    assert torch.equal(bits(larger(x).detach()), bits(net(x).detach()))
    assert larger.states(x)[:, -1, 20:23].any(), "the neurons are at work"


def test_spare_neurons_are_taken_before_new_ones_are_made() -> None:
    spare = add_neurons(graphs.mesh(3, 4, 2), 2).after
    assert spares(spare).tolist() == [8, 9]
    assert joined(spare, 5).after == graphs.mesh(3, 9, 2)
    assert with_neurons(made(spare, 0), 5, generator=seeded()).topology == graphs.mesh(3, 9, 2)


@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.3, 0.6]), st.integers(1, 4), st.integers(1, 20))
def test_new_neurons_leave_the_terms_of_every_sum_as_they_were(
    seed: int, clamped: bool, density: float, ticks: int, count: int
) -> None:
    topology = reaching_graph(seed, ticks, clamped=clamped, density=density)
    net = made(topology, seed, ticks, "relu")
    larger = with_neurons(net, count, generator=seeded(seed))
    x = torch.randn(5, topology.features, generator=seeded(seed), dtype=torch.float64)
    for old, new in zip(outputs_in_order(net, x), outputs_in_order(larger, x), strict=True):
        assert torch.equal(bits(new), bits(old))
    torch.testing.assert_close(larger(x), net(x), rtol=1e-12, atol=1e-13)


def test_new_neurons_are_of_use_at_once() -> None:
    """They are active, and the gradient of their outgoing edges is not zero, while that of their incoming ones is still."""
    net = made(graphs.mesh(3, 4, 2), 0)
    larger = with_neurons(net, 3, generator=seeded())
    topology = larger.topology
    assert topology == graphs.mesh(3, 7, 2)
    first = topology.inputs + 4
    x, y = torch.randn(6, 3, dtype=torch.float64, generator=seeded()), torch.zeros(6, dtype=torch.int64)
    assert larger.states(x)[:, -1, 4:7].all()
    (credit,) = ForwardOnly(larger).credit(x, y)
    new = range(first, first + 3)
    leaves = torch.tensor([s in new and t not in new for s, t in zip(topology.source, topology.target, strict=True)])
    enters = torch.tensor([t in new for t in topology.target])
    assert not larger.weight.detach()[leaves].any()
    assert credit.gradients["net.weight"][leaves].all()
    assert not credit.gradients["net.weight"][enters].any()


@pytest.mark.parametrize(
    "topology", [graphs.layered(2, [3], 2), graphs.recurrent(2, 3, 2), graphs.mesh(2, 3, 2, bias=False)]
)
def test_new_neurons_are_joined_as_hidden_ones_are(topology: Topology) -> None:
    wider = {
        graphs.layered(2, [3], 2): graphs.layered(2, [5], 2),
        graphs.recurrent(2, 3, 2): graphs.recurrent(2, 5, 2),
        graphs.mesh(2, 3, 2, bias=False): graphs.mesh(2, 5, 2, bias=False),
    }
    assert joined(topology, 2).after == wider[topology]


def test_nets_side_by_side_grow_together() -> None:
    nets = [made(graphs.mesh(3, 4, 2), seed) for seed in range(3)]
    larger = with_neurons(MeshNet.stack(nets), 2, generator=seeded())
    x = torch.randn(3, 5, 3, dtype=torch.float64, generator=seeded())
    torch.testing.assert_close(larger(x), MeshNet.stack(nets)(x), rtol=1e-12, atol=1e-13)
    weights = larger.weight.detach()[:, torch.tensor(joined(nets[0].topology, 2).new)]
    assert (weights[0] != weights[1]).any()


def test_what_is_left_keeps_its_weights() -> None:
    net = made(graphs.mesh(2, 3, 2), 0, hidden="relu", dtype=torch.float32)
    kept = (net.weight > 0).numpy()
    less = changed(net, keep_edges(net.topology, kept))
    assert torch.equal(less.weight, net.weight[torch.tensor(kept)])
    assert less.weight.data_ptr() != net.weight.data_ptr()
    assert (less.ticks, less.hidden, less.output, less.weight.dtype) == (3, net.hidden, net.output, torch.float32)


def test_a_mesh_becomes_another_in_place() -> None:
    net = made(graphs.mesh(2, 3, 2), 0)
    parameter, topology = net.weight, graphs.layered(2, [4], 2)
    other = made(topology, 1)
    net.become(topology, other.weight.detach())
    x = torch.randn(4, 2, dtype=torch.float64, generator=seeded())
    assert net.weight is parameter
    assert torch.equal(net(x), other(x))
    net(x).sum().backward()
    other(x).sum().backward()
    assert net.weight.grad is not None
    assert other.weight.grad is not None
    assert torch.equal(net.weight.grad, other.weight.grad)
    assert [name for name, _ in net.named_parameters()] == ["weight"]


def test_a_learner_follows_its_mesh_to_another_graph() -> None:
    """What was planned and laid out for the graph before is not used again."""
    net = made(graphs.mesh(2, 5, 2), 0)
    learners = {engine: ForwardOnly(net, engine=engine) for engine in (None, "sparse", "factored", "influence")}
    x, y = torch.randn(4, 2, dtype=torch.float64, generator=seeded()), torch.tensor([0, 1, 1, 0])
    for learner in learners.values():
        list(learner.credit(x, y))
    other = made(graphs.recurrent(2, 4, 2), 1)
    net.become(other.topology, other.weight.detach())
    (true,) = ForwardOnly(other, engine="influence").credit(x, y)
    for learner in learners.values():
        (found,) = learner.credit(x, y)
        torch.testing.assert_close(found.gradients["net.weight"], true.gradients["net.weight"], rtol=1e-11, atol=1e-13)


NET = MeshNet(graphs.mesh(2, 3, 2), 3)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: changed(NET, add_neurons(graphs.mesh(2, 2, 2), 1)), "does not suit a mesh of Topology: 8 neurons"),
        (
            lambda: changed(NET, joined(NET.topology, 1), torch.zeros(3)),
            r"one weight for each of 14 new edges, got shape \(3,\)",
        ),
        (lambda: with_neurons(NET, 0, generator=seeded()), "neurons must be a whole number of at least 1, got 0"),
        (
            lambda: changed(NET, keep_edges(NET.topology, NET.topology.source > 2)),
            "no input can reach output 0 within 3 ticks: there is no path",
        ),
        (lambda: NET.become(graphs.mesh(3, 3, 2), torch.zeros(48)), "features would be 3, not 2"),
        (lambda: NET.become(graphs.mesh(2, 3, 3), torch.zeros(54)), "outputs would be 3, not 2"),
        (lambda: NET.become(graphs.mesh(2, 3, 2), torch.zeros(2, 40)), r"of nets \[\], got shape \(2, 40\)"),
        (lambda: NET.become(graphs.mesh(2, 3, 2), torch.zeros(39)), "one weight for each of 40 edges"),
    ],
)
def test_what_does_not_fit_is_refused(make, words: str) -> None:
    before = NET.weight.detach().clone()
    with pytest.raises(ValueError, match=words):
        make()
    assert torch.equal(NET.weight, before)
