"""Classes that come later: examples of some classes alone, and how well those are told apart from all that a net knows."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral

import torch

from onward.learners.base import AbstractLearner
from onward.training.data import Split
from onward.training.judging import scores_of
from onward.training.metrics import accuracy


def of_classes(split: Split, classes: Iterable[int]) -> Split:
    """Give the examples of some classes, in their order, with their class numbers as they are.

    Raises:
        ValueError: targets or classes that are not class numbers, or no example of these classes.
    """
    if split.y.is_floating_point() or split.nets or split.y.ndim != 1:
        raise ValueError(f"expected class numbers of one net, got targets {tuple(split.y.shape)} of {split.y.dtype}")
    chosen = list(classes) if isinstance(classes, Iterable) else None
    if chosen is None or not all(isinstance(one, Integral) for one in chosen):
        raise ValueError(f"classes must be a sequence of class numbers, as (3, 4), got {classes!r}")
    wanted = sorted({int(one) for one in chosen})
    index = torch.isin(split.y, torch.tensor(wanted, dtype=split.y.dtype, device=split.y.device)).nonzero().squeeze(1)
    if not len(index):
        raise ValueError(f"there is no example of the classes {wanted}")
    importance = None if split.importance is None else split.importance[index]
    return Split(split.x[index], split.y[index], importance=importance)


def accuracy_on(learner: AbstractLearner, split: Split, classes: Iterable[int]) -> float:
    """Give the accuracy on the examples of some classes; the learner chooses among all classes that it knows.

    Measured before and after new classes are learned, it says how much of the old ones was forgotten. Errors as for `of_classes`.
    """
    part = of_classes(split, classes)
    return accuracy(scores_of(learner, part), part.y).item()
