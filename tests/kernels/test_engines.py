"""Oracle: every engine gives the gradient that autograd finds through the ticks of a dense mesh, to 1e-11 in float64."""

import itertools
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.testing import assert_close

from onward import graphs
from onward.kernels import dynamics, forward_only, losses
from onward.kernels.activations import ACTIVATIONS, Activation, relu, side_by_side
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.topology import Topology
from tests.oracle import LOSSES, relative, targets, truth

ENGINES = sorted(forward_only.ENGINES)
EXACT = 1e-11


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def net_of(topology: Topology, ticks: int, hidden: str = "tanh", output: str = "identity", seed: int = 0) -> MeshNet:
    weight = 0.6 * normal(topology.edges, seed=seed)
    return MeshNet(topology, ticks, hidden=hidden, output=output, weight=weight, dtype=torch.float64)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("ticks", range(1, 7))
@pytest.mark.parametrize("drive", ["static", "sequence", "equation 3"])
@pytest.mark.parametrize("every_tick", [False, True])
def test_engine_equals_autograd_for_every_drive_and_number_of_ticks(
    engine: str, ticks: int, drive: str, every_tick: bool
) -> None:
    topology = graphs.mesh(3, 5, 2)
    if drive == "equation 3":
        topology = graphs.from_mask(np.ones((10, 10)), [0, 1, 2], [8, 9], bias=3, clamped=False)
    net = net_of(topology, ticks)
    x = normal(7, ticks, 3) if drive == "sequence" else normal(7, 3)
    y = targets("cross-entropy", 7, 2, torch.Generator().manual_seed(1))
    loss = losses.every_tick(losses.cross_entropy) if every_tick else losses.cross_entropy
    found = next(ForwardOnly(net, loss, engine=engine).credit(x, y))
    true = truth(
        topology, net.weight.detach(), x, y, ticks, hidden="tanh", output="identity", loss="cross-entropy",
        every_tick=every_tick,
    )  # fmt: skip
    assert true.alive
    assert relative(found.gradients["net.weight"], true.gradient) < EXACT
    torch.testing.assert_close(found.loss, true.loss, rtol=1e-12, atol=0)
    torch.testing.assert_close(net(x).detach(), true.outputs[-1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("hidden", "output"), list(itertools.product(sorted(ACTIVATIONS), repeat=2)))
def test_engine_equals_autograd_for_every_activation(engine: str, hidden: str, output: str) -> None:
    topology = graphs.mesh(3, 6, 2)
    net = net_of(topology, 4, hidden, output, seed=3)
    x, y = normal(9, 3), targets("mean squared error", 9, 2, torch.Generator().manual_seed(1))
    found = next(ForwardOnly(net, "mean squared error", engine=engine).credit(x, y))
    true = truth(topology, net.weight.detach(), x, y, 4, hidden=hidden, output=output, loss="mean squared error")
    assert true.alive
    assert true.gradient.norm() > 1e-3
    assert relative(found.gradients["net.weight"], true.gradient) < EXACT


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("every_tick", [False, True])
def test_engine_equals_autograd_for_every_loss(engine: str, loss: str, every_tick: bool) -> None:
    topology = graphs.recurrent(3, 6, 4)
    net = net_of(topology, 3)
    x, y = normal(5, 3), targets(loss, 5, 4, torch.Generator().manual_seed(2))
    chosen = losses.every_tick(losses.find(loss)) if every_tick else losses.find(loss)
    found = next(ForwardOnly(net, chosen, engine=engine).credit(x, y))
    true = truth(topology, net.weight.detach(), x, y, 3, hidden="tanh", output="identity", loss=loss, every_tick=every_tick)
    assert true.alive
    assert relative(found.gradients["net.weight"], true.gradient) < EXACT
    torch.testing.assert_close(found.loss, true.loss, rtol=1e-12, atol=0)


@pytest.mark.parametrize("engine", [*ENGINES, "backprop"])
@pytest.mark.parametrize("loss", ["cross-entropy", "mean squared error"])
def test_every_tick_may_have_a_target_of_its_own(engine: str, loss: str) -> None:
    net = net_of(graphs.recurrent(3, 6, 2), 5)
    x = normal(4, 5, 3)
    y = torch.stack([targets(loss, 4, 2, torch.Generator().manual_seed(t)) for t in range(5)], dim=1)
    chosen = losses.every_tick(losses.find(loss))
    learner = Backprop(net, chosen) if engine == "backprop" else ForwardOnly(net, chosen, engine=engine)
    found = next(learner.credit(x, y))
    outputs = net.states(x)[:, 1:, -2:]
    value = torch.stack([LOSSES[loss](outputs[:, t], y[:, t]) for t in range(5)]).mean()
    (true,) = torch.autograd.grad(value, net.weight)
    assert relative(found.gradients["net.weight"], true) < EXACT
    torch.testing.assert_close(found.loss, value.detach(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_engine_starts_from_an_initial_state(engine: str) -> None:
    topology = graphs.mesh(2, 4, 2)
    net = net_of(topology, 3)
    x, y, initial = normal(5, 2), torch.tensor([0, 1, 1, 0, 1]), normal(5, 6, seed=9)
    found = next(ForwardOnly(net, engine=engine).credit(x, y, initial))
    true = truth(
        topology, net.weight.detach(), x, y, 3, hidden="tanh", output="identity", loss="cross-entropy", initial=initial
    )
    assert relative(found.gradients["net.weight"], true.gradient) < EXACT
    without = next(ForwardOnly(net, engine=engine).credit(x, y))
    assert relative(without.gradients["net.weight"], true.gradient) > 1e-3


@pytest.mark.parametrize("engine", ENGINES)
def test_user_activation_is_used_with_its_own_slope(engine: str) -> None:
    softplus = Activation("softplus", torch.nn.functional.softplus, torch.sigmoid)
    net = MeshNet(graphs.mesh(2, 4, 2), 3, hidden=softplus, output=softplus, dtype=torch.float64)
    x, y = normal(5, 2), normal(5, 2, seed=1)
    found = next(ForwardOnly(net, "mean squared error", engine=engine).credit(x, y)).gradients["net.weight"]
    value = (net(x) - y).square().mean()
    (true,) = torch.autograd.grad(value, net.weight)
    assert relative(found, true) < EXACT


class Case(NamedTuple):
    """A random graph (any density, cycles, self-loops, unreachable neurons, no hidden neurons) and a way to use it."""

    inputs: int
    hidden: int
    outputs: int
    bias: bool
    clamped: bool
    density: float
    ticks: int
    sequence: bool
    hidden_activation: str
    output_activation: str
    loss: str
    every_tick: bool
    seed: int

    def topology(self) -> Topology:
        first = self.inputs + self.bias
        n = first + self.hidden + self.outputs
        mask = np.random.default_rng(self.seed).random((n, n)) < self.density
        mask[:, : first * self.clamped] = False
        counts = (first, self.hidden, self.outputs)
        return Topology(*counts, *np.nonzero(mask), bias=self.bias, clamped=self.clamped)


CASES = st.builds(
    Case,
    inputs=st.integers(1, 3),
    hidden=st.integers(0, 6),
    outputs=st.integers(1, 3),
    bias=st.booleans(),
    clamped=st.booleans(),
    density=st.sampled_from([0.15, 0.4, 0.8, 1.0]),
    ticks=st.integers(1, 6),
    sequence=st.booleans(),
    hidden_activation=st.sampled_from(sorted(ACTIVATIONS)),
    output_activation=st.sampled_from(sorted(ACTIVATIONS)),
    loss=st.sampled_from(sorted(LOSSES)),
    every_tick=st.booleans(),
    seed=st.integers(0, 2**20),
)


@given(CASES)
def test_engines_equal_autograd_on_random_graphs(case: Case) -> None:
    topology = case.topology()
    assume(topology.edges)
    b, ticks = 4, case.ticks
    sequence = case.sequence and case.clamped
    weight = 0.5 * normal(topology.edges, seed=case.seed)
    x = normal(b, *([ticks] if sequence else []), topology.features, seed=case.seed + 1)
    y = targets(case.loss, b, topology.outputs, torch.Generator().manual_seed(case.seed))
    hidden, output = case.hidden_activation, case.output_activation
    true = truth(topology, weight, x, y, ticks, hidden=hidden, output=output, loss=case.loss, every_tick=case.every_tick)
    loss = losses.every_tick(losses.find(case.loss)) if case.every_tick else losses.find(case.loss)
    activation = side_by_side(ACTIVATIONS[hidden], ACTIVATIONS[output], topology.outputs)
    wiring = dynamics.wiring_of(topology)
    clamped = x.movedim(1, 0) if sequence else x.expand(ticks, *x.shape)
    if topology.bias:
        clamped = torch.cat([clamped, torch.ones(ticks, b, 1, dtype=torch.float64)], -1)
    initial = torch.zeros(b, topology.free, dtype=torch.float64)
    if not topology.clamped:
        initial[:, : topology.inputs] = clamped[0]
        clamped = clamped[..., :0]
    for engine in forward_only.ENGINES.values():
        value, gradient = forward_only.loss_and_gradient(weight, wiring, clamped, initial, activation, loss, y, engine)
        torch.testing.assert_close(value, true.loss, rtol=EXACT, atol=1e-14 * true.outputs.abs().max().item())
        assert (gradient - true.gradient).norm() <= EXACT * true.gradient.norm() + 1e-15


def test_random_graphs_are_alive_often_enough_to_mean_something() -> None:
    """Guard of the test above: of its kind of cases, most have a gradient that is not zero."""
    moving, alive, count = 0, 0, 300
    rng = np.random.default_rng(0)
    acts, kinds = sorted(ACTIVATIONS), sorted(LOSSES)
    for seed in range(count):
        sizes = (int(rng.integers(1, 4)), int(rng.integers(0, 7)), int(rng.integers(1, 4)))
        bits = [bool(bit) for bit in rng.integers(0, 2, 4)]
        names = (str(rng.choice(acts)), str(rng.choice(acts)), str(rng.choice(kinds)))
        density, ticks = float(rng.choice([0.15, 0.4, 0.8, 1.0])), int(rng.integers(1, 7))
        case = Case(*sizes, bits[0], bits[1], density, ticks, False, *names, bits[3], seed)
        topology = case.topology()
        if not topology.edges:
            continue
        y = targets(case.loss, 4, topology.outputs, torch.Generator().manual_seed(seed))
        true = truth(
            topology, 0.5 * normal(topology.edges, seed=seed), normal(4, topology.features, seed=seed + 1), y, ticks,
            hidden=names[0], output=names[1], loss=names[2], every_tick=bits[3],
        )  # fmt: skip
        moving += bool(true.gradient.norm() > 1e-6)
        alive += true.alive
    assert moving > 0.6 * count
    assert alive > 0.8 * count


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("ticks", [1, 2, 5])
def test_jacobian_equals_autograd_output_by_output(engine: str, ticks: int) -> None:
    net = net_of(graphs.mesh(2, 5, 3), ticks)
    x = normal(4, 2)
    found = ForwardOnly(net, engine=engine).jacobian(x)
    outputs = net(x)
    for b, o in itertools.product(range(4), range(3)):
        (row,) = torch.autograd.grad(outputs[b, o], net.weight, retain_graph=True)
        assert relative(found[b, o], row) < EXACT


@pytest.mark.parametrize("engine", ENGINES)
def test_float32_agrees_with_float64_to_its_precision(engine: str) -> None:
    net = net_of(graphs.mesh(3, 8, 2), 3)
    x, y = normal(6, 3), torch.tensor([0, 1, 0, 1, 1, 0])
    exact = next(ForwardOnly(net, engine=engine).credit(x, y)).gradients["net.weight"]
    single = net.with_weight(net.weight.detach().float())
    found = next(ForwardOnly(single, engine=engine).credit(x.float(), y)).gradients["net.weight"]
    assert found.dtype == torch.float32
    assert relative(found.double(), exact) < 1e-5


@pytest.mark.parametrize("engine", ["influence", "factored"])  # the pattern of the sparse one follows from values
def test_engine_stays_on_the_device_of_the_weights(engine: str) -> None:
    """The meta device holds shapes only: a tensor made on the CPU by mistake would be refused there."""
    net = MeshNet(graphs.mesh(3, 5, 2), 4, device="meta")
    x, y = torch.empty(6, 3, device="meta"), torch.empty(6, dtype=torch.int64, device="meta")
    found = next(ForwardOnly(net, engine=engine).credit(x, y))
    assert found.gradients["net.weight"].device.type == "meta"
    assert found.gradients["net.weight"].shape == net.weight.shape


@pytest.mark.parametrize("engine", ENGINES)
def test_nets_side_by_side_have_the_gradients_of_each_alone(engine: str) -> None:
    topology = graphs.mesh(2, 5, 2)
    nets = [net_of(topology, 3, seed=seed) for seed in range(4)]
    x, y = normal(4, 6, 2), torch.randint(2, (4, 6), generator=torch.Generator().manual_seed(0))
    together = next(ForwardOnly(MeshNet.stack(nets), engine=engine).credit(x, y))
    for k, net in enumerate(nets):
        alone = next(ForwardOnly(net, engine=engine).credit(x[k], y[k]))
        torch.testing.assert_close(together.loss[k], alone.loss, rtol=1e-12, atol=0)
        assert relative(together.gradients["net.weight"][k], alone.gradients["net.weight"]) < 1e-12


SILENT = {
    "outputs that feed nobody": graphs.random(3, 6, 2, 0.7, generator=torch.Generator().manual_seed(0)),
    "outputs and the last hidden neurons feed nobody": Topology(1, 4, 2, *np.array([(0, 1), (1, 2), (2, 2), (0, 4), (1, 5), (2, 6)]).T),
    "a hidden neuron among those that speak feeds nobody": Topology(1, 3, 1, *np.array([(0, 1), (0, 2), (0, 3), (1, 4), (3, 4)]).T),
    "inputs alone feed somebody": graphs.layered(3, [], 2),
    "the last output feeds a hidden neuron": Topology(1, 2, 2, *np.array([(0, 1), (1, 2), (2, 3), (2, 4), (4, 1)]).T),
    "inputs are free": graphs.from_mask(np.triu(np.ones((7, 7))), [0, 1, 2], [5, 6], clamped=False),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("ticks", range(1, 6))
@pytest.mark.parametrize("every_tick", [False, True])
@pytest.mark.parametrize("name", SILENT)
def test_neurons_that_feed_nobody_change_nothing(engine: str, ticks: int, every_tick: bool, name: str) -> None:
    topology = SILENT[name]
    weight, activation = normal(topology.edges), ACTIVATIONS["sigmoid"]
    x = normal(4, *([ticks] if topology.clamped else []), topology.features)
    y = targets("cross-entropy", 4, topology.outputs, torch.Generator().manual_seed(1))
    true = truth(
        topology, weight, x, y, ticks, hidden="sigmoid", output="sigmoid", loss="cross-entropy", every_tick=every_tick
    )
    clamped = torch.nn.functional.pad(x.movedim(1, 0) if topology.clamped else x, (0, int(topology.bias)), value=1.0)
    initial = None
    if not topology.clamped:
        initial = torch.nn.functional.pad(x, (0, topology.free - topology.inputs))
        clamped = x.new_zeros(ticks, 4, 0)
    loss = losses.every_tick(losses.cross_entropy) if every_tick else losses.cross_entropy
    given = weight, dynamics.wiring_of(topology), clamped, initial, activation
    _, gradient = forward_only.loss_and_gradient(*given, loss, y, forward_only.ENGINES[engine])
    assert (gradient - true.gradient).norm() <= EXACT * true.gradient.norm()
    if not every_tick:
        _, jacobian = forward_only.outputs_and_jacobian(*given, forward_only.ENGINES[engine])
        error = losses.cross_entropy(true.outputs[-1], y)[1]
        assert_close(torch.einsum("boe,bo->e", jacobian, error), gradient, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("every_tick", [False, True])
def test_inputs_that_stand_still_are_a_sequence_of_the_same(engine: str, every_tick: bool) -> None:
    """Whether they are held by the net, share memory, or are copies."""
    net = net_of(graphs.recurrent(3, 6, 2), 4)
    x, y = normal(5, 3), torch.tensor([0, 1, 1, 0, 1])
    loss = losses.every_tick(losses.cross_entropy) if every_tick else losses.cross_entropy
    learner = ForwardOnly(net, loss, engine=engine)
    shared = x.unsqueeze(1).expand(5, 4, 3)
    found = [next(learner.credit(each, y)) for each in (x, shared, shared.contiguous())]
    for one in found[1:]:
        assert_close(one.loss, found[0].loss, rtol=1e-13, atol=0)
        assert relative(one.gradients["net.weight"], found[0].gradients["net.weight"]) < 1e-13
    assert_close(learner.jacobian(x), learner.jacobian(shared.contiguous()), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("ticks", [1, 2, 4])
def test_rest_is_a_state_of_zeros(engine: str, ticks: int) -> None:
    """Also where a neuron that gets nothing does not stay at zero."""
    net = net_of(graphs.recurrent(3, 6, 2), 4, "sigmoid")
    x, y = normal(5, ticks, 3), torch.tensor([0, 1, 1, 0, 1])
    net._long_enough.add(1)  # where outputs hear nothing of the inputs yet
    clamped, rest = net.drive(x)
    assert rest is None
    given = net.weight, net.wiring, clamped
    after = net.activation, losses.cross_entropy, y, forward_only.ENGINES[engine]
    one = forward_only.loss_and_gradient(*given, None, *after)
    other = forward_only.loss_and_gradient(*given, torch.zeros(5, 8, dtype=torch.float64), *after)
    assert_close(one, other, rtol=1e-13, atol=1e-15)


def test_ticks_read_the_state_of_the_tick_before() -> None:
    """A chain of three free neurons passes its input on by one neuron a tick."""
    wiring = dynamics.wiring_of(Topology(1, 2, 1, np.array([0, 1, 2]), np.array([1, 2, 3])))
    w = dynamics.matrix(torch.ones(3, dtype=torch.float64), wiring)
    clamped = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64).view(3, 1, 1)
    states = [
        tick.activity.flatten().tolist() for tick in dynamics.run(w, clamped, torch.zeros(1, 3, dtype=torch.float64), relu)
    ]
    assert states == [[1, 0, 0], [2, 1, 0], [3, 2, 1]]
