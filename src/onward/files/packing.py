"""Nested values as a JSON-ready skeleton and a flat dictionary of tensors, and back, exactly.

Numbers, text and lists stand in the skeleton as they are; what JSON does not have is an object with one key that says
what it is: `{"tuple": [...]}`, `{"dict": [[key, value], ...]}`, `{"float": "7ff0000000000000"}`, `{"tensor": "0"}`.
"""

from __future__ import annotations

import math
import reprlib
import struct
from collections.abc import Mapping
from typing import Any

from torch import Tensor

DEPTH = 40  # of nesting; a dictionary is three levels of JSON
BITS = 1024  # of a whole number; generators of random numbers keep some of 128

Place = tuple[object, ...]


def pack(value: Any) -> tuple[Any, dict[str, Tensor]]:
    """Part a value into a skeleton that JSON can hold and the tensors in it, by the names that the skeleton has for them.

    Args:
        value: None, bool, int, float (infinity and NaN too), str, `torch.Tensor`, or lists, tuples and dictionaries
            (keys: str or int) of such; exactly these types. A tensor's values are kept, not its gradient, and one that
            stands at two places comes back as two.

    Raises:
        TypeError: something else is in it; the sentence names the place.
    """
    tensors: dict[str, Tensor] = {}
    return _pack(value, (), tensors), tensors


def _pack(value: Any, place: Place, tensors: dict[str, Tensor]) -> Any:
    kind = type(value)
    if len(place) > DEPTH:
        raise TypeError(f"the value at {_name(place)} lies more than {DEPTH} levels deep, or holds itself")
    if value is None or kind is bool:
        return value
    if kind is int and value.bit_length() <= BITS:
        return value
    if kind is str and _is_unicode(value):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": struct.pack(">d", value).hex()}
    if kind is Tensor:
        name = str(len(tensors))
        tensors[name] = value.detach()
        return {"tensor": name}
    if kind is list or kind is tuple:
        items = [_pack(one, (*place, k), tensors) for k, one in enumerate(value)]
        return items if kind is list else {"tuple": items}
    if kind is dict:
        for key in value:
            if not _is_key(key):
                raise TypeError(f"a key at {_name(place)} must be text or a whole number, got {_shown(key)}")
        return {"dict": [[key, _pack(one, (*place, key), tensors)] for key, one in value.items()]}
    raise TypeError(
        f"cannot pack {_shown(value)} at {_name(place)}; expected None, bool, "
        f"int (to {BITS} bits), float, str (valid Unicode), Tensor, or a list, tuple or dict of them"
    )


def unpack(skeleton: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Put a value together again: `unpack(*pack(value))` has the values, types and dtypes of `value`.

    Args:
        skeleton: what `pack` made, or anything that JSON can hold.
        tensors: exactly those that it names.

    Raises:
        ValueError: the skeleton is none of `pack`, or the tensors are not those that it names.
    """
    left = dict(tensors)
    value = _unpack(skeleton, (), left)
    for name in left:
        raise ValueError(f"the tensor {reprlib.repr(name)} has no place in the skeleton")
    return value


def _unpack(skeleton: Any, place: Place, left: dict[str, Tensor]) -> Any:
    kind = type(skeleton)
    if len(place) > DEPTH:
        raise ValueError(f"a skeleton may nest {DEPTH} levels, but goes deeper at {_name(place)}")
    if skeleton is None or kind is bool or (kind is int and skeleton.bit_length() <= BITS):
        return skeleton
    if (kind is float and math.isfinite(skeleton)) or (kind is str and _is_unicode(skeleton)):
        return skeleton
    if kind is list:
        return [_unpack(one, (*place, k), left) for k, one in enumerate(skeleton)]
    if kind is dict and len(skeleton) == 1:
        ((tag, content),) = skeleton.items()
        if tag == "tuple" and type(content) is list:
            return tuple(_unpack(one, (*place, k), left) for k, one in enumerate(content))
        if tag == "dict" and type(content) is list:
            return _unpack_dict(content, place, left)
        if tag == "float" and type(content) is str and (number := _not_finite(content)) is not None:
            return number
        if tag == "tensor" and type(content) is str:
            if content not in left:
                raise ValueError(f"the tensor {reprlib.repr(content)} of {_name(place)} is missing, or named twice")
            return left.pop(content)
    raise ValueError(f"a skeleton holds {_short(skeleton)} at {_name(place)}, which is nothing that was packed")


def _unpack_dict(content: list[Any], place: Place, left: dict[str, Tensor]) -> dict[str | int, Any]:
    value: dict[str | int, Any] = {}
    for entry in content:
        if type(entry) is not list or len(entry) != 2 or not _is_key(entry[0]) or entry[0] in value:
            raise ValueError(
                f"an entry of the dictionary at {_name(place)} must be a new key and a value, got {_short(entry)}"
            )
        value[entry[0]] = _unpack(entry[1], (*place, entry[0]), left)
    return value


def _not_finite(digits: str) -> float | None:
    """Read the bits of infinity or NaN, written as 16 hexadecimal digits; None for anything else."""
    if len(digits) != 16 or not set(digits) <= set("0123456789abcdef"):
        return None
    number = struct.unpack(">d", bytes.fromhex(digits))[0]
    return None if math.isfinite(number) else number


def _is_key(key: object) -> bool:
    return (type(key) is str and _is_unicode(key)) or (type(key) is int and key.bit_length() <= BITS)


def _is_unicode(text: str) -> bool:
    """Whether JSON keeps the text: halves of surrogate pairs would come back joined, or not at all."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _short(json: object) -> str:
    """Show the beginning of something foreign."""
    try:
        return reprlib.repr(json)[:100]
    except ValueError:  # a number of more digits than Python prints
        return "a number too long to print"


def _shown(value: object) -> str:
    if type(value) is int and value.bit_length() > BITS:
        return f"a number of {value.bit_length()} bits"  # Python may refuse to print it
    return reprlib.repr(value) if type(value) in (int, str) else type(value).__name__


def _name(place: Place) -> str:
    return "value" + "".join(f"[{reprlib.repr(key)}]" for key in place)
