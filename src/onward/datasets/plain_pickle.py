"""Reads the pickles of CIFAR's Python version without running any of them: an interpreter of the few opcodes they use.

A pickle is a program. Of its powers this one has dictionaries, lists, tuples, numbers, texts, bytes, and arrays of unsigned
bytes; a pickle that names anything else is refused before anything is imported or called.

Source: `pickletools` of the standard library documents the opcodes. Files of Python 2 hold texts as bytes.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

RECONSTRUCT, NDARRAY, DTYPE, ENCODE = "_reconstruct", "ndarray", "dtype", "encode"
NAMES = {
    ("numpy.core.multiarray", RECONSTRUCT): RECONSTRUCT,
    ("numpy._core.multiarray", RECONSTRUCT): RECONSTRUCT,
    ("numpy", NDARRAY): NDARRAY,
    ("numpy", DTYPE): DTYPE,
    ("_codecs", ENCODE): ENCODE,
}
CONSTANTS = {b"N": None, b"\x88": True, b"\x89": False}
NUMBERS = {b"K": "<B", b"M": "<H", b"J": "<i"}
TEXTS = {b"U": "<B", b"T": "<i", b"C": "<B", b"B": "<I", b"\x8e": "<Q", b"X": "<I", b"\x8c": "<B", b"\x8d": "<Q"}
UNICODE = (b"X", b"\x8c", b"\x8d")
MEMO_PUT = {b"q": "<B", b"r": "<I"}
MEMO_GET = {b"h": "<B", b"j": "<I"}
TUPLES = {b"\x85": 1, b"\x86": 2, b"\x87": 3}


class NotPlain(ValueError):
    """The pickle is damaged, or holds more than plain data and arrays of bytes."""


@dataclass(frozen=True)
class _Name:
    """A name that a pickle may say; it stands for nothing but itself."""

    word: str


@dataclass
class _Array:
    """An array, or the dtype of one, that is not filled in yet."""

    kind: str
    value: np.ndarray | None = None


def loads(data: bytes) -> Any:
    """Give what a pickle holds: plain data; as itself, or as a value of its one dictionary, a read-only array of bytes.

    Raises:
        NotPlain: anything else.
    """
    try:
        return _finished(_Machine(data).run())
    except NotPlain:
        raise
    except (IndexError, struct.error, KeyError, TypeError, ValueError, OverflowError) as error:
        raise NotPlain(f"a damaged pickle ({type(error).__name__})") from error


def _finished(value: Any) -> Any:
    """Put arrays in the place of what stands for them."""
    if isinstance(value, _Array) and value.value is not None:
        return value.value
    if isinstance(value, _Array | _Name):
        raise NotPlain("an array that is never filled in")
    if isinstance(value, dict):
        return {key: _finished(one) if isinstance(one, _Array | _Name) else one for key, one in value.items()}
    return value


class _Machine:
    """A stack, its marks and a memo, as pickle's own."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> Any:
        while (code := self.take(1)) != b".":
            self.step(code)
        if len(self.stack) != 1 or self.marks:
            raise NotPlain("a pickle that leaves something behind")
        return self.stack[0]

    def take(self, size: int) -> bytes:
        part = self.data[self.at : self.at + size]
        if size < 0 or len(part) != size:
            raise NotPlain("a pickle that is cut short")
        self.at += size
        return part

    def number(self, form: str) -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        end = self.data.find(b"\n", self.at, self.at + 256)
        if end < 0:
            raise NotPlain("a pickle that is cut short")
        text, self.at = self.data[self.at : end].decode("ascii"), end + 1
        return text

    def pop(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise NotPlain("a pickle that takes more than there is")
        return self.stack.pop()

    def above_mark(self) -> list[Any]:
        mark = self.marks.pop()
        above, self.stack[mark:] = self.stack[mark:], []
        return above

    def step(self, code: bytes) -> None:
        if code in CONSTANTS:
            self.stack.append(CONSTANTS[code])
        elif code in NUMBERS:
            self.stack.append(self.number(NUMBERS[code]))
        elif code in TEXTS:
            text = self.take(self.number(TEXTS[code]))
            self.stack.append(text.decode("utf-8") if code in UNICODE else text)
        elif code in MEMO_PUT:
            self.memo[self.number(MEMO_PUT[code])] = self.stack[-1]
        elif code == b"\x94":
            self.memo[len(self.memo)] = self.stack[-1]
        elif code in MEMO_GET:
            self.stack.append(self.memo[self.number(MEMO_GET[code])])
        elif code in TUPLES:
            parts = [self.pop() for _ in range(TUPLES[code])]
            self.stack.append(tuple(reversed(parts)))
        elif code in b"(t})]eaus":
            self.collect(code)
        elif code == b"\x80":
            if not 2 <= self.number("<B") <= 5:
                raise NotPlain("a pickle of an unknown protocol")
        elif code == b"\x95":
            self.number("<Q")
        elif code == b"c":
            self.name(self.line(), self.line())
        elif code == b"\x93":
            word, module = self.pop(), self.pop()
            self.name(module, word)
        elif code == b"R":
            arguments, function = self.pop(), self.pop()
            self.stack.append(_call(function, arguments))
        elif code == b"b":
            state, target = self.pop(), self.stack[-1]
            _fill(target, state)
        else:
            raise NotPlain(f"opcode {code!r}, which plain data does not need")

    def collect(self, code: bytes) -> None:
        """Marks, tuples, lists and dictionaries."""
        if code == b"(":
            self.marks.append(len(self.stack))
        elif code == b"t":
            self.stack.append(tuple(self.above_mark()))
        elif code == b")":
            self.stack.append(())
        elif code == b"}":
            self.stack.append({})
        elif code == b"]":
            self.stack.append([])
        elif code in b"ea":
            added = self.above_mark() if code == b"e" else [self.pop()]
            _expect(self.stack[-1], list).extend(added)
        else:
            added = self.above_mark() if code == b"u" else [self.pop(), self.pop()][::-1]
            keys = [_expect(key, bytes | str) for key in added[::2]]
            if len(added) % 2:
                raise NotPlain("a key without a value")
            _expect(self.stack[-1], dict).update(zip((_text(key) for key in keys), added[1::2], strict=True))

    def name(self, module: Any, word: Any) -> None:
        if not isinstance(module, str) or not isinstance(word, str) or (module, word) not in NAMES:
            raise NotPlain(f"the name {module!s:.60}.{word!s:.60}, which is not allowed")
        self.stack.append(_Name(NAMES[module, word]))


def _call(function: Any, arguments: Any) -> Any:
    """What the three functions give; none of them is run."""
    match function, arguments:
        case _Name("_reconstruct"), (_Name("ndarray"), tuple(), bytes() | str()):
            return _Array("array")
        case _Name("dtype"), (bytes() | str() as kind, *_) if _text(kind).lstrip("|") in ("u1", "uint8"):
            return _Array("dtype")
        case _Name("encode"), (str(text), bytes() | str() as coding) if _text(coding) in ("latin1", "latin-1"):
            return text.encode("latin-1")
    raise NotPlain("a call that arrays of bytes do not need")


def _fill(target: Any, state: Any) -> None:
    """Give an array its shape and bytes; what is said of a dtype of bytes changes nothing."""
    match target, state:
        case _Array("dtype"), tuple():
            return
        case _Array("array"), (1, tuple(shape), _Array("dtype"), bool(columns), bytes(data)):
            sizes = [_expect(size, int) for size in shape]
            if min(sizes, default=-1) < 0 or math.prod(sizes) != len(data):
                raise NotPlain(f"an array of shape {sizes} with {len(data)} bytes")
            target.value = np.frombuffer(data, np.uint8).reshape(sizes, order="F" if columns else "C")
            return
    raise NotPlain("a state that arrays of bytes do not have")


def _expect(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise NotPlain(f"a {type(value).__name__} in the wrong place")
    return value


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
