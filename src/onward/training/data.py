"""Data in memory: splits of examples, and how a table of examples is parted into them.

A `Split` holds inputs and targets. Splits of several nets that train side by side are stacked on a leading axis
(`*nets`), so that every net sees its own data in its own order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from numbers import Real
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from onward import given


@dataclass(frozen=True, repr=False)
class Split:
    """Inputs and targets of some examples.

    Attributes:
        x: `*nets n features`, or `*nets n ticks features` for sequences; finite.
        y: class numbers `*nets n`, or target vectors `*nets n outputs`.
        nets: the leading axis as a shape: `()`, or `(s,)` if `stack` put s splits side by side.
        importance: how much each example counts, `*nets n`, in any unit; all the same if left out.

    Raises:
        ValueError: no examples, different numbers of inputs and targets, NaN or infinity, importance below 0 or all 0.
    """

    x: Float[Tensor, "..."]
    y: Shaped[Tensor, "..."]
    nets: tuple[int, ...] = ()
    importance: Float[Tensor, "*nets n"] | None = None

    def __post_init__(self) -> None:
        for name, part in (("inputs", self.x), ("targets", self.y)):
            if not isinstance(part, Tensor):
                raise ValueError(f"{name} must be a torch.Tensor, got {type(part).__name__}; torch.as_tensor() makes one")
        if self.x.ndim < len(self.nets) + 2:
            raise ValueError(f"inputs must be examples x features, got shape {tuple(self.x.shape)}")
        shapes = [tuple(part.shape[: len(self.nets) + 1]) for part in (self.x, self.y)]
        if shapes[0] != shapes[1]:
            raise ValueError(f"inputs and targets must have as many examples, got {shapes[0][-1]} and {shapes[1][-1:]}")
        if not len(self):
            raise ValueError("a split needs at least one example, got none")
        for name, part in (("inputs", self.x), ("targets", self.y)):
            wrong = (~part.isfinite()).nonzero()
            if len(wrong):
                where = tuple(wrong[0].tolist())
                raise ValueError(f"{name} must be finite, got {part[where].item()} at index {list(where)}")
        if self.importance is not None:
            expected, mean = (*self.nets, len(self)), self.importance.mean(-1)
            if tuple(self.importance.shape) != expected:
                raise ValueError(f"importance must be {list(expected)}, got shape {list(self.importance.shape)}")
            if not self.importance.isfinite().all() or (self.importance < 0).any() or (mean <= 0).any():
                raise ValueError("importance must be finite, at least 0, and above 0 for some example")

    def __repr__(self) -> str:
        return f"Split(x {tuple(self.x.shape)} {self.x.dtype}, y {tuple(self.y.shape)} {self.y.dtype})"

    def __len__(self) -> int:
        """Number of examples (of each net)."""
        return self.x.shape[len(self.nets)]

    def to(self, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Split:
        """Give the split on another device, its floating-point parts in another dtype."""
        y = self.y.to(device, dtype) if self.y.is_floating_point() else self.y.to(device)
        importance = None if self.importance is None else self.importance.to(device, dtype)
        return Split(self.x.to(device, dtype), y, self.nets, importance)

    @property
    def share(self) -> Float[Tensor, "*nets n"] | None:
        """The importance of each example, scaled to a mean of 1; None if all count the same."""
        return None if self.importance is None else self.importance / self.importance.mean(-1, keepdim=True)

    def take(self, index: Shaped[Tensor, "*nets k"]) -> tuple[Tensor, Tensor]:
        """Give the inputs and targets of some examples; each net of a stack takes its own."""
        return self.pick(self.x, index), self.pick(self.y, index)

    def pick(self, part: Shaped[Tensor, "*nets n ..."], index: Shaped[Tensor, "*nets k"]) -> Shaped[Tensor, "*nets k ..."]:
        """Give the entries of some examples of anything that has one entry an example."""
        if not self.nets:
            return part[index]
        net = torch.arange(self.nets[0], device=index.device).unsqueeze(1)
        return part[net, index]


Augment = Callable[[Tensor, torch.Generator], Tensor]  # changes the inputs of a batch at random, keeping their shape


@runtime_checkable
class Learnable(Protocol):
    """What training looks at: examples to learn from, and some to choose by. A `Dataset` is one; its test part stays unseen."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def train(self) -> Split:
        """What is learned from."""
        ...

    @property
    def validation(self) -> Split | None:
        """What chooses."""
        ...

    @property
    def augment(self) -> Augment | None:
        """How batches that are learned from are changed at random."""
        ...


@dataclass(frozen=True)
class Lesson:
    """Examples to learn from, and some to choose by, with nothing to be judged on: what an estimator is given."""

    name: str
    train: Split
    validation: Split | None = None
    augment: Augment | None = None


@dataclass(frozen=True)
class Dataset:
    """What a net is trained on, chosen by, and judged on.

    Attributes:
        name: what reports call it.
        train: what is learned from.
        test: what is judged on, once.
        validation: what chooses; a part of the training data, never of the test data.
        augment: changes the inputs of every batch that is learned from at random; none of the other parts.
        class_names: what each class number stands for, where that is known.
    """

    name: str
    train: Split
    test: Split
    validation: Split | None = None
    augment: Augment | None = None
    class_names: tuple[str, ...] | None = field(default=None, compare=False)

    def to(self, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Dataset:
        """Give the data on another device, its floating-point parts in another dtype."""
        validation = None if self.validation is None else self.validation.to(dtype, device)
        train, test = self.train.to(dtype, device), self.test.to(dtype, device)
        return replace(self, train=train, test=test, validation=validation)


Parts = TypeVar("Parts", Dataset, Lesson)


def stack(datasets: Sequence[Parts]) -> Parts:
    """Put data sets of equal sizes side by side, for nets that are trained in one computation."""
    first = datasets[0]
    parts: dict[str, Split | None] = {}
    if any(dataset.augment is not None for dataset in datasets):
        raise ValueError("data sets that are changed at random cannot be stacked")
    for part in (one.name for one in fields(first) if one.name in ("train", "test", "validation")):
        splits = [getattr(dataset, part) for dataset in datasets]
        sizes = {None if split is None else (*split.x.shape, *split.y.shape) for split in splits}
        if len(sizes) > 1:
            raise ValueError(f"only data sets of equal sizes can be stacked, got {part} splits of {sizes}")
        if splits[0] is not None:
            x, y = torch.stack([s.x for s in splits]), torch.stack([s.y for s in splits])
            weighted = [s.x.new_ones(len(s)) if s.importance is None else s.importance for s in splits]
            importance = torch.stack(weighted) if any(s.importance is not None for s in splits) else None
            splits[0] = Split(x, y, (len(splits),), importance)
        parts[part] = splits[0]
    return replace(first, **parts)


def partition(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    *,
    seed: int,
    test: float = 0.3,
    validation: float = 0.2,
    standardise: bool = True,
    dtype: torch.dtype = torch.float32,
) -> Dataset:
    """Part examples at random, stratified by class, into training, validation and test data.

    Args:
        name: what reports call the data.
        x: examples x features.
        y: class numbers.
        seed: of the shuffle; the same seed gives the same parts.
        test: part of all examples that is judged on.
        validation: part of the *remaining* examples that chooses; 0 for none.
        standardise: whether to shift and scale every feature to mean 0 and deviation 1 over the training part.
        dtype: of the inputs.

    Raises:
        ValueError: lengths that differ, classes that are not whole numbers or too rare, NaN or infinity, parts out of range, a
            seed below 0.
    """
    from sklearn.model_selection import train_test_split

    x, y = np.asarray(x, dtype=np.float64), np.asarray(y)
    if x.ndim != 2 or y.shape != (len(x),):
        raise ValueError(f"expected examples x features and a class for each, got shapes {x.shape} and {y.shape}")
    if not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"classes must be whole numbers, got {y.dtype}")
    for row, column in np.argwhere(~np.isfinite(x)):
        raise ValueError(f"inputs must be finite, got {x[row, column]} at row {row}, column {column}")
    given.whole("seed", seed, 0)
    numbers = isinstance(test, Real) and isinstance(validation, Real)
    if not numbers or not 0 < test < 1 or not 0 <= validation < 1:
        raise ValueError(f"test and validation must be parts between 0 and 1, got {test!r} and {validation!r}")
    found, counts = np.unique(y, return_counts=True)
    if counts.min() < 4:
        raise ValueError(f"class {found[counts.argmin()]} has {counts.min()} examples; stratified parts need at least 4")

    def cut(index: np.ndarray, part: float) -> tuple[np.ndarray, np.ndarray]:
        left, taken = train_test_split(index, test_size=part, stratify=y[index], random_state=seed)
        return np.asarray(left), np.asarray(taken)

    learned, judged = cut(np.arange(len(y)), test)
    learned, choosing = cut(learned, validation) if validation else (learned, np.empty(0, np.int64))
    centre, scale = (x[learned].mean(0), x[learned].std(0)) if standardise else (0.0, 1.0)
    scaled = (x - centre) / np.where(scale == 0, 1, scale)

    def split(index: np.ndarray) -> Split:
        return Split(torch.tensor(scaled[index], dtype=dtype), torch.tensor(y[index], dtype=torch.int64))

    return Dataset(name, split(learned), split(judged), split(choosing) if choosing.size else None)
