"""Which examples are held out to stop training by: a random part, of every class alike."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor


def hold_out(
    labels: Int[Tensor, " n"], fraction: float, generator: torch.Generator
) -> tuple[Int[Tensor, " learned"], Int[Tensor, " judged"]]:
    """Part examples into those that are learned from and those that judge.

    Every class gives its rounded part, but never its last example, and the largest class gives at least one.

    Args:
        labels: class numbers; all 0 where there are no classes.
        fraction: of the examples that judge.
        generator: source of the choice.

    Raises:
        ValueError: there are too few examples to hold one out.
    """
    order = torch.randperm(len(labels), generator=generator)
    counts = torch.bincount(labels)
    taken = (fraction * counts).round().long().clamp(max=counts - 1)
    largest = int(counts.argmax())
    taken[largest] = taken[largest].clamp(min=1)
    if counts[largest] < 2:
        raise ValueError(
            f"early stopping holds out an example of a class or target that has 2, got n_samples={len(labels)}"
        )
    judged = torch.cat([order[labels[order] == label][: int(taken[label])] for label in range(len(counts))])
    learned = torch.ones(len(labels), dtype=torch.bool)
    learned[judged] = False
    return order[learned[order]], judged
