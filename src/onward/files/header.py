"""The header of a safetensors file, read strictly: what the format leaves to goodwill is checked before it is believed.

A file is eight bytes with the header's length, the header as JSON, and the tensors' bytes. A header is believed if every
tensor has a known dtype, a shape that fits its bytes, and a place of its own, with no byte left over.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

LARGEST = 16 * 2**20  # bytes of a header
ITEMS = 500_000  # of JSON in it: Python needs up to 90 bytes for one of two
DIMENSIONS = 32
DEPTH = 200
METADATA = "__metadata__"

DTYPES: dict[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class Damage(Exception):
    """What is wrong, as the end of a sentence about the file."""


class Entry(NamedTuple):
    """A tensor's dtype and shape, and where its bytes lie behind the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def length(prefix: bytes, size: int) -> int:
    """Read the header's length off the first eight bytes of a file of `size` bytes."""
    if len(prefix) < 8:
        raise Damage("is truncated, or no file of onward")
    count = int.from_bytes(prefix[:8], "little")
    if not 2 <= count <= LARGEST:
        raise Damage("is not a file of onward")
    if 8 + count > size:
        raise Damage(f"is truncated, or no file of onward: its header should have {count} bytes, but {size - 8} are there")
    return count


def parse(text: bytes | str, what: str) -> Any:
    """Read JSON that has no key twice, no NaN, and not more in it than memory bears."""
    marks = (b",", b":", b"[", b"{") if isinstance(text, bytes) else (",", ":", "[", "{")
    if len(text) > LARGEST or sum(text.count(mark) for mark in marks) > ITEMS:  # pyright: ignore[reportArgumentType]
        raise Damage(f"is damaged: its {what} holds too much")
    try:
        value = json.loads(
            text.decode("ascii") if isinstance(text, bytes) else text,
            object_pairs_hook=_once,
            parse_constant=_refuse,
        )
        check_plain(value)
    except (ValueError, RecursionError, MemoryError) as error:
        raise Damage(f"is damaged: its {what} is not what onward writes") from error
    return value


def canonical(value: Any) -> str:
    """Write JSON in the one way that this value has: keys sorted, ASCII, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def check_plain(value: Any, depth: int = 0) -> None:
    """Refuse, with a `ValueError`, what JSON would not give back as it was."""
    kind = type(value)
    if depth > DEPTH:
        raise ValueError(f"nesting goes deeper than {DEPTH} levels")
    if kind is dict:
        for key, one in value.items():
            if type(key) is not str:
                raise ValueError(f"keys must be text, got {type(key).__name__}")
            check_plain(key)
            check_plain(one, depth + 1)
    elif kind is list:
        for one in value:
            check_plain(one, depth + 1)
    elif kind is float:
        if not math.isfinite(value):
            raise ValueError(f"numbers must be finite, got {value}")
    elif kind is str:
        if not value.isascii():
            value.encode()  # halves of surrogate pairs are refused
    elif kind is int:
        str(value)  # Python refuses to print, and to read, more than some thousand digits
    elif value is not None and kind is not bool:
        raise ValueError(f"only dict, list, str, int, float, bool and None can be kept, got {kind.__name__}")


def entries(header: Mapping[str, Any], size: int) -> dict[str, Entry]:
    """Check the tensors that a header tells of against the `size` bytes behind it; give them in the order of those."""
    found = {name: _entry(name, header[name]) for name in header if name != METADATA}
    found = dict(sorted(found.items(), key=lambda item: (item[1].start, item[1].stop)))
    end = 0
    for name, entry in found.items():
        if entry.start != end:
            raise Damage(f"is damaged: the tensor {_short(name)} does not begin where the one before it ends")
        end = entry.stop
    if end > size:
        raise Damage(f"is truncated: its tensors should have {end} bytes, but {size} are there")
    if end < size:
        raise Damage(f"is damaged: {size - end} bytes follow its last tensor")
    return found


def _entry(name: str, found: Any) -> Entry:
    broken = Damage(f"is damaged: its header says what cannot be of the tensor {_short(name)}")
    if type(found) is not dict or found.keys() != {"dtype", "shape", "data_offsets"}:
        raise broken
    dtype, shape, offsets = found["dtype"], found["shape"], found["data_offsets"]
    if type(dtype) is not str or dtype not in DTYPES or not _sizes(shape) or not _sizes(offsets) or len(offsets) != 2:
        raise broken
    if len(shape) > DIMENSIONS or math.prod(n for n in shape if n) * DTYPES[dtype].itemsize >= 2**63:
        raise broken
    if offsets[1] - offsets[0] != math.prod(shape) * DTYPES[dtype].itemsize:
        raise broken
    return Entry(dtype, tuple(shape), *offsets)


def _sizes(found: Any) -> bool:
    return type(found) is list and len(found) <= DIMENSIONS and all(type(n) is int and 0 <= n < 2**63 for n in found)


def _short(name: str) -> str:
    return repr(name if len(name) <= 60 else name[:60] + "...")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
