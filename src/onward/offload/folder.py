"""A net on disk as a folder: made block by block, opened for scores or to be taken into memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from onward.files import atomic, lock
from onward.learners.base import AbstractLearner
from onward.offload import disk, hollow, record
from onward.offload.blueprint import Blueprint, Visit
from onward.offload.layout import Kept, Layout, layout
from onward.offload.learner import Offloaded
from onward.offload.optimiser_state import Watched
from onward.offload.record import Record
from onward.offload.store import Store, begin
from onward.offload.stream import Stream

Source = Blueprint | AbstractLearner
"""What a folder's blocks are of: a plan of them, or a learner in memory of the same structure, which is left as it is."""


def create(folder: str | os.PathLike[str], source: Source) -> None:
    """Put a net on disk: of a blueprint one block after another, or a learner that is in memory.

    Args:
        folder: made if it is not there.
        source: whose weights; a learner stays as it is.

    Raises:
        ValueError: the folder holds blocks already, or the rule does not teach block by block.
        FolderBusy: another process holds the folder.
        WriteFailed: the disk is full or broken; what was begun is begun anew next time.
    """
    path = made(folder)
    with lock.exclusive(path):
        if (path / record.NAME).exists():
            raise ValueError(f"{folder} holds a net already; open it, or choose another folder")
        stored(path, source, None)


@contextmanager
def opened(folder: str | os.PathLike[str], source: Source, *, ahead: int = 1) -> Iterator[Offloaded]:
    """Open a folder, within a `with`: the learner gives `scores`, `load` takes it into memory, `check` compares all digests.

    Args:
        folder: as `create` or `train` left it; held meanwhile.
        source: of the same structure; its weights do not matter.
        ahead: blocks that are read ahead; memory holds one more than that.

    Raises:
        FileDamaged: there is no net, or it is not as it was written.
        FolderBusy: another process holds the folder.
        ValueError: it is another net, or of another rule.
    """
    path = Path(folder)
    if not path.is_dir():
        raise ValueError(f"{folder} is no folder with a net")
    with lock.exclusive(path):
        found = record.read(path)
        learner, store = stored(path, source, found)
        with streamed(learner, store, ahead=ahead, behind=0) as offloaded:
            yield offloaded


@contextmanager
def streamed(learner: AbstractLearner, store: Store, *, ahead: int, behind: int) -> Iterator[Offloaded]:
    """Have threads and buffers for a while."""
    stream = Stream(store, ahead=ahead, behind=behind)
    try:
        yield Offloaded(learner, stream)
    finally:
        stream.close()


def stored(
    folder: Path, source: Source, found: Record | None, watched: Watched | None = None
) -> tuple[AbstractLearner, Store]:
    """Give the hollow learner of a source and its blocks on disk; without a record they are written first.

    Args:
        folder: held by the caller.
        source: what is on disk, or to be put there.
        found: the record; None if there is none yet.
        watched: what is to train it; left out, what did.

    Raises:
        ValueError, WriteFailed: as for `create` and `opened`.
    """
    layouts: list[Layout] = []
    places = []
    atomic.sweep(folder)

    def visit(k: int, tensors: dict[str, Tensor]) -> None:
        kept: Mapping[str, Mapping[str, Kept]] = {}
        if found is not None:
            _check_block(folder, found, k, layout(tensors, {}))
            kept = _kept(found.state[k]) if k < len(found.state) else {}
        layouts.append(layout(tensors, watched.kept(tensors) if watched is not None else kept))
        if found is None:
            places.append(begin(folder, k, layouts[-1], tensors))

    learner = _framed(source, visit)
    rule = f"{type(learner).__module__}.{type(learner).__qualname__}"
    if found is None:
        disk.synchronise_folder(folder)
        weights = [one.described(state=False) for one in layouts]
        state = [one.described(state=True) for one in layouts]
        found = Record(rule, weights, state, places, _copied(hollow.shared(learner)))
        record.write(folder, found)
    if found.rule != rule or len(found.places) != len(layouts):
        raise ValueError(f"{folder} holds {len(found.places)} blocks of {found.rule}, not {len(layouts)} of {rule}")
    _share(folder, learner, found)
    for k, (one, state) in enumerate(zip(layouts, found.state, strict=True)):
        if found.places[k].trained and one.described(state=True) != state:
            raise ValueError(f"{folder} was trained by another optimiser: it kept something else of block {k}")
    return learner, Store(folder, layouts, found)


def made(folder: str | os.PathLike[str]) -> Path:
    """Give a folder, made if it is not there; `ValueError` if it cannot be."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder} cannot be made a folder: {error.strerror}") from error
    return path


def _framed(source: Source, visit: Visit) -> AbstractLearner:
    """Give the hollow learner of a source, showing the tensors of each block before."""
    if isinstance(source, Blueprint):
        return source.framed(visit)
    rule = hollow.local(source)
    for k in range(len(rule.net.blocks)):
        visit(k, hollow.tensors_of(rule.parts(k)))
    return hollow.hollow(source)


def _check_block(folder: Path, found: Record, k: int, own: Layout) -> None:
    """Refuse, with a `ValueError`, a block that is not that of the folder."""
    mine = json.loads(own.described(state=False))
    its = json.loads(found.weights[k]) if k < len(found.weights) else mine
    for one, other in zip(its, mine, strict=False):
        if one != other:
            raise ValueError(
                f"{folder} holds another net, of {len(found.weights)} blocks: in block {k} it has {_told(one)}, not {_told(other)}"
            )
    if len(its) != len(mine):
        raise ValueError(
            f"{folder} holds another net, of {len(found.weights)} blocks: block {k} has {len(its)} tensors, not {len(mine)}"
        )


def _told(described: list[object]) -> str:
    name, _, dtype, shape = described
    return f"{name} of shape {shape} in {dtype}"


def _kept(described: str) -> dict[str, dict[str, Kept]]:
    """Tell what an optimiser kept, from its description."""
    found: dict[str, dict[str, Kept]] = {}
    for name, key, dtype, shape in json.loads(described):
        if name:
            found.setdefault(name, {})[key] = Kept(getattr(torch, dtype.removeprefix("torch.")), bool(shape))
    return found


@torch.no_grad()
def _share(folder: Path, learner: AbstractLearner, found: Record) -> None:
    """Give a hollow learner what its blocks share."""
    own = hollow.shared(learner)
    if {name: one.shape for name, one in own.items()} != {name: one.shape for name, one in found.shared.items()}:
        raise ValueError(f"{folder} holds another net: its blocks share {sorted(found.shared)}, not {sorted(own)}")
    for name, tensor in own.items():
        tensor.copy_(found.shared[name])


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: one.detach().clone() for name, one in tensors.items()}
