"""What layered rules keep for the way back as nets grow deeper: all of the net, or one block."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest
import torch
from torch import nn

from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.direct_feedback_alignment import DirectFeedbackAlignment
from onward.learners.feedback_alignment import FeedbackAlignment
from onward.learners.forward_forward import ForwardForward
from onward.learners.layer_collaboration import LayerCollaboration
from onward.learners.local_similarity import LocalSimilarity
from onward.learners.mono_forward import MonoForward
from onward.learners.one_pass_forward_forward import OnePassForwardForward
from onward.meters.retained import retained_bytes
from onward.nets.builders import cnn, mlp
from tests.learners.test_contract import ON_LAYERS
from tests.test_laws import retained

B, N, CLASSES = 16, 24, 3
X = torch.randn(B, N, generator=torch.Generator().manual_seed(0))
Y = torch.arange(B) % CLASSES
LAYER = B * N * 4  # bytes of one activity

Rule = Callable[..., AbstractLearner]


def of_depth(rule: Rule, depth: int, activation: Callable[[], nn.Module] = nn.ReLU) -> AbstractLearner:
    return rule(mlp(N, [N] * depth, CLASSES, activation=activation))


@pytest.mark.parametrize("rule", [Backprop, FeedbackAlignment, DirectFeedbackAlignment])
def test_rules_that_wait_for_the_scores_keep_an_activity_a_layer(rule: Rule) -> None:
    few, more, most = (retained_bytes(of_depth(rule, depth), X, Y) for depth in (4, 8, 16))
    assert more - few == 4 * LAYER
    assert most - more == 8 * LAYER


def test_layers_that_collaborate_keep_all_of_the_net() -> None:
    few, more, most = (retained_bytes(of_depth(LayerCollaboration, depth), X, Y) for depth in (4, 8, 16))
    assert more - few >= 4 * LAYER
    assert most - more == 2 * (more - few)


@pytest.mark.parametrize("rule", [MonoForward, LocalSimilarity, partial(LocalSimilarity, weight=1.0), ForwardForward])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_local_rules_keep_as_much_in_a_net_of_any_depth(rule: Rule, activation: Callable[[], nn.Module]) -> None:
    assert len({retained_bytes(of_depth(rule, depth, activation), X, Y) for depth in (2, 4, 16)}) == 1


def test_closed_forms_keep_what_a_block_reads_what_it_emits_and_its_scores() -> None:
    assert retained_bytes(of_depth(MonoForward, 5), X, Y) == 2 * LAYER + B * CLASSES * 4
    assert retained_bytes(of_depth(MonoForward, 1), X, Y) == LAYER + B * CLASSES * 4


def test_the_peak_of_a_convolutional_net_is_that_of_its_largest_block() -> None:
    x, y = torch.randn(4, 2, 16, 16), torch.arange(4) % 3
    channels = (8, 8, 8, 8)
    whole = retained_bytes(MonoForward(cnn((2, 16, 16), 3, channels=channels)), x, y)
    first = retained_bytes(MonoForward(cnn((2, 16, 16), 3, channels=channels[:1])), x, y)
    assert whole == first
    map_bytes = 4 * 8 * 16 * 16 * 4  # kept by ReLU; pooled to a quarter
    assert first == map_bytes + map_bytes // 4 + 4 * 3 * 4
    assert retained_bytes(Backprop(cnn((2, 16, 16), 3, channels=channels)), x, y) > 1.3 * whole


def test_closed_forms_retain_nothing_in_autograd_and_other_blocks_do() -> None:
    assert retained(of_depth(MonoForward, 4), X, Y) == 0
    assert retained(of_depth(MonoForward, 4, nn.Tanh), X, Y) > 0


def test_autograd_retains_bytes_in_proportion_to_depth_for_backprop() -> None:
    """Counted by what autograd itself is given to keep, parameters included."""
    few, more, most = (retained(of_depth(Backprop, depth), X, Y) for depth in (4, 8, 16))
    assert 0 < few < more < most
    assert most - more == 2 * (more - few)


# What the rules of the contract table keep as a net grows deeper: the same, or more for every block.
AS_MUCH = {
    "mono-forward", "mono-forward, summed", "local similarity", "local similarity alone", "forward-forward",
    "forward-forward, peers", "forward-forward, passes apart", "symba",
}  # fmt: skip
MORE = {
    "backprop", "feedback alignment", "direct feedback alignment", "deep supervision", "joint", "joint, summed",
    "one-pass forward-forward", "layer collaboration",
}  # fmt: skip


def kept(name: str, depths: Sequence[int]) -> list[int]:
    """The bytes that a rule of the contract table keeps in nets of some depths."""
    return [retained_bytes(of_depth(ON_LAYERS[name], depth), X, Y) for depth in depths]


def test_the_law_is_known_for_every_rule_of_the_contract() -> None:
    assert ON_LAYERS.keys() == AS_MUCH | MORE
    assert not AS_MUCH & MORE


@pytest.mark.parametrize("name", sorted(AS_MUCH))
def test_rules_of_one_block_keep_the_same_bytes_at_any_depth(name: str) -> None:
    assert len(set(kept(name, (2, 4, 8)))) == 1


@pytest.mark.parametrize("name", sorted(MORE))
def test_rules_of_the_whole_net_keep_an_activity_more_for_every_block(name: str) -> None:
    few, more, most = kept(name, (4, 8, 16))
    assert more - few >= 4 * LAYER
    assert most - more == 2 * (more - few)


def test_one_pass_keeps_no_more_than_one_block_and_what_its_softmax_reads() -> None:
    """One activity a block, where backpropagation through the two passes would keep two; none where it reads the first alone."""
    few, more = kept("one-pass forward-forward", (4, 8))
    assert more - few == 4 * LAYER
    reads_one = partial(OnePassForwardForward, read=[0])
    assert len({retained_bytes(of_depth(reads_one, depth), X, Y) for depth in (2, 4, 8)}) == 1
