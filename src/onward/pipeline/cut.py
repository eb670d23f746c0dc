"""A run on disk, a file a block, all from between the same two steps, so that it can go on with any number of ranks.

Every rank stores its blocks when it has dealt with the frame that says so, before it deals with the next. So when that next frame comes
to the last rank, all have stored, and it names the step in one file, which is written whole or not at all. Until then that file
names the step before, whose files are still there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from onward.files import packing, sealed

NAME = "pipeline.onward"
KIND, PART = "pipeline checkpoint", "part of a pipeline checkpoint"
STEP = "step-{:012d}"


def block_name(block: int) -> str:
    """The file of a block."""
    return f"block-{block:04d}.onward"


ORDER = "order.onward"  # what rank 0 alone knows: data, generator, position


def folder_of(folder: Path, step: int) -> Path:
    """Where the files of a step lie."""
    return folder / STEP.format(step)


def write_part(folder: Path, step: int, name: str, state: dict[str, Any]) -> None:
    """Store a part of what belongs to a step.

    Raises:
        ValueError: an optimiser, schedule or learner keeps what no file can hold.
        WriteFailed: the file could not be written.
    """
    where = folder_of(folder, step)
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{where} cannot be made a folder: {error.strerror}") from error
    _write(where / name, PART, {"step": step, "state": state})


def read_part(folder: Path, step: int, name: str, take: Callable[[Any], None]) -> None:
    """Read a part of what belongs to a step, and have it taken.

    Raises:
        FileDamaged: it is not there, or not as it was written.
        ValueError: it is of another step, or `take` refused it, with the end of a sentence.
    """
    path = folder_of(folder, step) / name
    found = _read(path, PART)
    try:
        if found.get("step") != step or found.keys() != {"step", "state"}:
            raise ValueError(f"it must belong to step {step}, got {found.get('step')!r}")
        take(found["state"])
    except ValueError as error:
        raise ValueError(f"{path} cannot be gone on with: {error}") from error


def publish(folder: Path, step: int, blocks: int, record: dict[str, Any]) -> None:
    """Say that all parts of a step are stored, and remove those of earlier steps. Errors as for `write_part`."""
    _write(folder / NAME, KIND, {"step": step, "blocks": blocks, "record": record})
    for old in folder.glob("step-" + "[0-9]" * 12):
        if int(old.name.removeprefix("step-")) < step:
            shutil.rmtree(old, ignore_errors=True)


def published(folder: Path, blocks: int) -> tuple[int, Any] | None:
    """Give the step that a folder holds, and the record of the epochs before; None if it holds none.

    Raises:
        FileDamaged: the file that says so is not as it was written.
        ValueError: it is of a net with another number of blocks.
    """
    path = folder / NAME
    if not path.exists():
        return None
    found = _read(path, KIND)
    step = found.get("step")
    if found.keys() != {"step", "blocks", "record"} or type(step) is not int or step < 0:
        raise ValueError(f"{path} cannot be gone on with: it names no step")
    if found["blocks"] != blocks:
        raise ValueError(f"{path} cannot be gone on with: it is of a net of {found['blocks']} blocks, not {blocks}")
    return step, found["record"]


def _write(path: Path, kind: str, value: dict[str, Any]) -> None:
    try:
        skeleton, tensors = packing.pack(value)
    except TypeError as error:
        raise ValueError(f"the run cannot be stored: {error}") from error
    sealed.write(path, kind, tensors, {"skeleton": skeleton})


def _read(path: str | os.PathLike[str], kind: str) -> dict[Any, Any]:
    found = sealed.read(path, kind)
    # tensors of their own, aligned as fresh ones are: products may round differently where they are not
    tensors: dict[str, Tensor] = {name: tensor.clone() for name, tensor in found.tensors.items()}
    try:
        value = packing.unpack(found.configuration.get("skeleton"), tensors)
    except ValueError as error:
        raise ValueError(f"{path} cannot be gone on with: {error}") from error
    if type(value) is not dict:
        raise ValueError(f"{path} cannot be gone on with: it holds no state")
    return value
