"""What running a module costs: multiply-adds of its matrix products and convolutions, counted as they are run.

A sum of n products is n multiply-adds; a convolution counts the zeros around its map as any other place does. Activations,
pooling and normalisation are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from onward.nets.modes import evaluating
from onward.nets.projections import Shape


class Products(TorchDispatchMode):
    """Within a `with`, counts the multiply-adds of what its thread runs, those of autograd too.

    Attributes:
        count: so far.
    """

    def __init__(self) -> None:
        """Begin at 0."""
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        self.count += of_operation(func, args, kwargs or {}, given)
        return given


def of_operation(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], made: Any) -> int:
    """Give the multiply-adds of one operation, from what it was given and what it made; of a sparse matrix (CSR) only its entries are multiplied."""
    for one in args:
        if isinstance(one, Tensor) and one.layout == torch.sparse_csr:
            return one.values().numel() * _products_an_entry(func._overloadpacket, args, made)
    flops = flop_registry.get(func._overloadpacket)
    return 0 if flops is None else flops(*args, **kwargs, out_val=made) // 2  # a multiplication and an addition are two


def _products_an_entry(operation: Any, args: Sequence[Any], made: Any) -> int:
    """Give how often an operation multiplies each entry of a sparse matrix, or how many products it makes for it."""
    aten = torch.ops.aten
    if operation in (aten.mv, aten.addmv):
        return 1
    if operation == aten.sparse_sampled_addmm:
        return args[1].shape[-1]
    return made.shape[-1] if operation in (aten.mm, aten.addmm) else 0


def counted(run: Callable[[], object]) -> int:
    """Give the multiply-adds of whatever is run."""
    with Products() as products:
        run()
    return products.count


@torch.no_grad()
def multiply_adds(module: nn.Module, shape: Shape) -> int:
    """Give the multiply-adds of one example of a shape; the module is left as it was.

    Raises:
        RuntimeError: the module cannot take such an example.
    """
    weight = next(module.parameters(), torch.empty(0))
    x = torch.zeros(1, *shape, dtype=weight.dtype, device=weight.device)
    with evaluating(module):
        return counted(lambda: module(x))
