"""Rules by name: each makes a learner of a net, and says truly what it can do."""

import pytest
import torch

from onward.kernels.losses import cross_entropy, mean_squared_error
from onward.learners.base import AbstractLearner
from onward.learners.by_name import RULES, rule
from onward.nets.builders import mlp


def taught(name: str, numbers: bool) -> AbstractLearner:
    generator = torch.Generator().manual_seed(0)
    found = RULES[name]
    net = mlp(6 + found.appended, (5, 4), 3, generator=generator)
    return found.teach(net, mean_squared_error if numbers else cross_entropy, generator)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_does_what_it_says(name: str) -> None:
    found = rule(name)
    assert found.name == name
    assert found.title
    x, generator = torch.zeros(4, 6), torch.Generator().manual_seed(0)
    x[:, 3:] = torch.randn(4, 3, generator=generator)
    kinds = [(torch.tensor([0, 1, 2, 0]), False)]
    kinds += [(torch.randn(4, 3, generator=generator), True)] if found.numbers else []
    for y, numbers in kinds:
        learner = taught(name, numbers)
        assert sum(len(credit.gradients) for credit in learner.credit(x, y)) > 0
        assert learner.scores(x).shape == (4, 3)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_writes_labels_does_not_see_what_stood_there(name: str) -> None:
    learner, x = taught(name, False), torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    over = x.clone()
    over[:, :3] = 7
    assert torch.equal(learner.scores(x), learner.scores(over)) == RULES[name].blank


def test_unknown_rules_are_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match="unknown rule 'mono', expected one of bp, mf, .*, deep-supervision"):
        rule("mono")
    with pytest.raises(ValueError, match="did you mean 'symba'?"):
        rule("simba")
