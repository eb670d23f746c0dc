"""Classes that come later: what is left of the old ones is measured on their examples alone."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from onward.blocks.classes import accuracy_on, of_classes
from onward.blocks.plugging import with_classes
from onward.learners.mono_forward import MonoForward
from onward.nets.builders import mlp
from onward.training.data import Dataset, Split
from onward.training.fit import Recipe, fit
from onward.training.metrics import accuracy


def split() -> Split:
    x = torch.randn(80, 6, generator=torch.Generator().manual_seed(0))
    return Split(x, x[:, :4].argmax(1), importance=torch.arange(80) / 10)


def test_examples_of_some_classes_are_taken_in_order() -> None:
    whole, part = split(), of_classes(split(), {3, 1})
    wanted = [k for k, label in enumerate(whole.y.tolist()) if label in (1, 3)]
    assert torch.equal(part.x, whole.x[wanted])
    assert torch.equal(part.y, whole.y[wanted])
    assert part.importance is not None
    assert whole.importance is not None
    assert torch.equal(part.importance, whole.importance[wanted])
    assert of_classes(replace(whole, importance=None), range(4)).importance is None


def test_a_net_that_has_grown_learns_the_new_classes_and_what_it_kept_is_measured() -> None:
    data = replace(split(), importance=None)
    early = Dataset("old", of_classes(data, {0, 1}), data)
    recipe = Recipe(partial(torch.optim.Adam, lr=0.05), epochs=12, batch=20)
    learner = MonoForward(mlp(6, (20,), 2, generator=torch.Generator().manual_seed(0)))
    list(fit(learner, early, recipe, generator=torch.Generator().manual_seed(0)))
    before = accuracy_on(learner, data, {0, 1})
    assert before == accuracy(learner.scores(early.train.x), early.train.y).item() > 0.9
    more = with_classes(learner, 4, generator=torch.Generator().manual_seed(1))
    list(fit(more, Dataset("all", data, data), recipe, generator=torch.Generator().manual_seed(0)))
    assert accuracy_on(more, data, range(4)) > 0.9
    new = Dataset("new", of_classes(data, {2, 3}), data)
    list(fit(more, new, recipe, generator=torch.Generator().manual_seed(0)))
    assert accuracy_on(more, data, {2, 3}) > 0.9
    assert accuracy_on(more, data, {0, 1}) < 0.5


def test_what_has_no_such_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no example of the classes \\[7\\]"):
        of_classes(split(), {7})
    values = Split(torch.ones(3, 2), torch.ones(3, 1))
    with pytest.raises(ValueError, match="expected class numbers of one net, got targets \\(3, 1\\) of torch.float32"):
        of_classes(values, {0})
