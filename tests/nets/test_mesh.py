"""A mesh holds weights and can be run; what does not fit is refused in one sentence."""

import pickle

import pytest
import torch

from onward import graphs
from onward.kernels.activations import Activation
from onward.nets.mesh import MeshNet
from tests.oracle import truth


def test_states_of_every_tick_can_be_read() -> None:
    net = MeshNet(graphs.mesh(2, 3, 2), 4, hidden="tanh", dtype=torch.float64)
    x, initial = torch.randn(5, 2, dtype=torch.float64), torch.randn(5, 5, dtype=torch.float64)
    states = net.states(x, initial)
    assert states.shape == (5, 5, 5)
    torch.testing.assert_close(states[:, 0], initial, rtol=0, atol=0)
    true = truth(
        net.topology, net.weight.detach(), x, torch.zeros(5, dtype=torch.int64), 4, hidden="tanh", output="identity",
        loss="cross-entropy", initial=initial,
    )  # fmt: skip
    torch.testing.assert_close(states[:, 1:, -2:].movedim(1, 0).detach(), true.outputs)
    torch.testing.assert_close(net(x, initial), states[:, -1, -2:], rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(5, 2), (5, 4, 2)])
def test_outputs_of_every_tick_are_those_of_the_states(shape: tuple[int, ...]) -> None:
    net = MeshNet(graphs.mesh(2, 3, 2), 4, hidden="tanh", dtype=torch.float64)
    x, initial = torch.randn(shape, dtype=torch.float64), torch.randn(5, 5, dtype=torch.float64)
    for given in (None, initial):
        torch.testing.assert_close(net.outputs(x, given), net.states(x, given)[:, 1:, -2:], rtol=0, atol=0)
    assert not net.states(x)[:, 0].any()


def test_the_wiring_follows_the_graph_and_the_device() -> None:
    net = MeshNet(graphs.mesh(2, 3, 2), 4)
    before = net.wiring
    assert net.wiring is before
    assert (before.place == before.source * 5 + before.target).all()
    other = graphs.random(2, 4, 2, 0.7, generator=torch.Generator().manual_seed(0))
    net.become(other, torch.zeros(other.edges))
    assert (net.wiring.free, net.wiring.speaking) == (6, 4)
    assert net.wiring.source.tolist() == other.source.tolist()
    assert {each.device.type for each in net.to("meta").wiring[:3]} == {"meta"}


def test_sequence_brings_its_own_ticks() -> None:
    net = MeshNet(graphs.recurrent(1, 4, 1), 2)
    x = torch.randn(3, 9, 1)
    assert net.states(x).shape == (3, 10, 5)
    held = x[:, :1]
    torch.testing.assert_close(net(held.expand(3, 2, 1)), net(held[:, 0]))


def test_bias_is_fed_by_the_net() -> None:
    net = MeshNet(graphs.layered(1, [], 1), 1, weight=torch.tensor([2.0, 5.0]))
    assert net(torch.tensor([[3.0]])).item() == 11.0


def test_same_generator_same_weights() -> None:
    topology = graphs.mesh(3, 4, 2)
    one, two = (MeshNet(topology, 2, generator=torch.Generator().manual_seed(7)) for _ in range(2))
    other = MeshNet(topology, 2, generator=torch.Generator().manual_seed(8))
    torch.testing.assert_close(one.weight, two.weight, rtol=0, atol=0)
    assert (one.weight != other.weight).any()


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    MeshNet(graphs.mesh(3, 4, 2), 2)
    assert torch.equal(before, torch.random.get_rng_state())


def test_stack_and_unstack() -> None:
    topology = graphs.mesh(2, 3, 2)
    nets = [MeshNet(topology, 3, hidden="tanh", generator=torch.Generator().manual_seed(s)) for s in range(3)]
    stack = MeshNet.stack(nets)
    x = torch.randn(3, 5, 2)
    for k, net in enumerate(stack.unstack()):
        torch.testing.assert_close(net.weight, nets[k].weight, rtol=0, atol=0)
        torch.testing.assert_close(stack(x)[k], nets[k](x[k]))
        assert net.hidden == nets[k].hidden
    with pytest.raises(ValueError, match="only nets of one topology, ticks and activation can be stacked"):
        MeshNet.stack([nets[0], MeshNet(topology, 2, hidden="tanh")])


def test_printing_says_what_it_is() -> None:
    text = str(MeshNet(graphs.mesh(2, 5, 2), 3))
    assert "10 neurons (2 inputs + bias, 5 hidden, 2 outputs), 70 edges" in text
    assert "3 ticks" in text
    assert "relu, outputs identity" in text


MESH = graphs.mesh(2, 3, 2)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MeshNet(MESH, 0), "ticks must be a whole number of at least 1, got 0"),
        (lambda: MeshNet(graphs.layered(2, [3], 1), 1), "no input can reach output 0 within 1 tick"),
        (lambda: MeshNet(MESH, 2, hidden="rleu"), "unknown activation 'rleu'.*did you mean 'relu'"),
        (lambda: MeshNet(MESH, 2, weight=torch.zeros(3)), r"one weight for each of 40 edges, got shape \(3,\)"),
        (lambda: MeshNet(MESH, 2, weight=torch.full((40,), torch.nan)), "weights must be finite in torch.float32, got nan"),
        (lambda: MeshNet(MESH, 2)(torch.zeros(4, 3)), r"batch x 2 features.*, got \(4, 3\)"),
        (lambda: MeshNet(MESH, 2)(torch.zeros(2)), r"got \(2,\)"),
        (lambda: MeshNet(MESH, 2)(torch.zeros(4, 2).double()), "input is torch.float64 but the weights are torch.float32"),
        (lambda: MeshNet(MESH, 2)(torch.zeros(4, 2), torch.zeros(4, 4)), r"initial state of shape \(4, 5\), got \(4, 4\)"),
        (
            lambda: MeshNet(MESH, 2, weight=torch.full((40,), 1e300, dtype=torch.float64)),
            "finite in torch.float32, got inf",
        ),
        (lambda: MeshNet(MESH, 2)(torch.zeros(0, 2)), "a batch needs at least one example, got none"),
        (lambda: MeshNet(MESH, 2)(torch.zeros(4, 2), torch.zeros(4, 5).double()), "the initial state is torch.float64"),
        (lambda: MeshNet.stack([]), "a stack needs at least one net, got none"),
        (lambda: MeshNet(MESH, 2)(torch.zeros(4, 0, 2)), "a sequence needs at least 1 tick, got 0"),
        (lambda: MeshNet(graphs.layered(2, [3], 1), 2)(torch.zeros(4, 1, 2)), "no input can reach output 0 within 1 tick"),
    ],
)
def test_what_does_not_fit_is_refused(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_free_inputs_take_no_sequence() -> None:
    free = graphs.from_mask(torch.ones(4, 4).numpy(), [0], [3], clamped=False)
    with pytest.raises(ValueError, match="a sequence cannot be given"):
        MeshNet(free, 2)(torch.zeros(5, 2, 1))


def test_free_inputs_are_the_initial_state() -> None:
    free = graphs.from_mask(torch.ones(3, 3).numpy(), [0], [2], clamped=False)
    net = MeshNet(free, 1, hidden="identity", weight=torch.arange(9.0))
    states = net.states(torch.tensor([[2.0]]))
    assert states[0].tolist() == [[2, 0, 0], [0, 2, 4]]


def test_user_activation_with_its_slope() -> None:
    square = Activation("square", lambda z: z.square(), lambda z: 2 * z)
    net = MeshNet(graphs.layered(1, [], 1, bias=False), 1, output=square, weight=torch.tensor([3.0]))
    assert net(torch.tensor([[2.0]])).item() == 36.0


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_a_net_can_be_copied_to_another_process(activation: str) -> None:
    net = MeshNet(MESH, 2, hidden=activation, output="identity")
    again = pickle.loads(pickle.dumps(net))  # noqa: S301
    x = torch.randn(3, 2)
    torch.testing.assert_close(again(x), net(x), rtol=0, atol=0)
