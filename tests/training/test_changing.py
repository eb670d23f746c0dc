"""A graph that changes in the middle of training: the run goes on as one of the new graph with the same memory would."""

import copy
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from onward import graphs, mlp
from onward.graphs.changes import add_edges, keep_edges, remove_neurons
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.learners.mono_forward import MonoForward
from onward.learners.online import Online
from onward.nets.changing import changed, joined
from onward.nets.mesh import MeshNet
from onward.nets.pruning import by_magnitude, prunable, vanished
from onward.training import datasets
from onward.training.changing import carry, change_graph
from onward.training.checkpoint import resume, save
from onward.training.data import Dataset, Lesson, Split, stack
from onward.training.edge_schedules import cosine, cubic
from onward.training.fit import Recipe, Training
from onward.training.group_lasso import shrink
from onward.training.second_order import LevenbergMarquardt

OPTIMISERS = {
    "adam": partial(torch.optim.Adam, lr=0.02),
    "amsgrad": partial(torch.optim.Adam, lr=0.02, amsgrad=True),
    "fused": partial(torch.optim.Adam, lr=0.02, fused=True),
    "momentum": partial(torch.optim.SGD, lr=0.05, momentum=0.9),
    "plain": partial(torch.optim.SGD, lr=0.05),
    "rmsprop": partial(torch.optim.RMSprop, lr=0.01, momentum=0.5, centered=True),
}
MESH = graphs.mesh(4, 5, 3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def data() -> Dataset:
    return datasets.iris(0).to(torch.float64)


def mesh(topology=MESH) -> MeshNet:
    return MeshNet(topology, 3, hidden="tanh", dtype=torch.float64)


def begun(optimiser=OPTIMISERS["adam"], net: MeshNet | None = None, **recipe) -> tuple[MeshNet, Training]:
    net = mesh() if net is None else net
    run = Training(ForwardOnly(net), data(), Recipe(optimiser, 8, batch=20, **recipe), generator=seeded())
    return net, run


def after(run: Training, epochs: int) -> None:
    for epoch in run.epochs():
        if epoch.number == epochs:
            return


@pytest.mark.parametrize("name", OPTIMISERS)
def test_edges_go_on_and_new_ones_begin_as_in_a_plain_loop_of_masks(name: str) -> None:
    """Beside it the dense mesh by backpropagation in a plain loop: the weights, gradients and memory of absent edges are held at zero."""
    kept, back = prunable(MESH) & (np.arange(MESH.edges) % 3 > 0), np.arange(MESH.edges) % 6 == 0
    net, run = begun(OPTIMISERS[name])
    masks = {0: np.ones(MESH.edges, dtype=bool), 2: kept, 4: kept | back}
    for epoch in run.epochs():
        if epoch.number == 2:
            change_graph(run, keep_edges(MESH, kept))
        if epoch.number == 4:
            new = np.flatnonzero(back & ~kept)
            change_graph(run, add_edges(net.topology, MESH.source[new], MESH.target[new]))
    dense, split, order = mesh(), data().train, seeded()
    optimiser = OPTIMISERS[name](dense.parameters())
    for number in range(8):
        mask = torch.tensor(masks[max(k for k in masks if k <= number)])
        with torch.no_grad():
            dense.weight.mul_(mask)
        for value in optimiser.state[dense.weight].values():
            if isinstance(value, torch.Tensor) and value.ndim:
                value.mul_(mask)
        for part in torch.randperm(len(split), generator=order).split(20):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(dense(split.x[part]), split.y[part]).backward()
            assert dense.weight.grad is not None
            dense.weight.grad.mul_(mask)
            optimiser.step()
    left = torch.tensor(kept | back)
    torch.testing.assert_close(net.weight, dense.weight[left], rtol=1e-8, atol=1e-10)
    assert net.topology == keep_edges(MESH, kept | back).after


def test_the_memory_of_an_edge_is_carried_by_its_ends_not_by_its_number() -> None:
    net, run = begun()
    after(run, 1)
    memory = run.stepper.state()["optimiser"]["state"][0]
    before = {name: memory[name].clone() for name in ("exp_avg", "exp_avg_sq")}
    step = memory["step"].clone()
    ends = list(zip(MESH.source, MESH.target, strict=True))
    change = joined(MESH, 2).then(remove_neurons(joined(MESH, 2).after, [5]))
    change_graph(run, change)
    memory = run.stepper.state()["optimiser"]["state"][0]
    moved = {old: old - (old > 5) + 2 * (old >= 10) for old in range(13) if old != 5}
    back = {new: old for old, new in moved.items()}
    for name, values in before.items():
        for edge, (s, t) in enumerate(zip(net.topology.source, net.topology.target, strict=True)):
            old = (back.get(int(s)), back.get(int(t)))
            expected = values[ends.index(old)] if old in ends else 0.0
            assert memory[name][edge] == expected
        assert memory[name].any()
    assert torch.equal(memory["step"], step)


def test_between_two_steps_of_an_epoch_will_do() -> None:
    net, run = begun()
    seen = 0
    for number, epoch in enumerate(run.steps()):
        if number == 1:
            assert epoch is None
            change_graph(run, by_magnitude(net, 50))
        seen += 1
    assert prunable(net.topology).sum() == 50
    assert len(run.history) == 8
    assert seen == 8 * 5
    assert run.history[-1].loss < run.history[0].loss


@pytest.mark.parametrize("rule", [ForwardOnly, Backprop])
def test_either_rule_of_a_mesh_goes_on(rule: Callable) -> None:
    net = mesh()
    run = Training(rule(net), data(), Recipe(OPTIMISERS["adam"], 6, batch=20), generator=seeded())
    for epoch in run.epochs():
        change_graph(run, by_magnitude(net, 90 - 10 * epoch.number))
    assert prunable(net.topology).sum() == 30
    assert run.history[-1].loss < run.history[0].loss


def test_second_order_steps_go_on_too() -> None:
    net = mesh()
    run = Training(ForwardOnly(net), data(), Recipe(LevenbergMarquardt(), 6), generator=seeded())
    for epoch in run.epochs():
        if epoch.number == 3:
            change_graph(run, by_magnitude(net, 40))
    assert run.history[-1].loss < run.history[3].loss


def test_nets_side_by_side_take_one_graph() -> None:
    nets = MeshNet.stack([mesh(), mesh()])
    run = Training(
        ForwardOnly(nets),
        stack([data(), data()]),
        Recipe(OPTIMISERS["adam"], 2, batch=20),
        generator=[seeded(0), seeded(1)],
    )
    kept = np.arange(MESH.edges) % 4 > 0
    for epoch in run.epochs():
        if epoch.number == 1:
            before = nets.weight.detach().clone()
            change_graph(run, keep_edges(MESH, kept))
            assert torch.equal(nets.weight, before[:, torch.tensor(kept)])
    assert (nets.weight[0] != nets.weight[1]).any()


def test_a_run_with_another_graph_is_stored_and_goes_on_bitwise(tmp_path) -> None:
    net, run = begun()
    after(run, 1)
    save(run, tmp_path / "before.onward")
    after(run, 2)
    change_graph(run, by_magnitude(net, 40))
    after(run, 4)
    save(run, tmp_path / "after.onward")
    topology = net.topology
    list(run.epochs())
    again, later = begun(net=mesh(topology))
    resume(later, tmp_path / "after.onward")
    list(later.epochs())
    assert torch.equal(again.weight, net.weight)
    _, other = begun()
    with pytest.raises(ValueError, match="other parameters|another mesh"):
        resume(other, tmp_path / "after.onward")


def test_whole_neurons_vanish_and_are_removed_while_training() -> None:
    net, run = begun()
    hidden = []
    for epoch in run.steps():
        shrink(net, 0.03)
        if epoch is not None:
            change_graph(run, vanished(net))
            hidden.append(net.topology.hidden)
    assert hidden == sorted(hidden, reverse=True)
    assert hidden[-1] < 5
    assert net.topology == graphs.mesh(4, hidden[-1], 3), "neurons went whole"


def test_a_group_step_leaves_gradients_and_memory_alone() -> None:
    net, run = begun()
    after(run, 1)
    before = copy.deepcopy(run.stepper.state()["optimiser"])
    weight = net.weight.detach().clone()
    shrink(net, 0.001)
    assert (net.weight.detach().abs() <= weight.abs()).all()
    assert (net.weight != weight).any()
    torch.testing.assert_close(run.stepper.state()["optimiser"], before, rtol=0, atol=0)
    with pytest.raises(ValueError, match="must be at least 0, got -1"):
        shrink(net, -1.0)


def test_schedules_fall_from_first_to_last() -> None:
    edges = [cubic(epoch, first=1000, last=100, begin=5, end=25) for epoch in range(1, 31)]
    assert edges[:5] == [1000] * 5
    assert edges[24:] == [100] * 6
    assert edges == sorted(edges, reverse=True)
    assert edges[14] == 100 + round(900 * 0.5**3)
    parts = [cosine(epoch, first=0.3, end=20) for epoch in range(26)]
    assert parts[0] == 0.3
    assert parts[10] == pytest.approx(0.15)
    assert parts[20:] == [0] * 6
    with pytest.raises(ValueError, match="must end after it begins, got 5 to 5"):
        cubic(1, first=10, last=1, begin=5, end=5)
    with pytest.raises(ValueError, match="must end at epoch 1 or later, got 0"):
        cosine(1, first=0.3, end=0)


def streaming() -> Training:
    net = MeshNet(graphs.recurrent(1, 3, 1), 2)
    learner = Online(net, "mean squared error")
    lesson = Lesson("stream", Split(torch.zeros(2, 3, 1), torch.zeros(2, 1)))
    run = Training(learner, lesson, Recipe(OPTIMISERS["plain"], 1), generator=seeded())
    list(learner.train().credit(torch.zeros(2, 1), torch.zeros(2, 1)))
    return run


def layered() -> Training:
    lesson = Lesson("digits", Split(torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64)))
    learner = MonoForward(mlp(features=3, widths=(4,), outputs=2))
    return Training(learner, lesson, Recipe(OPTIMISERS["plain"], 1), generator=seeded())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: begun(patience=3)[1], "patience keeps the weights of the best epoch, which would be of another graph"),
        (lambda: begun(partial(torch.optim.LBFGS, lr=0.1))[1], "L-BFGS remembers steps through the weights of one graph"),
        (streaming, "the influence that a stream carries is of the edges as they were"),
        (layered, "only the graph of a mesh can change, and MonoForward teaches LayeredNet"),
        (lambda: begun(net=mesh(graphs.mesh(4, 6, 3)))[1], "does not suit a mesh of"),
    ],
)
def test_runs_whose_graph_cannot_change_are_refused(make: Callable[[], Training], words: str) -> None:
    run = make()
    with pytest.raises(ValueError, match=words):
        change_graph(run, remove_neurons(MESH, [6]))


def test_a_change_that_is_refused_leaves_the_run_as_it_was() -> None:
    net, run = begun()
    after(run, 1)
    weight, memory = net.weight.detach().clone(), run.stepper.state()["optimiser"]["state"][0]["exp_avg"].clone()
    with pytest.raises(ValueError, match="no input can reach output 0"):
        change_graph(run, keep_edges(MESH, MESH.source > 4))
    assert torch.equal(net.weight, weight)
    assert net.topology == MESH
    assert torch.equal(run.stepper.state()["optimiser"]["state"][0]["exp_avg"], memory)
    after(run, 2)


def test_an_optimiser_that_has_not_stepped_has_nothing_to_carry() -> None:
    net = mesh()
    optimiser = torch.optim.Adam(net.parameters())
    change = keep_edges(MESH, prunable(MESH))
    carry(optimiser, net.weight, change)
    assert not optimiser.state
    assert changed(net, change).weight.shape == (change.after.edges,)
