"""What the credit of a block depends on: for local rules, on nothing that comes after it."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from onward.kernels.losses import Loss, differentiable
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.direct_feedback_alignment import DirectFeedbackAlignment
from onward.learners.feedback_alignment import FeedbackAlignment
from onward.learners.joint import Joint
from onward.learners.local_similarity import LocalSimilarity
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import cnn, mlp, vgg8b
from onward.nets.layered import LayeredNet
from tests.learners.test_contract import ON_LAYERS

NOT_LOCAL = {
    "backprop",
    "feedback alignment",
    "direct feedback alignment",
    "deep supervision",
    "joint",
    "joint, summed",
    "layer collaboration",
}
LOCAL = ON_LAYERS.keys() - NOT_LOCAL
Y = torch.arange(8) % 2
SLOPES = torch.randn(8, 2, generator=torch.Generator().manual_seed(9))


def inputs(*shape: int) -> Tensor:
    return torch.randn(8, *shape, generator=torch.Generator().manual_seed(0))


def block_of(name: str, blocks: int) -> int:
    """The block that a parameter belongs to or reads; what reads several belongs to the last."""
    numbers = [int(part) for part in name.split(".") if part.isdecimal()]
    return numbers[0] if name.startswith(("net.blocks.", "projections.", "maps.")) else blocks - 1


@torch.no_grad()
def change_after(learner: AbstractLearner, block: int, blocks: int) -> None:
    """Change all weights of later blocks, and of what reads them."""
    generator = torch.Generator().manual_seed(7)
    for name, parameter in learner.named_parameters():
        if block_of(name, blocks) > block:
            parameter.add_(torch.randn(parameter.shape, generator=generator))


def credit_until(learner: AbstractLearner, block: int, blocks: int, x: Tensor) -> dict[str, Tensor]:
    """The credit of the blocks up to one."""
    found = {name: g for credit in learner.eval().credit(x, Y) for name, g in credit.gradients.items()}
    return {name: gradient for name, gradient in found.items() if block_of(name, blocks) <= block}


def changed(learner: AbstractLearner, block: int, x: Tensor) -> list[bool]:
    """Whether the credit of each parameter up to a block is another once all that comes later is another."""
    net = learner.net
    assert isinstance(net, LayeredNet)
    blocks = len(net.blocks)
    before = credit_until(learner, block, blocks, x)
    change_after(learner, block, blocks)
    after = credit_until(learner, block, blocks, x)
    assert before
    return [not torch.equal(gradient, after[name]) for name, gradient in before.items()]


@pytest.mark.parametrize("block", [0, 1])
@pytest.mark.parametrize("name", sorted(LOCAL))
def test_credit_of_a_block_does_not_depend_on_later_weights(name: str, block: int) -> None:
    learner = ON_LAYERS[name](mlp(5, (12, 8, 7), 2, generator=torch.Generator().manual_seed(3)))
    assert not any(changed(learner, block, inputs(5)))


@pytest.mark.parametrize("rule", [MonoForward, LocalSimilarity])
@pytest.mark.parametrize(
    "make",
    [
        lambda: cnn((2, 8, 8), 2, channels=(4, 5, 6)),
        lambda: vgg8b((3, 8, 8), 2, multiplier=1 / 32),
        lambda: mlp(5, (6, 6, 6), 2, activation=torch.nn.Tanh),
    ],
)
def test_locality_holds_for_closed_forms_and_for_autograd_inside_a_block(
    rule: Callable[[LayeredNet], AbstractLearner], make: Callable[[], LayeredNet]
) -> None:
    for block in (0, 1):
        net = make()
        assert not any(changed(rule(net), block, inputs(*net.shapes[0])))


@pytest.mark.parametrize("block", [0, 1])
@pytest.mark.parametrize("name", sorted(NOT_LOCAL))
def test_credit_of_a_block_depends_on_later_weights(name: str, block: int) -> None:
    """So the test above can fail. What a joint loss teaches a projection is local all the same."""
    learner = ON_LAYERS[name](mlp(5, (12, 8, 7), 2, generator=torch.Generator().manual_seed(3)))
    assert any(changed(learner, block, inputs(5)))


def constant_error() -> Loss:
    """A loss whose derivative at the scores is the same whatever the scores are."""
    return differentiable("linear", lambda scores, target: (scores * SLOPES).sum(), classes=True)


def test_direct_feedback_depends_on_later_weights_through_the_error_of_the_scores_alone() -> None:
    make = partial(mlp, 5, (12, 8, 7), 2)
    for block in (0, 1):
        assert not any(changed(DirectFeedbackAlignment(make(), constant_error()), block, inputs(5)))
        for rule in (Backprop, FeedbackAlignment, Joint):
            assert any(changed(rule(make(), constant_error()), block, inputs(5)))


@pytest.mark.parametrize("rule", [DirectFeedbackAlignment, LocalSimilarity, MonoForward])
def test_no_graph_reaches_from_a_block_to_the_one_before(rule: Callable[[LayeredNet], AbstractLearner]) -> None:
    net = mlp(5, (12, 8, 7), 2)
    assert net.head is not None
    connected: list[bool] = []
    for part in net.blocks:
        part.register_forward_pre_hook(lambda _, given: connected.append(given[0].requires_grad))
    if rule is DirectFeedbackAlignment:
        net.head.register_forward_pre_hook(lambda _, given: connected.append(given[0].requires_grad))
    list(rule(net).credit(inputs(5), Y))
    assert connected == [False] * (4 if rule is DirectFeedbackAlignment else 3)


def test_a_local_rule_hands_out_credit_before_later_blocks_run() -> None:
    for rule in (MonoForward, LocalSimilarity):
        net = mlp(5, (12, 8, 7), 2)
        ran: list[int] = []
        for k, block in enumerate(net.blocks):
            block.register_forward_hook(partial(lambda k, ran, *_: ran.append(k), k, ran))
        next(iter(rule(net).credit(inputs(5), Y)))
        assert ran == [0]
