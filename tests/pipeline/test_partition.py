"""How blocks are shared out: contiguous, each on one rank, so that the slowest rank has the least to do."""

from functools import partial
from itertools import combinations, pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from onward.learners.backprop import Backprop
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.pipeline import holding
from onward.pipeline.measuring import measured
from onward.pipeline.partition import Partition, balanced, even
from onward.training.fit import Recipe

TIMES = st.lists(st.integers(1, 50).map(float), min_size=1, max_size=9)


@given(TIMES, st.data())
def test_no_other_cut_has_a_faster_slowest_rank(times: list[float], data: st.DataObject) -> None:
    ranks = data.draw(st.integers(1, len(times)))
    cuts = [(0, *cut, len(times)) for cut in combinations(range(1, len(times)), ranks - 1)]
    least = min(max(sum(times[a:b]) for a, b in pairwise(cut)) for cut in cuts)
    found = balanced(times, ranks)
    found.check(len(times), ranks)
    assert max(found.times(times)) == least
    assert found.speedup(times) == sum(times) / least


def test_of_cuts_that_are_as_fast_the_one_whose_ranks_are_alike_is_taken() -> None:
    assert balanced([4, 1, 1, 1, 1], 3) == Partition((1, 2, 2))


def test_every_block_is_on_one_rank() -> None:
    found = Partition((2, 1, 3))
    assert [list(found.blocks(rank)) for rank in range(3)] == [[0, 1], [2], [3, 4, 5]]
    assert [found.rank_of(block) for block in range(6)] == [0, 0, 1, 2, 2, 2]


def test_blocks_that_do_not_divide_go_to_the_first_ranks() -> None:
    assert even(7, 3) == Partition((3, 2, 2))


def test_what_is_no_partition_is_refused() -> None:
    with pytest.raises(ValueError, match=r"every rank at least one block, got sizes \[2, 0\]"):
        Partition((2, 0))
    with pytest.raises(ValueError, match=r"\[2, 2\] has 4 blocks, but the net has 5"):
        Partition((2, 2)).check(5, 2)
    with pytest.raises(ValueError, match=r"\[2, 2\] is for 2 ranks, but there are 3"):
        Partition((2, 2)).check(4, 3)
    with pytest.raises(ValueError, match="this net takes at most 2 ranks, got 3"):
        balanced([1.0, 1.0], 3)
    with pytest.raises(ValueError, match="must be above 0"):
        balanced([1.0, 0.0], 2)


def test_a_wide_block_is_measured_as_slower_and_nothing_is_changed() -> None:
    learner = MonoForward(mlp(8, (8, 8, 4000), 3)).train()
    before = holding.digest(learner.state_dict())
    recipe = Recipe(partial(torch.optim.Adam, lr=0.1), 1)
    times = measured(learner, recipe, torch.randn(1024, 8), torch.arange(1024) % 3)
    assert len(times) == 3
    assert times[2] == max(times)
    assert learner.training
    assert holding.digest(learner.state_dict()) == before
    assert all(parameter.grad is None for parameter in learner.parameters())


def test_a_rule_that_needs_later_blocks_is_not_measured() -> None:
    with pytest.raises(ValueError, match="learn without a later one, such as MonoForward, .* got Backprop"):
        measured(Backprop(mlp(4, (3, 3), 2)), Recipe(torch.optim.Adam, 1), torch.zeros(2, 4), torch.zeros(2).long())
