"""Levenberg-Marquardt: the step solves its system, only better weights are kept, chunks and stacks change nothing."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from onward import graphs
from onward.kernels import losses
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.meters.over_time import course
from onward.nets.mesh import MeshNet
from onward.training import datasets
from onward.training.data import Dataset, Lesson, Split, stack
from onward.training.fit import Recipe, fit
from onward.training.second_order import DampedSteps, LevenbergMarquardt, damped_step


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net(seed: int = 0, features: int = 2, outputs: int = 2, hidden: int = 5) -> MeshNet:
    topology = graphs.mesh(features, hidden, outputs)
    return MeshNet(topology, 3, hidden="tanh", generator=seeded(seed), dtype=torch.float64)


def spirals(seed: int = 0) -> Dataset:
    return datasets.spirals(seed).to(torch.float64)


def test_a_linear_net_reaches_least_squares_in_one_step() -> None:
    """With identity neurons and squared error the quadratic is the loss, so an undamped step lands on the normal equations."""
    x = torch.randn(30, 3, dtype=torch.float64, generator=seeded(1))
    y = torch.randn(30, 2, dtype=torch.float64, generator=seeded(2))
    linear = MeshNet(graphs.layered(3, [], 2), 1, hidden="identity", dtype=torch.float64)
    learner = ForwardOnly(linear, losses.mean_squared_error)
    steps = DampedSteps(learner, LevenbergMarquardt(damping=1e-12))
    steps.step(x, y, None)
    design = torch.cat([x, torch.ones(30, 1, dtype=torch.float64)], 1)
    best = torch.linalg.lstsq(design, y).solution
    torch.testing.assert_close(learner.scores(x), design @ best, rtol=1e-8, atol=1e-9)


def test_the_penalty_makes_it_ridge_regression() -> None:
    x = torch.randn(30, 3, dtype=torch.float64, generator=seeded(1))
    y = torch.randn(30, 1, dtype=torch.float64, generator=seeded(2))
    linear = MeshNet(graphs.layered(3, [], 1, bias=False), 1, hidden="identity", dtype=torch.float64)
    settings = LevenbergMarquardt(damping=1e-12, penalty=0.3)
    DampedSteps(ForwardOnly(linear, losses.mean_squared_error), settings).step(x, y, None)
    ridge = torch.linalg.solve(x.T @ x * 2 / 30 + 0.3 * torch.eye(3), x.T @ y * 2 / 30)
    torch.testing.assert_close(linear.weight.detach(), ridge.squeeze(1), rtol=1e-8, atol=1e-9)


def test_the_step_solves_the_damped_system_and_is_0_where_it_cannot() -> None:
    factor = torch.randn(2, 6, 6, dtype=torch.float64, generator=seeded(0))
    curvature, gradient = factor.mT @ factor, torch.randn(2, 6, dtype=torch.float64, generator=seeded(1))
    damping = torch.tensor([0.1, 10.0], dtype=torch.float64)
    step = damped_step(gradient, curvature, damping)
    for k in range(2):
        system = curvature[k] + damping[k] * torch.eye(6, dtype=torch.float64)
        torch.testing.assert_close(system @ step[k], gradient[k], rtol=1e-9, atol=1e-10)
    assert torch.equal(damped_step(gradient, -curvature, damping * 0), torch.zeros(2, 6, dtype=torch.float64))


def test_the_loss_never_rises() -> None:
    seen = [
        epoch.loss.item()
        for epoch in fit(ForwardOnly(net()), spirals(), Recipe(LevenbergMarquardt(), 60), generator=seeded(0))
    ]
    assert all(later <= earlier for earlier, later in pairwise(seen))
    assert seen[-1] < 0.2 * seen[0]


def test_it_trains_spirals_with_five_hidden_neurons() -> None:
    """Three starts, the best by validation: beyond what Adam reaches with five neurons (0.92)."""
    starts = MeshNet.stack([net(seed) for seed in range(3)])
    data = stack([spirals()] * 3)
    learner = ForwardOnly(starts)
    list(fit(learner, data, Recipe(LevenbergMarquardt(), 120, patience=120), generator=[seeded(0)] * 3))
    chosen = learner.loss(learner.scores(data.validation.x), data.validation.y)[0].argmin()  # pyright: ignore[reportOptionalMemberAccess]
    right = (learner.scores(data.test.x).argmax(-1) == data.test.y).double().mean(-1)[chosen]
    assert right > 0.985


def test_nets_side_by_side_train_as_each_alone() -> None:
    recipe = Recipe(LevenbergMarquardt(), 25, batch=200, patience=5)
    together = MeshNet.stack([net(seed) for seed in range(3)])
    list(fit(ForwardOnly(together), stack([spirals(s) for s in range(3)]), recipe, generator=[seeded(s) for s in range(3)]))
    for seed, its in enumerate(together.unstack()):
        alone = net(seed)
        list(fit(ForwardOnly(alone), spirals(seed), recipe, generator=seeded(seed)))
        torch.testing.assert_close(its.weight, alone.weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_chunks_change_nothing_and_bound_the_jacobian(weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    split = spirals().train
    importance = torch.rand(len(split), dtype=torch.float64, generator=seeded(0)) if weighted else None
    lesson = Lesson("spirals", Split(split.x, split.y, importance=importance))
    sizes: list[int] = []
    plain = ForwardOnly.quadratic

    def watched(self: ForwardOnly, x: Tensor, *rest: Tensor, **named: Tensor) -> object:
        sizes.append(len(x) * 2 * self.net.weight.numel() * 8)
        return plain(self, x, *rest, **named)

    weights = []
    for memory in (2**30, 2**16):
        learner = ForwardOnly(net())
        sizes.clear()
        monkeypatch.setattr(ForwardOnly, "quadratic", watched)
        list(fit(learner, lesson, Recipe(LevenbergMarquardt(memory=memory), 3, shuffle=False), generator=seeded(0)))
        assert max(sizes) <= memory
        weights.append(learner.net.weight.detach())
    assert len(sizes) > 30
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-8, atol=1e-9)


def test_a_net_at_rest_ends_the_run() -> None:
    """At a minimum no step lowers the loss; once the damping has risen to its most there is nothing left to do."""
    split = Split(torch.zeros(4, 2, dtype=torch.float64), torch.zeros(4, 2, dtype=torch.float64))
    still = net().with_weight(torch.zeros(net().topology.edges, dtype=torch.float64))
    recipe = Recipe(LevenbergMarquardt(most=1e3), 500)
    epochs = list(fit(ForwardOnly(still, losses.mean_squared_error), Lesson("nothing", split), recipe, generator=seeded(0)))
    assert len(epochs) < 10
    assert torch.equal(still.weight, torch.zeros_like(still.weight))


def test_passes_count_gradients_and_trial_losses() -> None:
    first, *_ = fit(ForwardOnly(net()), spirals(), Recipe(LevenbergMarquardt(trials=1), 1), generator=seeded(0))
    assert first.passes == 2
    *_, last = fit(ForwardOnly(net()), spirals(), Recipe(LevenbergMarquardt(trials=1), 3, batch=100), generator=seeded(0))
    assert last.passes == 6


def test_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="needs the Jacobian that ForwardOnly carries, got Backprop"):
        fit(Backprop(net()), spirals(), Recipe(LevenbergMarquardt(), 1), generator=seeded(0))
    with pytest.raises(ValueError, match="damping must lie between 1e-12 .above 0. and 1000000000000.0, got 0"):
        LevenbergMarquardt(damping=0)
    with pytest.raises(ValueError, match="rise must be above 1 and fall between 0 and 1, got 1 and 0.5"):
        LevenbergMarquardt(rise=1)
    with pytest.raises(ValueError, match="trials must be at least 1, got 0"):
        LevenbergMarquardt(trials=0)
    with pytest.raises(ValueError, match="penalty must be at least 0, got -1"):
        LevenbergMarquardt(penalty=-1)
    with pytest.raises(ValueError, match="sets its own damping; a learning-rate schedule has nothing to act on"):
        replace(Recipe(LevenbergMarquardt(), 1), schedule=torch.optim.lr_scheduler.ConstantLR)


@pytest.mark.parametrize("engine", ["influence", "factored", "sparse", None])
@pytest.mark.parametrize("nets", [1, 2])
def test_a_budget_of_the_learner_cuts_the_quadratic_and_changes_nothing(engine: str | None, nets: int) -> None:
    mesh = net() if nets == 1 else MeshNet.stack([net(seed) for seed in range(nets)])
    lead = mesh.nets
    x = torch.randn(*lead, 23, 2, dtype=torch.float64, generator=seeded(1))
    y = torch.randint(2, (*lead, 23), generator=seeded(2))
    importance = torch.rand(*lead, 23, dtype=torch.float64, generator=seeded(3))
    budget = 100_000 if engine == "sparse" else 40_000
    learner = ForwardOnly(mesh, engine=engine).within(budget * nets)
    steps = DampedSteps(learner, LevenbergMarquardt())
    sizes = [chunk[1].shape[len(lead)] for chunk in steps._chunks(x, y, importance)]
    assert sum(sizes) == 23
    assert 1 < len(sizes) < 23
    whole = ForwardOnly(mesh, engine=engine).quadratic(x, y, importance=importance)
    for found, true in zip(steps._quadratic(x, y, importance), whole, strict=True):
        torch.testing.assert_close(found, true, rtol=1e-12, atol=1e-14)
    largest = [one.narrow(len(lead), 0, max(sizes)) for one in (x, y)]
    learner.quadratic(*largest)  # plans, once
    standing = [mesh.weight, *mesh.buffers(), x, y]
    followed = course(lambda mark: learner.quadratic(*largest), standing)
    curvatures = 4 * whole.curvature.nbytes  # which no cut makes smaller
    assert followed.peak - followed.standing <= budget * nets + curvatures
    assert LevenbergMarquardt().memory > budget * nets


def test_a_budget_below_one_example_is_refused() -> None:
    steps = DampedSteps(ForwardOnly(net()).within(2_500), LevenbergMarquardt())
    with pytest.raises(ValueError, match="a budget of 2500 bytes holds the Jacobian of no example; that of one takes"):
        steps.step(torch.zeros(3, 2, dtype=torch.float64), torch.zeros(3, dtype=torch.int64), None)
