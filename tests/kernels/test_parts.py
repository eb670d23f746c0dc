"""A gradient that is made part by part is the gradient: within any budget, by any threads, and no edge that matters is left out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from onward import graphs
from onward.kernels import losses
from onward.kernels.parts import Parts
from onward.kernels.plan import plan
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_only import ForwardOnly
from onward.meters.over_time import course
from onward.nets.mesh import MeshNet


def sparse_mesh(generator: torch.Generator, *, hidden: str = "tanh") -> MeshNet:
    blocks = {"input-hidden": 0.3, "hidden-hidden": 0.15, "hidden-output": 0.3, "output-hidden": 0.1, "input-output": 1.0}
    bias = bool(
        torch.rand((), generator=generator) < 0.5
    )  # without one, sigmoid neurons speak although nothing reaches them
    topology = graphs.random(5, 12, 3, blocks, generator=generator, bias=bias)
    return MeshNet(topology, 3, hidden=hidden, generator=generator, dtype=torch.float64)


def batch(net: MeshNet, generator: torch.Generator, examples: int = 7) -> tuple[Tensor, Tensor]:
    shape = *net.nets, examples
    x = torch.randn(*shape, net.topology.features, generator=generator, dtype=torch.float64)
    return x, torch.randint(net.topology.outputs, shape, generator=generator)


def gradient(learner: AbstractLearner, *given: Tensor, importance: Tensor | None = None) -> tuple[Tensor, Tensor]:
    (credit,) = learner.credit(*given, importance=importance)
    return credit.loss.detach(), credit.gradients["net.weight"].detach()


@given(
    st.integers(0, 10**6),
    st.sampled_from(["influence", "factored", "sparse", None]),
    st.integers(1, 3),
    st.floats(0, 1),
    st.booleans(),
    st.sampled_from(["tanh", "sigmoid", "relu"]),
)
def test_parts_add_up_to_the_gradient_of_backpropagation(
    seed: int, engine: str | None, threads: int, generous: float, every_tick: bool, hidden: str
) -> None:
    generator = torch.Generator().manual_seed(seed)
    net = sparse_mesh(generator, hidden=hidden)
    loss = losses.every_tick(losses.cross_entropy) if every_tick else losses.cross_entropy
    x, y = batch(net, generator)
    importance = torch.rand(7, generator=generator, dtype=torch.float64)
    least, whole = budgets(net, engine, 7, threads)
    learner = ForwardOnly(net, loss, engine=engine).within(int(least + generous * (whole - least)), threads=threads)
    assert_close(
        gradient(learner, x, y, importance=importance),
        gradient(Backprop(net, loss), x, y, importance=importance),
        rtol=1e-11,
        atol=1e-12,
    )


def budgets(net: MeshNet, engine: str | None, examples: int, threads: int) -> tuple[int, int]:
    """The bytes below which nothing fits, and those from which on nothing is cut."""
    names = [engine] if engine else ["influence", "factored", "sparse"]
    smallest, whole = (
        [plan(net.topology, net.ticks, size, itemsize=8, threads=threads).costs[name].bytes for name in names]
        for size in (1, examples)
    )
    return threads * min(smallest), max(whole)


def test_a_stack_of_nets_and_a_sequence_are_cut_alike(generator: torch.Generator) -> None:
    nets = [sparse_mesh(generator) for _ in range(2)]
    stack = MeshNet.stack([nets[0], nets[0].with_weight(torch.randn_like(nets[0].weight))])
    x = torch.randn(2, 6, 4, 5, generator=generator, dtype=torch.float64)
    y = torch.randint(3, (2, 6, 4), generator=generator)
    loss = losses.every_tick(losses.cross_entropy)
    for engine in ("influence", "factored", "sparse"):
        whole = gradient(ForwardOnly(stack, loss, engine=engine), x, y)
        cut = ForwardOnly(stack, loss, engine=engine).within(200_000, threads=2)
        assert_close(gradient(cut, x, y), whole, rtol=1e-12, atol=1e-13)


def test_an_initial_state_makes_edges_matter_that_would_not(generator: torch.Generator) -> None:
    """From zero nothing is said by hidden neurons before tick 1; from elsewhere it is, and the gradient has to know."""
    blocks = {"input-output": 1.0, "input-hidden": 0.1, "hidden-hidden": 0.1, "hidden-output": 0.3}
    topology = graphs.random(3, 20, 2, blocks, generator=generator)
    net = MeshNet(topology, 2, hidden="tanh", generator=generator, dtype=torch.float64)
    x, y = batch(net, generator)
    initial = torch.randn(7, net.topology.free, generator=generator, dtype=torch.float64)
    learner = ForwardOnly(net, engine="influence")
    from_zero, given = gradient(learner, x, y), gradient(learner, x, y, initial)
    assert_close(given, gradient(Backprop(net), x, y, initial), rtol=1e-11, atol=1e-12)
    assert (from_zero[1] != 0).sum() < (given[1] != 0).sum()


@pytest.mark.parametrize("budget", [20_000, 100_000, 1_000_000])
def test_what_lives_at_a_time_stays_within_the_budget(budget: int, generator: torch.Generator) -> None:
    net = MeshNet(graphs.mesh(5, 40, 3), 6, hidden="tanh", generator=generator)
    x, y = torch.randn(16, 5, generator=generator), torch.randint(3, (16,), generator=generator)

    def lives(learner: ForwardOnly) -> int:
        next(learner.credit(x, y))  # plans, once
        standing = [net.weight, *net.buffers(), x, y]
        followed = course(lambda mark: next(learner.credit(x, y)), standing)
        return followed.peak - followed.standing

    whole = lives(ForwardOnly(net, engine="influence"))
    state = lives_of_state(net, 16)
    assert lives(ForwardOnly(net, engine="influence").within(budget)) <= budget + state < whole


def lives_of_state(net: MeshNet, examples: int) -> int:
    """The dense weights, the state of a batch at a few ticks, and the numbers of the edges: what a budget leaves out."""
    return 4 * (net.topology.neurons * net.topology.free + 8 * examples * net.topology.neurons) + 40 * net.topology.edges


def test_a_budget_that_holds_nothing_is_refused_with_the_least_that_would(generator: torch.Generator) -> None:
    net = sparse_mesh(generator)
    x, y = batch(net, generator)
    with pytest.raises(
        ValueError, match="a budget of 10 bytes holds no part of the gradient; the engine 'influence' takes at least 240"
    ):
        next(ForwardOnly(net).within(10).credit(x, y))
    with pytest.raises(ValueError, match="a budget of 400 bytes holds .* 'factored' takes at least"):
        next(ForwardOnly(net, engine="factored").within(400).credit(x, y))
    with pytest.raises(
        ValueError,
        match=r"a budget must be a whole number of at least 1 \(bytes: .*\), or None for as many as it takes, got 0",
    ):
        ForwardOnly(net).within(0)
    with pytest.raises(ValueError, match="threads must be a whole number of at least 1, got 0"):
        ForwardOnly(net).within(None, threads=0)


def test_parts_cover_every_example_and_edge_once() -> None:
    seen = torch.zeros(7, 10, dtype=torch.int64)
    for examples, edges in Parts(3, 4).cut(7, torch.arange(10)):
        seen[examples, edges.unsqueeze(0)] += 1
    assert (seen == 1).all()


def test_more_threads_than_examples_share_the_edges() -> None:
    topology = graphs.mesh(5, 40, 3)
    assert plan(topology, 3, 1, threads=2, engine="influence").parts["influence"] == Parts(1, -(-topology.edges // 2), 2)
    assert plan(topology, 3, 9, threads=2, engine="influence").parts["influence"] == Parts(5, topology.edges, 2)


def test_the_number_of_threads_is_given_back(generator: torch.Generator) -> None:
    net = sparse_mesh(generator)
    before = torch.get_num_threads()
    gradient(ForwardOnly(net).within(None, threads=2), *batch(net, generator))
    assert torch.get_num_threads() == before


def test_a_jacobian_which_is_not_cut_takes_no_more_within_a_budget(generator: torch.Generator) -> None:
    """A budget that only the influence engine fits, edge by edge, must not make it carry all edges at once."""
    net = MeshNet(graphs.mesh(20, 60, 5), 4, generator=generator)
    x = torch.randn(8, 20, generator=generator)

    def peak(learner: ForwardOnly) -> int:
        learner.jacobian(x)  # plans, once
        followed = course(lambda mark: learner.jacobian(x), [net.weight, *net.buffers(), x])
        return followed.peak - followed.standing

    assert peak(ForwardOnly(net).within(30_000)) == peak(ForwardOnly(net))
