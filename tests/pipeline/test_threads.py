"""Blocks in parallel inside one process: the run of one thread, bit for bit."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_forward import ForwardForward
from onward.learners.local_similarity import LocalSimilarity
from onward.learners.mono_forward import MonoForward
from onward.learners.symba import SymBa
from onward.learners.two_passes import Peers
from onward.nets.builders import cnn, mlp, vgg8b
from onward.pipeline.partition import Partition
from onward.pipeline.threads import fit_in_threads
from onward.training.data import Dataset, Split
from onward.training.fit import Epoch, Recipe, TrainingFailed, fit

ADAM = partial(torch.optim.Adam, lr=0.01, fused=True)
DECAY = partial(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
RECIPES = {
    "decay": Recipe(ADAM, 3, batch=8, schedule=DECAY),
    "bfloat16": Recipe(ADAM, 2, batch=8, products=torch.bfloat16),
    "patience": Recipe(ADAM, 9, batch=8, patience=1),
    "all at once": Recipe(ADAM, 3),
}
LEARNERS: dict[str, Callable[[], AbstractLearner]] = {
    "mlp": lambda: MonoForward(mlp((1, 8, 8), (20, 18, 16, 14), 3, generator=seeded(1))),
    "cnn": lambda: MonoForward(cnn((1, 8, 8), 3, channels=(4, 5, 6), generator=seeded(1))),
    "dropout and statistics": lambda: MonoForward(vgg8b((1, 8, 8), 3, multiplier=1 / 32, dropout=0.2, generator=seeded(1))),
    "forward-forward": lambda: ForwardForward(mlp((1, 8, 8), (20, 18, 16), 3, generator=seeded(1)), peers=Peers()),
    "symba": lambda: SymBa(mlp(68, (20, 18, 16), 3, generator=seeded(1)), pattern=4),
    "similarity": lambda: LocalSimilarity(mlp((1, 8, 8), (20, 18, 16), 3, generator=seeded(1))),
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def data() -> Dataset:
    drawn = seeded(0)
    x, y = torch.randn(44, 1, 8, 8, generator=drawn), torch.arange(44) % 3
    shares = torch.rand(30, generator=drawn)
    return Dataset(
        "noise", Split(x[:30], y[:30], importance=shares / shares.mean()), Split(x[30:], y[30:]), Split(x[30:], y[30:])
    )


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def alike(one: list[Epoch], other: list[Epoch]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.number, a.passes) == (b.number, b.passes)
        assert torch.equal(a.loss, b.loss)
        assert a.validation_loss is not None
        assert b.validation_loss is not None
        assert torch.equal(a.validation_loss, b.validation_loss)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("name", LEARNERS)
def test_a_run_in_threads_is_that_of_one_thread_bitwise(name: str, recipe: str) -> None:
    whole, apart = LEARNERS[name](), LEARNERS[name]()
    alike(
        list(fit(whole, data(), RECIPES[recipe], generator=seeded(5))),
        list(fit_in_threads(apart, data(), RECIPES[recipe], generator=seeded(5), threads=2)),
    )
    for key, value in whole.state_dict().items():
        assert torch.equal(value, apart.state_dict()[key]), key
    assert not apart.training


@pytest.mark.parametrize("sizes", [(4,), (1, 3), (3, 1), (1, 1, 1, 1), (2, 1, 1)])
def test_any_cut_gives_the_same_run(sizes: tuple[int, ...]) -> None:
    whole, apart = LEARNERS["mlp"](), LEARNERS["mlp"]()
    recipe = RECIPES["decay"]
    alike(
        list(fit(whole, data(), recipe, generator=seeded(5))),
        list(fit_in_threads(apart, data(), recipe, generator=seeded(5), partition=Partition(sizes))),
    )


class Meets(nn.Module):
    """Waits for the other part in every batch but one, in which there is nobody to meet."""

    def __init__(self, meeting: threading.Barrier, alone: int) -> None:
        super().__init__()
        self.meeting, self.alone, self.batches = meeting, alone, 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.batches += 1
            if self.batches != self.alone:
                self.meeting.wait(20)
        return x


def test_the_parts_run_at_the_same_time() -> None:
    """While the second part has a batch the first has the next: who runs them one after another waits in vain."""
    meeting = threading.Barrier(2)
    net = mlp((1, 8, 8), (6, 6), 3, generator=seeded(1))
    parts = [Meets(meeting, 1), Meets(meeting, 4)]
    for block, part in zip(net.blocks, parts, strict=True):
        assert isinstance(block, nn.Sequential)
        block.append(part)
    run = fit_in_threads(
        MonoForward(net), data(), Recipe(ADAM, 1, batch=8), generator=seeded(5), partition=Partition((1, 1))
    )
    assert len(list(run)) == 1
    assert [part.batches for part in parts] == [4, 4]


@pytest.mark.parametrize("block", [0, 1])
def test_an_error_in_any_part_ends_the_run_and_is_raised(block: int) -> None:
    learner = MonoForward(mlp((1, 8, 8), (6, 6), 3, generator=seeded(1)))

    class Breaks(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if self.training:
                raise RuntimeError("the cable is out")
            return x

    part = learner.net.blocks[block]
    assert isinstance(part, nn.Sequential)
    part.append(Breaks())
    torch.set_num_threads(2)
    with pytest.raises(RuntimeError, match="the cable is out"):
        list(fit_in_threads(learner, data(), RECIPES["decay"], generator=seeded(5), partition=Partition((1, 1))))
    assert torch.get_num_threads() == 2
    assert not learner.training
    assert threading.active_count() == 1


def test_weights_that_are_no_longer_finite_end_the_run() -> None:
    recipe = Recipe(partial(torch.optim.SGD, lr=1e30), 3, batch=8)
    with pytest.raises(TrainingFailed, match="became nan"):
        list(fit_in_threads(LEARNERS["mlp"](), data(), recipe, generator=seeded(5), partition=Partition((2, 2))))


def test_a_run_that_is_left_leaves_the_weights_of_that_epoch() -> None:
    whole, apart = LEARNERS["mlp"](), LEARNERS["mlp"]()
    next(iter(fit(whole, data(), RECIPES["decay"], generator=seeded(5))))
    run = fit_in_threads(apart, data(), RECIPES["decay"], generator=seeded(5), partition=Partition((2, 2)))
    next(iter(run))
    del run
    for key, value in whole.state_dict().items():
        assert torch.equal(value, apart.state_dict()[key]), key


def test_mistakes_are_told_in_a_sentence() -> None:
    recipe = RECIPES["decay"]
    with pytest.raises(ValueError, match="only rules whose blocks learn without a later one"):
        fit_in_threads(Backprop(mlp((1, 8, 8), (6, 6), 3)), data(), recipe, generator=seeded(5))
    with pytest.raises(ValueError, match="1 to 4 threads, got 5"):
        fit_in_threads(LEARNERS["mlp"](), data(), recipe, generator=seeded(5), threads=5)
    with pytest.raises(ValueError, match="has 3 blocks, but the net has 4"):
        fit_in_threads(LEARNERS["mlp"](), data(), recipe, generator=seeded(5), partition=Partition((1, 2)))
