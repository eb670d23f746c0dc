"""How much every class counts: all alike, balanced, or as told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def class_weights(wanted: Mapping[Any, float] | str | None, classes: np.ndarray, amount: np.ndarray) -> np.ndarray | None:
    """Give a weight for every class, or None if all count alike.

    Args:
        wanted: None, "balanced" (every class as much as the others in sum), or weights by class, 1 where left out.
        classes: their names.
        amount: the sum of the examples' weights in each class, above 0.

    Raises:
        ValueError: a weight is given to a class that is not there, or is not a finite number of at least 0.
    """
    if wanted is None:
        return None
    if isinstance(wanted, str):
        return amount.sum() / (len(classes) * amount)
    found, names = np.ones(len(classes)), classes.tolist()
    for name, weight in wanted.items():
        if name not in names:
            raise ValueError(f"class_weight names the class {name!r}, expected one of {', '.join(map(repr, names))}")
        if not isinstance(weight, int | float | np.number) or not 0 <= weight < np.inf:
            raise ValueError(f"class_weight must be finite and at least 0, got {weight!r} for the class {name!r}")
        found[names.index(name)] = weight
    return found
