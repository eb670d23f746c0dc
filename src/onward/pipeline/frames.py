"""What goes from rank to rank: a frame is a few numbers and some tensors, packed into one run of bytes.

Tensors arrive with the strides that they left with and aligned as fresh ones are, since products may round differently where
they are not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

HEADER = 256  # numbers
ALIGNMENT = 64  # bytes, as fresh tensors have it
DTYPES = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
)


class Kind(IntEnum):
    """What a frame is about."""

    STEP = 0  # activity (the first rank: input), targets, importance, losses so far
    JUDGE = 1  # input (after the first rank: its shape), targets and importance of what is judged
    PART = 2  # what a part of the learner gave while it was judged
    EPOCH = 3  # an epoch has ended
    END = 4  # nothing more will come


class Frame(NamedTuple):
    """What goes from rank to rank.

    Attributes:
        kind: what it is about.
        number: of steps since training began that come before its end.
        store: whether every rank is to be stored when it has dealt with it.
        tensors: what it carries.
    """

    kind: Kind
    number: int = 0
    store: bool = False
    tensors: tuple[Tensor | None, ...] = ()


def size_of(frame: Frame) -> int:
    """Give the bytes that the tensors of a frame take."""
    return sum(_padded(tensor) for tensor in frame.tensors if tensor is not None)


def pack(frame: Frame, payload: UInt8[Tensor, "bytes"]) -> Int64[Tensor, "header"]:
    """Copy the tensors of a frame into a payload that is large enough; give the header that tells of them."""
    told = [frame.kind, frame.number, int(frame.store), size_of(frame), len(frame.tensors)]
    start = 0
    for tensor in frame.tensors:
        if tensor is None:
            told.append(-1)
            continue
        dense = tensor.detach() if _dense(tensor) else tensor.detach().contiguous()
        told += [DTYPES.index(dense.dtype), dense.ndim, *dense.shape, *dense.stride()]
        flat = dense.as_strided((dense.numel(),), (1,))
        payload[start : start + dense.nbytes].copy_(flat.view(torch.uint8))
        start += _padded(dense)
    if len(told) > HEADER:
        raise ValueError(f"a frame tells of its tensors in {HEADER} numbers, got {len(told)}")
    header = torch.zeros(HEADER, dtype=torch.int64)
    header[: len(told)] = torch.tensor(told)
    return header


def payload_size(header: Int64[Tensor, "header"]) -> int:
    """Give the number of bytes that follow a header."""
    return int(header[3])


def unpack(header: Int64[Tensor, "header"], payload: UInt8[Tensor, "bytes"]) -> Frame:
    """Give the frame that `pack` packed; its tensors are views of the payload."""
    kind, number, store, _, count, *rest = header.tolist()
    told, start = iter(rest), 0
    tensors: list[Tensor | None] = []
    for _ in range(count):
        tensor = _read(told, payload, start)
        tensors.append(tensor)
        start += 0 if tensor is None else _padded(tensor)
    return Frame(Kind(kind), number, bool(store), tuple(tensors))


def _read(told: Iterator[int], payload: Tensor, start: int) -> Tensor | None:
    code = next(told)
    if code < 0:
        return None
    dtype, dimensions = DTYPES[code], next(told)
    shape = [next(told) for _ in range(dimensions)]
    strides = [next(told) for _ in range(dimensions)]
    flat = payload[start : start + math.prod(shape) * dtype.itemsize].view(dtype)
    return flat.as_strided(shape, strides)


def _padded(tensor: Tensor) -> int:
    return -(-tensor.numel() * tensor.element_size() // ALIGNMENT) * ALIGNMENT


def _dense(tensor: Tensor) -> bool:
    """Whether the numbers lie side by side without gaps, in any order of the axes."""
    if tensor.is_contiguous():
        return True
    expected = 1
    for stride, size in sorted(
        (stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size > 1
    ):
        if stride != expected:
            return False
        expected *= size
    return True
