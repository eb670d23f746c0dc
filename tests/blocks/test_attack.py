"""An attack is a step of a length up the loss, and touches one block."""

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from onward import graphs
from onward.blocks.attack import attack
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.forward_only import ForwardOnly
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp, vgg8b
from onward.nets.layered import LayeredNet
from onward.nets.mesh import MeshNet
from onward.training.data import Split
from tests.blocks.plugged import same, state_of

RULES: list[Callable[[LayeredNet], AbstractLearner]] = [MonoForward, Backprop]


def net() -> LayeredNet:
    return mlp(6, (9, 8, 7), 3, generator=torch.Generator().manual_seed(0)).double()


def split() -> Split:
    x = torch.randn(30, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return Split(x, torch.arange(30) % 3)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("block", [0, 1, 2])
def test_the_step_goes_along_the_gradient_of_autograd_by_its_length(
    generator: torch.Generator, rule: Callable[[LayeredNet], AbstractLearner], block: int
) -> None:
    learner, data = rule(net()), split()
    weights = list(learner.get_submodule(f"net.blocks.{block}").parameters())
    local = isinstance(learner, MonoForward)
    scores = learner.goodness(data.x)[block] if local else learner.get_submodule("net")(data.x)
    gradient = torch.autograd.grad(functional.cross_entropy(scores, data.y), weights)
    before = [weight.detach().clone() for weight in weights]
    attack(learner, block, data, strength=0.1, generator=generator)
    moved = torch.cat([(a.detach() - b).flatten() for a, b in zip(weights, before, strict=True)])
    along, length = torch.cat([g.flatten() for g in gradient]), torch.cat([b.flatten() for b in before]).norm()
    torch.testing.assert_close(moved, 0.1 * length * along / along.norm(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_only_the_weights_of_the_block_change(
    generator: torch.Generator, rule: Callable[[LayeredNet], AbstractLearner]
) -> None:
    learner = rule(vgg8b((3, 8, 8), 3, multiplier=0.03, generator=generator)).train()
    x = torch.randn(12, 3, 8, 8, generator=generator)
    before = {name: value.clone() for name, value in learner.state_dict().items()}
    attack(learner, 2, Split(x, torch.arange(12) % 3), strength=0.5, generator=generator)
    changed = {name for name, value in learner.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {f"net.blocks.2.{name}" for name, _ in learner.get_submodule("net.blocks.2").named_parameters()}
    assert learner.training
    assert all(parameter.grad is None for parameter in learner.parameters())


def test_the_generator_chooses_the_examples() -> None:
    states = []
    for seed, examples in ((0, 10), (0, 10), (1, 10), (0, 30), (1, 30)):
        learner = MonoForward(net())
        attack(
            learner, 1, split(), strength=0.1, examples=examples, generator=torch.Generator().manual_seed(seed)
        )  # fmt: skip
        states.append(state_of([learner]))
    assert same(states[0], states[1])
    assert not same(states[0], states[2])
    torch.testing.assert_close(states[3], states[4], rtol=1e-12, atol=1e-14)


def test_what_cannot_be_attacked_is_refused(generator: torch.Generator) -> None:
    learner, data = MonoForward(net()), split()
    with pytest.raises(ValueError, match="the blocks of this net are 0 to 2, got 3"):
        attack(learner, 3, data, strength=0.1, generator=generator)
    for strength in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="the strength of an attack must be finite and at least 0, got"):
            attack(learner, 0, data, strength=strength, generator=generator)
    learner.learning = frozenset({0})
    with pytest.raises(ValueError, match="block 1 gets no blame from MonoForward"):
        attack(learner, 1, data, strength=0.1, generator=generator)
    mesh = ForwardOnly(MeshNet(graphs.mesh(6, 3, 3), 3))
    with pytest.raises(ValueError, match="expected a learner of a layered net, got ForwardOnly"):
        attack(mesh, 0, data, strength=0.1, generator=generator)
