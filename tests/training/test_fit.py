"""The one loop: what it trains equals a plain torch loop, stops when it should, and says when it fails."""

import copy
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor

from onward import graphs
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner, Credit
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.training import datasets
from onward.training.data import Dataset, Lesson, Split, stack
from onward.training.fit import Recipe, Training, TrainingFailed, batches, fit
from onward.training.second_order import LevenbergMarquardt

ADAM = partial(torch.optim.Adam, lr=0.03)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net(seed: int = 0, dtype: torch.dtype = torch.float64) -> MeshNet:
    return MeshNet(graphs.mesh(4, 5, 3), 3, generator=seeded(seed), dtype=dtype)


def data(seed: int = 0) -> Dataset:
    return datasets.iris(seed).to(torch.float64)


def test_it_trains_as_a_plain_torch_loop_does() -> None:
    recipe = Recipe(ADAM, epochs=3, batch=16, schedule=partial(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5))
    ours = net()
    list(fit(ForwardOnly(ours), data(), recipe, generator=seeded(5)))
    theirs, split, order = net(), data().train, seeded(5)
    optimiser = torch.optim.Adam(theirs.parameters(), lr=0.03)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, 1, 0.5)
    for _ in range(3):
        index = torch.randperm(len(split), generator=order)
        for part in index.split(16):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(theirs(split.x[part]), split.y[part]).backward()
            optimiser.step()
        schedule.step()
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.Rprop])
def test_any_optimiser_of_torch_will_do(optimiser: Callable[..., torch.optim.Optimizer]) -> None:
    epochs = list(fit(ForwardOnly(net()), data(), Recipe(partial(optimiser, lr=0.01), epochs=15), generator=seeded(0)))
    assert epochs[-1].loss < epochs[0].loss


def test_nets_side_by_side_train_as_each_alone() -> None:
    """Early stopping at different epochs included: every net ends with the weights it would have had alone."""
    recipe = Recipe(ADAM, epochs=25, batch=20, patience=3)
    seeds = [0, 1, 2, 3]
    together = ForwardOnly(MeshNet.stack([net(seed) for seed in seeds]))
    sets = [data(seed) for seed in seeds]
    history = list(fit(together, stack(sets), recipe, generator=[seeded(seed) for seed in seeds]))
    lengths = set()
    for k, seed in enumerate(seeds):
        alone = ForwardOnly(net(seed))
        epochs = list(fit(alone, sets[k], recipe, generator=seeded(seed)))
        lengths.add(len(epochs))
        torch.testing.assert_close(together.net.weight[k], alone.net.weight, rtol=1e-9, atol=1e-10)
        for mine, theirs in zip(epochs, history, strict=False):
            torch.testing.assert_close(mine.loss, theirs.loss[k], rtol=1e-9, atol=1e-11)
    assert len(lengths) > 1, "the nets must stop at different epochs for this test to mean something"
    assert len(history) == max(lengths)


def test_best_weights_come_back_when_patience_runs_out() -> None:
    recipe = Recipe(partial(torch.optim.Adam, lr=0.3), epochs=60, batch=8, patience=5)
    learner = ForwardOnly(net())
    seen = []
    for epoch in fit(learner, data(), recipe, generator=seeded(0)):
        assert epoch.validation_loss is not None
        seen.append((epoch.validation_loss.item(), epoch.number))
    best_loss, best_epoch = min(seen)
    assert len(seen) == best_epoch + 5 < 60
    validation = data().validation
    assert validation is not None
    loss, _ = learner.loss(learner.scores(validation.x), validation.y)
    assert loss.item() == pytest.approx(best_loss, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_loss_that_stands_still_is_no_better(dtype: torch.dtype) -> None:
    still = Recipe(partial(torch.optim.SGD, lr=0.0), epochs=40, patience=3)
    for seed in range(4):
        data_ = datasets.iris(seed).to(dtype)
        assert len(list(fit(ForwardOnly(net(seed, dtype)), data_, still, generator=seeded(0)))) == 4


def test_without_patience_the_last_weights_stay() -> None:
    long, short = ForwardOnly(net()), ForwardOnly(net())
    *_, last = fit(long, data(), Recipe(ADAM, epochs=4), generator=seeded(0))
    for number, _ in enumerate(fit(short, data(), Recipe(ADAM, epochs=9), generator=seeded(0)), 1):
        if number == 4:
            break
    assert last.number == 4
    torch.testing.assert_close(long.net.weight, short.net.weight, rtol=0, atol=0)


def test_batches_cover_an_epoch_once_each_net_in_its_own_order() -> None:
    split = Split(torch.arange(10.0).view(1, 10, 1).repeat(2, 1, 1), torch.zeros(2, 10, dtype=torch.int64), (2,))
    found = list(batches(split, Recipe(ADAM, 1, batch=4), [seeded(0), seeded(1)]))
    assert [x.shape[1] for x, _, _ in found] == [4, 4, 2]
    whole = torch.cat([x for x, _, _ in found], dim=1).squeeze(-1)
    assert [sorted(row) for row in whole.tolist()] == [list(range(10))] * 2
    assert (whole[0] != whole[1]).any()
    dropped = list(batches(split, Recipe(ADAM, 1, batch=4, shuffle=False, drop_last=True), [seeded(0), seeded(1)]))
    assert torch.cat([x for x, _, _ in dropped], dim=1)[0].flatten().tolist() == list(range(8))


def test_full_batch_is_one_step_an_epoch() -> None:
    split = data().train
    assert len(list(batches(split, Recipe(ADAM, 1), [seeded(0)]))) == 1


def test_every_parcel_is_applied_before_the_next_is_made() -> None:
    class TwoParcels(AbstractLearner):
        def __init__(self) -> None:
            super().__init__()
            self.a = torch.nn.Parameter(torch.zeros(3))
            self.b = torch.nn.Parameter(torch.zeros(3))
            self.loss = ForwardOnly(net()).loss
            self.seen: list[float] = []

        def credit(self, x: Tensor, y: Tensor, *, importance: Tensor | None = None) -> Iterator[Credit]:
            yield Credit(torch.tensor(1.0), {"a": torch.ones(3)})
            self.seen.append(self.a[0].item())
            yield Credit(torch.tensor(3.0), {"b": torch.ones(3)})

        def scores(self, x: Tensor) -> Tensor:
            return x[:, :3] * self.b.detach()

    learner = TwoParcels()
    *_, last = fit(learner, data(), Recipe(partial(torch.optim.SGD, lr=1.0), epochs=2), generator=seeded(0))
    assert learner.seen == [-1.0, -2.0]
    assert learner.b.tolist() == [-2.0] * 3
    assert last.loss == 2.0


def test_loss_that_is_not_finite_ends_training_with_a_sentence() -> None:
    wild = Recipe(partial(torch.optim.SGD, lr=1e12), epochs=50)
    with pytest.raises(
        TrainingFailed, match=r"the (validation )?loss became (nan|inf) in epoch \d+; a smaller learning rate"
    ):
        list(fit(ForwardOnly(net()), data(), wild, generator=seeded(0)))
    both = ForwardOnly(MeshNet.stack([net(0), net(1)]))
    with pytest.raises(TrainingFailed, match=r"the (validation )?loss of net [01] became"):
        list(fit(both, stack([data(0), data(1)]), wild, generator=[seeded(0), seeded(1)]))


class Wild(torch.optim.Optimizer):
    """Makes the first weights NaN after some steps; of a stack, trains the second net meanwhile."""

    def __init__(self, parameters: object, spared_steps: int) -> None:
        super().__init__(parameters, {})  # pyright: ignore[reportArgumentType]
        self.spared_steps = spared_steps

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.spared_steps -= 1
        weight = self.param_groups[0]["params"][0]
        if weight.ndim > 1:
            weight[1] -= 0.05 * weight.grad[1]
        if self.spared_steps < 0:
            weight[0] = torch.nan


def test_weights_that_are_not_finite_end_training_even_after_the_last_step() -> None:
    with pytest.raises(
        TrainingFailed, match="the (validation loss became nan|parameter net.weight is no longer finite) in epoch 1"
    ):
        list(fit(ForwardOnly(net()), data(), Recipe(partial(Wild, spared_steps=0), 1), generator=seeded(0)))


def test_a_net_that_has_stopped_may_run_wild() -> None:
    """Net 0 stands still and stops, then turns to NaN; net 1 goes on undisturbed."""
    learner = ForwardOnly(MeshNet.stack([net(0), net(1)]))
    recipe = Recipe(partial(Wild, spared_steps=6), epochs=20, patience=3)
    epochs = list(fit(learner, stack([data(0), data(1)]), recipe, generator=[seeded(0), seeded(1)]))
    assert len(epochs) == 20
    assert learner.net.weight.isfinite().all()


def test_schedules_that_need_a_loss_get_one() -> None:
    plateau = partial(torch.optim.lr_scheduler.ReduceLROnPlateau, patience=2)
    list(fit(ForwardOnly(net()), data(), Recipe(ADAM, 5, schedule=plateau), generator=seeded(0)))


def test_lbfgs_searches_with_the_loss_and_trains_one_net_at_a_time() -> None:
    search = partial(torch.optim.LBFGS, line_search_fn="strong_wolfe")
    *_, last = fit(ForwardOnly(net()), data(), Recipe(search, 5), generator=seeded(0))
    assert last.loss < 0.05
    assert last.passes > 20
    side_by_side = MeshNet.stack([net(0), net(1)])
    with pytest.raises(
        ValueError, match="LBFGS searches along one line for all nets, so it trains one net at a time, got 2"
    ):
        fit(ForwardOnly(side_by_side), stack([data(0), data(1)]), Recipe(search, 1), generator=[seeded(0)] * 2)


def test_importance_counts_as_repetition_does() -> None:
    """A whole-number importance is the example so many times: same losses, same weights, for every kind of step."""
    split = data().train
    times = torch.arange(len(split)) % 3
    repeated = torch.repeat_interleave(torch.arange(len(split)), times)
    weighted = Dataset("weighted", Split(split.x, split.y, importance=times.double()), split)
    doubled = Dataset("repeated", Split(split.x[repeated], split.y[repeated]), split)
    for optimiser in (ADAM, LevenbergMarquardt(), partial(torch.optim.LBFGS, lr=0.1)):
        nets = [net(), net()]
        for one, examples in zip(nets, (weighted, doubled), strict=True):
            list(fit(ForwardOnly(one), examples, Recipe(optimiser, 4, shuffle=False), generator=seeded(0)))
        torch.testing.assert_close(nets[0].weight, nets[1].weight, rtol=1e-8, atol=1e-9)
        assert (nets[0].weight - net().weight).abs().max() > 1e-3


def test_importance_of_batches_is_measured_against_the_whole() -> None:
    split = Split(torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64), importance=torch.tensor([0.0, 2.0, 4.0, 2.0]))
    found = [share for *_, share in batches(split, Recipe(ADAM, 1, batch=2, shuffle=False), [seeded(0)])]
    assert [share.tolist() for share in found if share is not None] == [[0.0, 1.0], [2.0, 1.0]]


@pytest.mark.parametrize("leave_at", [1, 3, 5, 6, 11, 17])
@pytest.mark.parametrize(
    "optimiser",
    [ADAM, partial(torch.optim.LBFGS, max_iter=3), LevenbergMarquardt()],
    ids=["adam", "lbfgs", "lm"],
)
def test_a_run_that_is_left_and_gone_on_with_is_the_run_that_was_not(optimiser: Any, leave_at: int) -> None:
    """Bitwise: weights, losses, best epoch and orders, whichever step the run was left at."""
    schedule = None if isinstance(optimiser, LevenbergMarquardt) else partial(torch.optim.lr_scheduler.StepLR, step_size=2)
    recipe = Recipe(optimiser, 4, batch=16, schedule=schedule, patience=3)

    def begun() -> Training:
        return Training(ForwardOnly(net()), data(), recipe, generator=seeded(5))

    whole = begun()
    list(whole.steps())
    left = begun()
    list(islice(left.steps(), leave_at))
    stored = copy.deepcopy(left.state())
    list(left.steps())
    resumed = Training(ForwardOnly(net(9)), data(), recipe, generator=seeded(77))
    resumed.load(stored)
    list(resumed.steps())
    for run in (left, resumed):
        assert torch.equal(run.parameters["net.weight"], whole.parameters["net.weight"])
        assert [epoch.loss.item() for epoch in run.history] == [epoch.loss.item() for epoch in whole.history]
        assert [epoch.passes for epoch in run.history] == [epoch.passes for epoch in whole.history]
        assert torch.equal(run.generators[0].get_state(), whole.generators[0].get_state())


def test_a_run_on_data_without_a_test_part() -> None:
    iris = data()
    assert len(list(fit(ForwardOnly(net()), Lesson("iris", iris.train), Recipe(ADAM, 2), generator=seeded(0)))) == 2


def test_mistakes_are_refused_before_training() -> None:
    iris = data()
    bad = Dataset("bad", Split(iris.train.x, iris.train.y + 1), iris.test)
    recipe = Recipe(ADAM, epochs=1)
    with pytest.raises(ValueError, match="label 3 is out of range: 3 outputs take labels 0 to 2"):
        next(fit(ForwardOnly(net()), bad, recipe, generator=seeded(0)))
    with pytest.raises(ValueError, match="patience needs validation data, and bad has none"):
        next(fit(ForwardOnly(net()), bad, Recipe(ADAM, 1, patience=2), generator=seeded(0)))
    with pytest.raises(ValueError, match="one generator a net is needed, got 2"):
        next(fit(ForwardOnly(net()), iris, recipe, generator=[seeded(0), seeded(1)]))
    with pytest.raises(ValueError, match="epochs must be a whole number of at least 1, got 0"):
        Recipe(ADAM, 0)


def test_regression_has_a_loss_and_no_accuracy() -> None:
    x = torch.randn(40, 2, dtype=torch.float64)
    y = (x[:, :1] * x[:, 1:]).tanh()
    task = Dataset("product", Split(x, y), Split(x, y), Split(x, y))
    mesh = MeshNet(graphs.mesh(2, 6, 1), 3, hidden="tanh", dtype=torch.float64)
    epochs = list(fit(ForwardOnly(mesh, "mean squared error"), task, Recipe(ADAM, 150), generator=seeded(0)))
    assert epochs[-1].validation_accuracy is None
    assert epochs[-1].validation_loss is not None
    assert epochs[-1].validation_loss < 0.1 * epochs[0].loss


def test_sequences_train_too() -> None:
    x = torch.randn(30, 6, 1, dtype=torch.float64)
    y = (x[:, 2, 0] > 0).long()
    task = Dataset("recall", Split(x, y), Split(x, y))
    mesh = MeshNet(graphs.recurrent(1, 8, 2), 6, hidden="tanh", dtype=torch.float64)
    epochs = list(fit(ForwardOnly(mesh), task, Recipe(ADAM, 80), generator=seeded(0)))
    assert epochs[-1].loss < 0.2 * epochs[0].loss


def test_forward_only_and_backprop_train_to_the_same_weights() -> None:
    recipe = Recipe(ADAM, epochs=5, batch=16)
    one, two = net(), net()
    list(fit(ForwardOnly(one), data(), recipe, generator=seeded(0)))
    list(fit(Backprop(two), data(), recipe, generator=seeded(0)))
    torch.testing.assert_close(one.weight, two.weight, rtol=1e-9, atol=1e-11)
