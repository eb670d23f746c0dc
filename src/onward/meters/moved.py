"""Bytes that operations read and write: beside the time and the bandwidth of memory they tell what waits for memory.

Every operation counts what it is given and what it makes, each tensor whole and once, as if nothing stayed in a cache between two
operations; what only looks at memory, such as a transpose, moves nothing. What is compiled fuses operations and moves less.
The fused Adam of PyTorch declares gradients as changed, so they are counted as written too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

ALLOCATING = ("aten::empty", "aten::new_empty")  # gives memory and touches none of it
OVERWRITING = ("aten::copy_", "aten::fill_", "aten::zero_")  # does not read what it changes


def bytes_moved(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], made: Any) -> int:
    """Give the bytes that one operation reads and writes, from what it was given and what it made."""
    schema = func._schema
    if schema.name.startswith(ALLOCATING):
        return 0
    given = [*zip(schema.arguments, args, strict=False)]
    given += [(one, kwargs[one.name]) for one in schema.arguments if one.name in kwargs]
    changed = _tensors(value for one, value in given if _written(one))
    looked = any(one.alias_info is not None for one in schema.returns)  # a view, or what was changed
    written = changed + ([] if looked else _tensors([made]))
    if not written:
        return 0
    read = _tensors(value for one, value in given if not (_written(one) and _overwritten(schema, one)))
    return _bytes(read) + _bytes(written)


def _written(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def _overwritten(schema: Any, argument: Any) -> bool:
    return schema.name in OVERWRITING or argument.is_out


def _tensors(values: Iterable[object]) -> list[Tensor]:
    return [one for one in tree_leaves(list(values)) if isinstance(one, Tensor)]


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum({id(one): one.numel() * one.element_size() for one in tensors}.values())
