"""Linear probes are logistic regressions on the activity of a net that stays as it is."""

from functools import partial

import pytest
import torch
from torch.nn import functional

from onward.blocks.probes import linear_probes
from onward.blocks.transparency import judge_blocks
from onward.datasets.small import digits
from onward.learners.backprop import Backprop
from onward.learners.mono_forward import MonoForward
from onward.nets import projections
from onward.nets.builders import mlp, vgg8b
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe, fit
from tests.blocks.plugged import ADAM, RECIPE, same, state_of


def test_a_probe_gets_the_gradient_of_logistic_regression(generator: torch.Generator) -> None:
    net = mlp(6, (8, 7), 3, generator=generator).double()
    probes = linear_probes(net)
    x, y = torch.randn(12, 6, generator=generator, dtype=torch.float64), torch.arange(12) % 3
    parcels = list(probes.credit(x, y))
    for k, (credit, activity) in enumerate(zip(parcels, net.activities(x), strict=True)):
        a = activity.detach()
        weight = probes.projection_of(k).get_parameter("weight")
        p = functional.softmax(a @ weight.T, -1) - functional.one_hot(y, 3)
        (name,) = credit.gradients
        assert name == ("projections.0.weight" if k == 0 else "net.head.weight")
        torch.testing.assert_close(credit.gradients[name], (p.T @ a / 12).detach(), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(credit.loss, functional.cross_entropy(a @ weight.T, y).detach())


def test_training_probes_leaves_the_net_its_copy_and_their_statistics(generator: torch.Generator) -> None:
    net = vgg8b((3, 8, 8), 3, multiplier=0.03, generator=generator).train()
    x = torch.randn(24, 3, 8, 8, generator=generator) + 1
    data = Dataset("noise", Split(x, torch.arange(24) % 3), Split(x, torch.arange(24) % 3))
    probes = linear_probes(net)
    first, own = state_of([net]), state_of([probes.net.blocks])
    before = state_of([probes.projection_of(k) for k in range(7)])
    list(fit(probes, data, RECIPE, generator=generator))
    assert same(state_of([net]), first)
    assert same(state_of([probes.net.blocks]), own)
    after = state_of([probes.projection_of(k) for k in range(7)])
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert net.training


def test_probes_find_what_scikit_learn_finds() -> None:
    from sklearn.linear_model import LogisticRegression

    data = digits(0)
    net = mlp(64, (20, 15), 10, generator=torch.Generator().manual_seed(0))
    list(fit(Backprop(net), data, Recipe(ADAM, epochs=1, batch=64), generator=torch.Generator().manual_seed(0)))
    probes = linear_probes(net, projection=partial(projections.linear, bias=True))
    recipe = Recipe(partial(torch.optim.Adam, lr=0.2), epochs=40)
    list(fit(probes, data, recipe, generator=torch.Generator().manual_seed(0)))
    judged = judge_blocks(probes, data.test)
    learned, tested = (list(net.activities(split.x)) for split in (data.train, data.test))
    for block, a, b in zip(judged.blocks, learned, tested, strict=True):
        rival = LogisticRegression(C=100.0, tol=1e-3, max_iter=1000).fit(a.detach().numpy(), data.train.y.numpy())
        assert block.accuracy == pytest.approx(rival.score(b.detach().numpy(), data.test.y.numpy()), abs=0.03)
        assert block.accuracy is not None
        assert 0.5 < block.accuracy < 0.99


def test_probes_of_a_net_without_a_head_are_told_their_outputs(generator: torch.Generator) -> None:
    headless = mlp(6, (8, 7), None, generator=generator)
    probes = linear_probes(headless, 4)
    assert isinstance(probes, MonoForward)
    assert [scores.shape for scores in probes.goodness(torch.zeros(2, 6))] == [(2, 4), (2, 4)]
    with pytest.raises(ValueError, match="no head"):
        linear_probes(headless)


def test_probes_start_as_mono_forwards_projections_do() -> None:
    one, other = (mlp(6, (8, 7), 4, generator=torch.Generator().manual_seed(1)) for _ in range(2))
    probes, learner = linear_probes(one), MonoForward(other)
    assert same(
        state_of([probes.projection_of(k) for k in range(2)]), state_of([learner.projection_of(k) for k in range(2)])
    )
