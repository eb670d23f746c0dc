"""Backpropagation, deep supervision, joint losses, Mono-Forward: one thing changes from each to the next."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.deep_supervision import DeepSupervision
from onward.learners.joint import Joint
from onward.learners.mono_forward import MonoForward
from onward.nets import projections
from onward.nets.builders import cnn, mlp
from onward.nets.layered import LayeredNet
from onward.nets.readouts import last, total

NETS = [
    lambda: mlp(7, (9, 8, 5), 3, generator=torch.Generator().manual_seed(2)),
    lambda: cnn((2, 9, 9), 3, channels=(4, 5, 6), generator=torch.Generator().manual_seed(2)),
]


def batch(net: LayeredNet) -> tuple[Tensor, Tensor]:
    x = torch.randn(6, *net.shapes[0], generator=torch.Generator().manual_seed(0), dtype=next(net.parameters()).dtype)
    return x, torch.arange(6) % 3


def all_of(learner: AbstractLearner, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    return {name: gradient for credit in learner.credit(x, y) for name, gradient in credit.gradients.items()}


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("projection", [projections.linear, projections.two_layer])
def test_all_rungs_start_from_the_same_parameters(
    make: Callable[[], LayeredNet], projection: projections.Projection
) -> None:
    state = MonoForward(make(), projection=projection).state_dict()
    for rule in (DeepSupervision, Joint):
        other = rule(make(), projection=projection).state_dict()
        assert list(other) == list(state)
        assert all(torch.equal(other[name], state[name]) for name in state)


def test_the_projection_of_a_block_is_the_head_of_the_net_that_ends_there() -> None:
    widths = (9, 8, 5)
    projections_of_all = MonoForward(mlp(7, widths, 3)).projections
    for k, projection in enumerate(projections_of_all):
        shallow = mlp(7, widths[: k + 1], 3)
        torch.testing.assert_close(list(projection.parameters()), list(shallow.parameters())[-1:], rtol=0, atol=0)


@pytest.mark.parametrize("make", NETS)
def test_supervision_of_weight_0_is_backpropagation(make: Callable[[], LayeredNet]) -> None:
    net = make().double()
    x, y = batch(net)
    found, true = all_of(DeepSupervision(net, weight=0.0), x, y), all_of(Backprop(net), x, y)
    for name, gradient in true.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-12, atol=1e-14)
    assert not any(gradient.any() for name, gradient in found.items() if name.startswith("projections"))


@pytest.mark.parametrize("make", NETS)
@pytest.mark.parametrize("weight", [0.3, 1.0])
def test_deep_supervision_is_the_weighted_sum_of_losses(make: Callable[[], LayeredNet], weight: float) -> None:
    net = make().double()
    learner = DeepSupervision(net, weight=weight)
    x, y = batch(net)
    parameters = dict(learner.named_parameters())
    early = [head(a) for head, a in zip(learner.projections, net.activities(x), strict=False)]
    value = functional.cross_entropy(net(x), y) + weight * sum(functional.cross_entropy(scores, y) for scores in early)
    (credit,) = learner.credit(x, y)
    torch.testing.assert_close(credit.loss, value.detach(), rtol=1e-12, atol=0)
    for name, gradient in zip(parameters, torch.autograd.grad(value, list(parameters.values())), strict=True):
        torch.testing.assert_close(credit.gradients[name], gradient, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("make", NETS)
def test_joint_losses_are_supervision_of_weight_1(make: Callable[[], LayeredNet]) -> None:
    net = make().double()
    x, y = batch(net)
    torch.testing.assert_close(all_of(Joint(net), x, y), all_of(DeepSupervision(net, weight=1.0), x, y), rtol=1e-12, atol=0)


def test_with_one_block_all_rungs_are_backpropagation() -> None:
    net = mlp(7, (9,), 3).double()
    x, y = batch(net)
    true = all_of(Backprop(net), x, y)
    for learner in (DeepSupervision(net), Joint(net), MonoForward(net)):
        torch.testing.assert_close(all_of(learner, x, y), true, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("make", NETS)
def test_the_cut_changes_early_blocks_alone(make: Callable[[], LayeredNet]) -> None:
    """The last block and every projection see the same either way; what comes from later blocks is missing earlier."""
    net = make().double()
    x, y = batch(net)
    joint, cut = all_of(Joint(net), x, y), all_of(MonoForward(net), x, y)
    assert joint.keys() == cut.keys()
    for name, gradient in cut.items():
        if name.startswith(("net.blocks.0", "net.blocks.1")):
            assert (gradient - joint[name]).norm() > 0.01 * gradient.norm(), name
        else:
            torch.testing.assert_close(gradient, joint[name], rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("make", NETS)
def test_supervision_predicts_by_the_last_block_and_joint_losses_as_mono_forward(make: Callable[[], LayeredNet]) -> None:
    net = make()
    x, _ = batch(net)
    torch.testing.assert_close(DeepSupervision(net).scores(x), net(x).detach(), rtol=0, atol=0)
    for readout in (last, total):
        expected = MonoForward(net, readout=readout).scores(x)
        torch.testing.assert_close(Joint(net, readout=readout).scores(x), expected, rtol=0, atol=0)
    summed = sum(Joint(net).goodness(x))
    assert isinstance(summed, Tensor)
    torch.testing.assert_close(Joint(net, readout=total).scores(x), summed.detach())


def test_a_first_block_and_projection_that_do_not_learn_are_passed_over() -> None:
    net = mlp(7, (9, 8), 3)
    net.blocks[0].requires_grad_(False)
    x, y = batch(net)
    named = set(all_of(Joint(net, projection=projections.frozen), x, y))
    assert named == {"net.blocks.1.0.weight", "net.blocks.1.0.bias", "net.head.weight"}


def test_products_of_half_precision_give_credit_in_full() -> None:
    net = mlp(7, (9, 8), 3)
    x, y = batch(net)
    for learner in (Joint(net), DeepSupervision(net)):
        full = all_of(learner, x, y)
        with torch.autocast("cpu", torch.bfloat16):
            half = all_of(learner, x, y)
        for name, gradient in half.items():
            assert gradient.dtype == torch.float32
            assert 1e-4 < (gradient - full[name]).norm() / full[name].norm() < 0.1, name


@pytest.mark.parametrize("weight", [-0.1, float("inf"), float("nan")])
def test_weights_of_supervision_out_of_range_are_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="at least 0, got"):
        DeepSupervision(mlp(3, (4,), 2), weight=weight)


@pytest.mark.parametrize("rule", [DeepSupervision, Joint, MonoForward])
def test_nets_without_a_head_are_refused(rule: Callable[[LayeredNet], AbstractLearner]) -> None:
    with pytest.raises(ValueError, match="no head"):
        rule(mlp(3, (4,), None))
