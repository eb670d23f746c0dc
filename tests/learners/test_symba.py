from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from onward.learners.symba import SymBa
from onward.nets.builders import cnn, mlp
from onward.nets.layered import LayeredNet
from onward.training.data import partition
from onward.training.fit import Recipe, fit
from onward.training.metrics import accuracy

X = torch.randn(12, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(12) % 2


def net(classes: int = 2) -> LayeredNet:
    return mlp(11, (9, 8), classes, generator=torch.Generator().manual_seed(2)).double()


def unit(h: Tensor) -> Tensor:
    return h / h.square().mean(1, keepdim=True).sqrt()


def test_the_credit_of_every_block_is_that_of_autograd_on_its_own_loss() -> None:
    """log(1 + exp(-a (g+ - g-))) of mean squares, with the pattern of the class behind the features."""
    taught = net()
    learner = SymBa(taught, pattern=5, steepness=3.0)
    codes = learner.labelled.codes
    importance = torch.linspace(0, 2, 12, dtype=torch.float64)
    right, wrong = (torch.cat([X.flatten(1), codes[label]], 1) for label in (Y, 1 - Y))
    for k, credit in enumerate(learner.credit(X, Y, importance=importance)):
        right, wrong = (taught.blocks[k](unit(h.detach())) for h in (right, wrong))
        lead = right.square().mean(1) - wrong.square().mean(1)
        loss = (importance * torch.log(1 + torch.exp(-3 * lead))).mean()
        torch.testing.assert_close(credit.loss, loss.detach())
        for name, gradient in credit.gradients.items():
            own = taught.get_parameter(name.removeprefix("net."))
            (expected,) = torch.autograd.grad(loss, own, retain_graph=True)
            torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-13)


def test_scores_are_mean_squares_summed_over_all_blocks_but_the_first() -> None:
    taught = mlp(11, (9, 8, 5), 3, generator=torch.Generator().manual_seed(2)).double()
    learner = SymBa(taught, pattern=5)
    columns = []
    for code in learner.labelled.codes:
        h = taught.blocks[0](unit(torch.cat([X.flatten(1), code.expand(12, -1)], 1)))
        second = taught.blocks[1](unit(h))
        columns.append(second.square().mean(1) + taught.blocks[2](unit(second)).square().mean(1))
    torch.testing.assert_close(learner.scores(X), torch.stack(columns, 1).detach())


def test_patterns_are_drawn_from_the_generator_and_stay_with_the_weights() -> None:
    one, other = (SymBa(net(), pattern=5, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert not torch.equal(one.labelled.codes, other.labelled.codes)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.labelled.codes, other.labelled.codes)
    assert torch.equal(one.scores(X), other.scores(X))


def test_handwritten_digits_are_learned() -> None:
    x, y = (np.asarray(part) for part in load_digits(return_X_y=True))
    data = partition("digits", x, y, seed=0, test=0.2, validation=0)
    learner = SymBa(mlp(84, (200, 200), None, generator=torch.Generator().manual_seed(0)), 10, pattern=20)
    recipe = Recipe(partial(torch.optim.Adam, lr=5e-3), epochs=8, batch=50)
    *_, _last = fit(learner, data, recipe, generator=torch.Generator().manual_seed(0))
    assert accuracy(learner.scores(data.test.x), data.test.y) > 0.9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SymBa(net(), pattern=11), r"appends a pattern of 11 .* a longer vector, got \[11\]"),
        (lambda: SymBa(net(), pattern=0), "appends a pattern of 0"),
        (lambda: SymBa(cnn((1, 6, 6), 3, channels=(4,)), pattern=5), r"a longer vector, got \[1, 6, 6\]"),
        (lambda: SymBa(net(), pattern=5, steepness=-1.0), "steepness must be above 0, got -1.0"),
        (lambda: SymBa(net(), pattern=5).scores(X[:, :, :2]), r"batch x 6 features, .* got shape \(12, 2, 2\)"),
        (lambda: SymBa(net(), pattern=5).scores(X[:0]), r"batch x 6 features, .* got shape \(0, 2, 3\)"),
        (lambda: SymBa(net(), pattern=5).scores(X.float()), "input is torch.float32 but the weights are torch.float64"),
        (lambda: list(SymBa(net(), pattern=5).credit(X, X.flatten(1))), "takes class numbers"),
    ],
)
def test_what_cannot_be_taught_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
