"""Tensors and a configuration in one safetensors file, with a seal over all of it.

The seal is a SHA-256 digest of the content, checked before anything is used; and one content has one file, byte for byte,
so that not even a bit outside the digest can change unseen. Reading runs no code of the file's.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import reprlib
import stat
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from onward.files import atomic
from onward.files.header import DTYPES, LARGEST, METADATA, Damage, Entry, canonical, check_plain, entries, length, parse

FORMAT = 1
NAMES = {dtype: name for name, dtype in DTYPES.items()}
KEYS = ("onward.configuration", "onward.format", "onward.kind", "onward.sha256")
FOREIGN = {b"PK\x03\x04": "a zip archive, as torch.save makes them", b"\x89PNG": "a PNG image", b"%PDF": "a PDF document"}


class FileDamaged(ValueError):
    """A file that cannot be used: missing, foreign, truncated, changed, too new, or of another kind."""


class Sealed(NamedTuple):
    """What a sealed file holds."""

    kind: str
    tensors: dict[str, Tensor]
    configuration: dict[str, Any]


def write(path: str | os.PathLike[str], kind: str, tensors: Mapping[str, Tensor], configuration: dict[str, Any]) -> None:
    """Write a sealed file, whole or not at all. The same content always gives the same bytes.

    Args:
        path: where.
        kind: what it is, such as "model"; whoever reads it says what they expect.
        tensors: dense tensors of any shape, on any device; they come back contiguous and on the CPU, without gradients.
        configuration: anything that JSON gives back as it was.

    Raises:
        ValueError: a name, tensor or configuration that cannot be kept in such a file.
        WriteFailed: the file could not be written; what was there is unchanged.
    """
    if type(configuration) is not dict:
        raise ValueError(f"a configuration must be a dict, got {type(configuration).__name__}")
    for words, text in (("a kind", kind), *(("a tensor's name", name) for name in tensors)):
        if type(text) is not str or not 1 <= len(text) <= 1000:
            raise ValueError(f"{words} must be text of 1 to 1000 characters, got {reprlib.repr(text)}")
    if METADATA in tensors:
        raise ValueError(f"a tensor's name must not be {METADATA!r}, which the format keeps for itself")
    try:
        for part in (configuration, kind, *tensors):
            check_plain(part)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the configuration, kind and names must be plain JSON: {error}") from error
    arrays = {name: _array(name, tensors[name]) for name in sorted(tensors)}
    found, end = {}, 0
    for name in _order({name: NAMES[tensor.dtype] for name, tensor in tensors.items()}):
        found[name] = Entry(NAMES[tensors[name].dtype], tuple(tensors[name].shape), end, end + arrays[name].nbytes)
        end = found[name].stop
    text = canonical(configuration)
    header = _header(found, text, kind, _digest(str(FORMAT), kind, text, found, arrays))
    try:
        entries(parse(header, "header"), end)  # what is written can be read
        parse(text, "configuration")
        length(len(header).to_bytes(8, "little"), 8 + len(header))
    except Damage:
        raise ValueError(
            f"names, shapes and configuration are too much for one file: {len(header)} bytes, of at most {LARGEST}"
        ) from None
    pieces = [array.data for name in found if (array := arrays[name]).size]
    atomic.write(path, [len(header).to_bytes(8, "little"), header, *pieces])


def read(path: str | os.PathLike[str], kind: str | Collection[str]) -> Sealed:
    """Read a sealed file, and give what it holds only if all of it is as it was written.

    The file is read once, so that what was checked is what is used; memory is bounded by a few times its size.

    Args:
        path: the file.
        kind: what it must be, or any of several.

    Raises:
        FileDamaged: it is not there, is no such file, is truncated or changed, was written by a newer onward, or is of
            another kind; one sentence says which.
    """
    kinds = [kind] if isinstance(kind, str) else list(kind)
    try:
        return _open(_bytes(Path(path)), kinds)
    except Damage as damage:
        raise FileDamaged(f"{path} {damage}") from damage.__cause__
    except MemoryError:
        raise FileDamaged(f"{path} needs more memory than there is") from None


def _bytes(path: Path) -> bytes:
    """Read a file once, but only eight bytes of it if those rule it out."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with io.FileIO(descriptor) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Damage("is not a file of onward, but a device or pipe")
            prefix = file.read(64) or b""
            if not prefix:
                raise Damage("is empty")
            try:
                length(prefix[:8], status.st_size)
            except Damage as damage:
                raise Damage(f"{damage}{_guess(prefix)}") from None
            file.seek(0)
            return file.readall()
    except FileNotFoundError:
        raise Damage("was not found") from None
    except IsADirectoryError:
        raise Damage("is a folder, expected a file of onward") from None
    except (OSError, ValueError) as error:
        raise Damage(f"cannot be read: {error.strerror if isinstance(error, OSError) else error}") from error


def _open(data: bytes, kinds: list[str]) -> Sealed:
    """Check the bytes of a file from the outside in, and only then make tensors of them."""
    behind = 8 + length(data[:8], len(data))
    if data[8:9] != b"{":
        raise Damage(f"is not a file of onward{_guess(data)}")
    header = parse(data[8:behind], "header")
    metadata = header.get(METADATA)
    if type(metadata) is not dict or not any(str(key).startswith("onward.") for key in metadata):
        raise Damage("is not a file of onward, though its header is like that of a safetensors file")
    if any(type(value) is not str for value in metadata.values()):
        raise Damage("is damaged: its header is not what onward writes")
    made = metadata.get("onward.format", "")
    if made != str(FORMAT):
        if made.isdecimal() and made.isascii() and len(made) < 10 and int(made) > FORMAT:
            raise Damage(f"was written by a newer onward (format {int(made)}, this one reads {FORMAT}): update onward")
        raise Damage("is damaged: its header names no format of onward")
    if tuple(sorted(metadata)) != KEYS:
        raise Damage("is damaged: its header is not what onward writes")
    found = entries(header, len(data) - behind)
    buffer = np.frombuffer(data, np.uint8, offset=behind) if behind < len(data) else np.empty(0, np.uint8)
    arrays = {name: buffer[entry.start : entry.stop] for name, entry in found.items()}
    kind, text, seal = metadata["onward.kind"], metadata["onward.configuration"], metadata["onward.sha256"]
    if _digest(made, kind, text, found, arrays) != seal or _header(found, text, kind, seal) != data[8:behind]:
        raise Damage("has changed since it was written: its SHA-256 does not match")
    configuration = parse(text, "configuration")
    if type(configuration) is not dict or canonical(configuration) != text or list(found) != _order(found):
        raise Damage("is damaged: its header is not what onward writes")
    if kind not in kinds:
        raise Damage(f"holds a {reprlib.repr(kind)[1:-1]}, expected a {' or '.join(kinds)}")
    if any(entry.dtype == "BOOL" and (arrays[name] > 1).any() for name, entry in found.items()):
        raise Damage("is damaged: a truth value in it is neither true nor false")
    try:
        tensors = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise Damage("is damaged: the safetensors library refuses it") from error
    return Sealed(kind, {name: tensors[name] for name in sorted(tensors)}, configuration)


def _array(name: str, tensor: Any) -> np.ndarray:
    """Give a tensor's bytes, little-endian, as an array of uint8."""
    if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.device.type == "meta":
        raise ValueError(f"{name} must be a dense torch.Tensor with values, got {type(tensor).__name__}")
    if tensor.dtype not in NAMES:
        raise ValueError(f"{name} must be one of {', '.join(str(dtype) for dtype in NAMES)}, got {tensor.dtype}")
    dense = tensor.detach().cpu().resolve_neg().contiguous()
    # one element may have any stride and still be contiguous, but then has no bytes to view
    flat = dense.as_strided((dense.numel(),), (1,)).view(torch.uint8).numpy()
    if sys.byteorder == "big":
        flat = flat.reshape(-1, tensor.dtype.itemsize)[:, ::-1].copy().reshape(-1)
    return flat


def _order(dtypes: Mapping[str, Entry | str]) -> list[str]:
    """Sort names by the size of an element, largest first, so that every tensor lies aligned; then by name."""

    def rank(name: str) -> tuple[int, str]:
        found = dtypes[name]
        return -DTYPES[found if isinstance(found, str) else found.dtype].itemsize, name

    return sorted(dtypes, key=rank)


def _header(found: Mapping[str, Entry], configuration: str, kind: str, seal: str) -> bytes:
    """Write the header in the one way that it can be, padded so that the tensors behind it lie aligned."""
    metadata = dict(zip(KEYS, (configuration, str(FORMAT), kind, seal), strict=True))
    tensors = {
        name: {"dtype": entry.dtype, "shape": list(entry.shape), "data_offsets": [entry.start, entry.stop]}
        for name, entry in found.items()
    }
    text = json.dumps({METADATA: metadata, **tensors}, separators=(",", ":")).encode("ascii")
    return text.ljust(8 * math.ceil(len(text) / 8))


def _digest(made: str, kind: str, configuration: str, found: Mapping[str, Entry], arrays: Mapping[str, np.ndarray]) -> str:
    """Digest the content, every part of it behind its length, so that no two contents are digested alike."""
    seal = hashlib.sha256()

    def add(part: bytes | memoryview) -> None:
        seal.update(len(part).to_bytes(8, "little"))
        seal.update(part)

    for text in (made, kind, configuration, str(len(found))):
        add(text.encode())
    for name in sorted(found):
        for text in (name, found[name].dtype, canonical(list(found[name].shape))):
            add(text.encode())
        add(arrays[name].data)
    return seal.hexdigest()


def _guess(data: bytes) -> str:
    """Say what a foreign file seems to be."""
    for start, name in FOREIGN.items():
        if data.startswith(start):
            return f", but seems to be {name}"
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return ", but seems to be a pickle, which could run code and is not opened"
    if (
        data[:64].isascii()
        and data[:64].decode("ascii").replace("\n", " ").replace("\r", " ").replace("\t", " ").isprintable()
    ):
        return ", but seems to be text"
    return ""
