"""What a step is made of: every distinct operation, by its function and the shapes it is given, how often, and how long one takes here.

A recorded operation holds no numbers, so a step is recorded for nets and batches that fit no machine; one that is too large to be timed
is timed with its largest sizes halved, and scaled by its multiply-adds, or by its bytes where it has none.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from onward.meters.moved import bytes_moved
from onward.meters.rate import best, copied_per_second
from onward.nets.cost import of_operation

MOST_NUMBERS = 2**24  # of one tensor of an operation that is timed as it is
MOST_PRODUCTS = 2_000_000_000  # multiply-adds of such a one
HALVED = 16  # sizes above it may be halved; the numbers that say how an operation is done are below it
SMALL = 2**16  # bytes that are moved in the time that calling an operation takes
SPENT = 0.008  # seconds that timing an operation may take each time, at the least two runs
TIMES = 3  # that all operations are timed, in turns, so that a moment in which the machine is busy counts for little


Known = dict[Any, "Operation"]


class Form(NamedTuple):
    """A tensor without its numbers."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True, eq=False)
class Operation:
    """A function and what it is given, with forms in the places of tensors; what is recorded twice is one object.

    Attributes:
        function: of PyTorch, as it is dispatched.
        leaves: its arguments, with lists taken apart.
        spec: how they are put together.
        products: multiply-adds.
        moved: bytes read and written.
    """

    function: Any
    leaves: tuple[Any, ...]
    spec: TreeSpec
    products: int
    moved: int


class Operations(TorchDispatchMode):
    """Within a `with`, records operations that move bytes, those of autograd too.

    Attributes:
        found: how often each was run.
        beside: those that were run while it was told to put them aside.
    """

    def __init__(self, known: Known | None = None) -> None:
        """Begin with none; `known` are operations that other records have met, which are the same objects here."""
        super().__init__()
        self.found: Counter[Operation] = Counter()
        self.beside: Counter[Operation] = Counter()
        self._known = {} if known is None else known
        self._into = self.found

    @property
    def moved(self) -> int:
        """Bytes that all of them read and write, those beside too."""
        return sum(one.moved * count for counter in (self.found, self.beside) for one, count in counter.items())

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Within a `with`, record as beside."""
        self._into = self.beside
        try:
            yield
        finally:
            self._into = self.found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        leaves, spec = tree_flatten((args, kwargs))
        formed = tuple(
            Form(tuple(leaf.shape), leaf.stride(), leaf.dtype) if isinstance(leaf, Tensor) else leaf for leaf in leaves
        )  # before the call, which may change what it is given
        made = func(*args, **kwargs)
        key = (func, formed, len(args))
        if key not in self._known:
            products, moved = of_operation(func, args, kwargs, made), bytes_moved(func, args, kwargs, made)
            self._known[key] = Operation(func, formed, spec, products, moved)
        if self._known[key].moved:
            self._into[self._known[key]] += 1
        return made


class Stopwatch:
    """How long operations take on a device: each is timed once, however many steps hold it."""

    def __init__(self, operations: Iterable[Operation], device: torch.device) -> None:
        """Time operations, what every call costs, and how fast bytes are copied, for what cannot be timed itself."""
        self.device = device
        number = torch.ones(1, device=device)
        self.call = best(lambda: number + number, device, SPENT)
        self.a_byte = 1 / copied_per_second(device)
        every = dict.fromkeys(operations)
        self._known = {one: self.call for one in every if one.moved <= SMALL and not one.products}
        for _ in range(TIMES):
            for one in every:
                if one.products or one.moved > SMALL:
                    self._known[one] = min(self._known.get(one, math.inf), self._time(one))

    def seconds(self, operations: Mapping[Operation, int]) -> float:
        """Give the seconds that operations take, all of which were timed, one after another."""
        return sum(count * self._known[one] for one, count in operations.items())

    def _time(self, operation: Operation) -> float:
        small = _halved(operation)
        try:
            args, kwargs = tree_unflatten([_real(leaf, self.device) for leaf in small.leaves], small.spec)
            function = operation.function
            made = function(*args, **kwargs)
            work = of_operation(function, args, kwargs, made) if operation.products else None
            work = work or bytes_moved(function, args, kwargs, made)
            del made
            taken = best(lambda: function(*args, **kwargs), self.device, SPENT)
        except (RuntimeError, ValueError, IndexError):  # sizes that do not go together any more, or too little memory
            return self.call + operation.moved * self.a_byte
        return taken * max(1.0, (operation.products or operation.moved) / work)


def _halved(operation: Operation) -> Operation:
    """Halve the largest size, wherever it stands, until the operation can be timed."""
    sizes = {size for leaf in operation.leaves if isinstance(leaf, Form) for size in leaf.size if size > HALVED}
    by = {size: size for size in sizes}
    products = operation.products

    def numbers(form: Form) -> int:
        return torch.Size(by.get(size, size) for size in form.size).numel()

    forms = [leaf for leaf in operation.leaves if isinstance(leaf, Form)]
    while (products > MOST_PRODUCTS or max(map(numbers, forms), default=0) > MOST_NUMBERS) and by:
        largest = max(by, key=by.__getitem__)
        if by[largest] <= HALVED:
            break
        by[largest] = -(-by[largest] // 2)
        products //= 2
    if all(by[size] == size for size in by):
        return operation
    leaves = tuple(_resized(leaf, by) for leaf in operation.leaves)
    return Operation(operation.function, leaves, operation.spec, operation.products, operation.moved)


def _resized(leaf: Any, by: Mapping[int, int]) -> Any:
    """Put other sizes in the place of those of a tensor, its axes in memory in the same order; or of a number that is such a size."""
    if not isinstance(leaf, Form):
        return by.get(leaf, leaf) if type(leaf) is int else leaf
    size = tuple(by.get(one, one) for one in leaf.size)
    stride, step = [0] * len(size), 1
    for axis in sorted(range(len(size)), key=lambda k: (leaf.stride[k], -k)):
        if leaf.stride[axis]:
            stride[axis], step = step, step * size[axis]
    return Form(size, tuple(stride), leaf.dtype)


def _real(leaf: Any, device: torch.device) -> Any:
    if isinstance(leaf, torch.device):
        return device
    if not isinstance(leaf, Form):
        return leaf
    reach = 1 + sum((size - 1) * step for size, step in zip(leaf.size, leaf.stride, strict=True)) if all(leaf.size) else 0
    # Filled, for pages that were never written are all the same page, which is faster than memory.
    return torch.empty(reach, dtype=leaf.dtype, device=device).fill_(0).as_strided(leaf.size, leaf.stride)
