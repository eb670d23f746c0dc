"""Meshes that are pruned each in its own way learn in one computation exactly what each learns alone."""

from collections.abc import Callable
from functools import partial

import pytest
import torch

from onward import graphs
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_only import ForwardOnly
from onward.learners.masked import Masked
from onward.nets.builders import mlp
from onward.nets.mesh import MeshNet
from onward.nets.side_by_side import within
from onward.training.steps import GradientSteps

WHOLE = graphs.random(4, 6, 3, 1.0, generator=torch.Generator())
X = torch.randn(2, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
Y = torch.arange(14).view(2, 7) % 3
IMPORTANCE = torch.rand(2, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def nets() -> list[MeshNet]:
    made = []
    for seed in (1, 2):
        generator = torch.Generator().manual_seed(seed)
        topology = graphs.random(4, 6, 3, 0.6, generator=generator)
        made.append(MeshNet(topology, 3, generator=generator, dtype=torch.float64))
    return made


def together(rule: Callable[[MeshNet], AbstractLearner]) -> Masked:
    stack, edges = within(WHOLE, nets())
    return Masked(rule(stack), edges)


@pytest.mark.parametrize("importance", [None, IMPORTANCE], ids=["equal", "weighted"])
@pytest.mark.parametrize("rule", [ForwardOnly, partial(ForwardOnly, engine="influence"), Backprop])
def test_credit_is_that_of_each_net_alone_and_nothing_elsewhere(
    rule: Callable[[MeshNet], AbstractLearner], importance: torch.Tensor | None
) -> None:
    learner = together(rule)
    (found,) = learner.credit(X, Y, importance=importance)
    assert set(found.gradients) == set(dict(learner.named_parameters()))
    for k, net in enumerate(nets()):
        own = None if importance is None else importance[k]
        (alone,) = ForwardOnly(net).credit(X[k], Y[k], importance=own)
        gradient, edges = found.gradients["rule.net.weight"][k], learner.edges[k]
        torch.testing.assert_close(found.loss[k], alone.loss, rtol=1e-11, atol=0)
        torch.testing.assert_close(gradient[edges], alone.gradients["net.weight"], rtol=1e-11, atol=1e-14)
        assert not gradient[~edges].any()
        assert gradient[edges].any()


def test_steps_leave_what_is_pruned_at_zero_and_are_those_of_each_net_alone() -> None:
    adam = partial(torch.optim.Adam, lr=0.05, weight_decay=0.1, fused=True)
    learner = together(ForwardOnly)
    steps = GradientSteps(learner, adam, None, (2,))
    for _ in range(5):
        steps.step(X, Y, None)
    weights = dict(learner.named_parameters())["rule.net.weight"]
    for k, net in enumerate(nets()):
        alone = GradientSteps(ForwardOnly(net), adam, None, ())
        for _ in range(5):
            alone.step(X[k], Y[k], None)
        torch.testing.assert_close(weights[k][learner.edges[k]], net.weight, rtol=1e-9, atol=1e-12)
        assert not weights[k][~learner.edges[k]].any()
        torch.testing.assert_close(learner.scores(X)[k], net(X[k]).detach(), rtol=1e-9, atol=1e-12)


def test_a_pruned_edge_with_a_weight_is_refused() -> None:
    stack = MeshNet.stack([MeshNet(WHOLE, 3)])
    with pytest.raises(ValueError, match="a pruned edge has weight zero, got"):
        Masked(ForwardOnly(stack), torch.zeros(1, WHOLE.edges, dtype=torch.bool))


def test_edges_are_shaped_like_the_weights() -> None:
    with pytest.raises(ValueError, match=rf"weights \(1, {WHOLE.edges}\) whether it is there, got \({WHOLE.edges},\)"):
        Masked(ForwardOnly(MeshNet.stack([MeshNet(WHOLE, 3)])), torch.ones(WHOLE.edges, dtype=torch.bool))


def test_a_rule_without_a_mesh_is_refused() -> None:
    with pytest.raises(ValueError, match="Backprop teaches a net that has none"):
        Masked(Backprop(mlp(3, (4,), 2)), torch.ones(3, dtype=torch.bool))
