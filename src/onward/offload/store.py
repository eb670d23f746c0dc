"""A folder with the blocks of a net: two files a block, of which one holds the committed step and the other the next.

A block is always written to the file that is not committed, as often as there are steps between two commits; a commit
brings those files onto the disk and then writes the record, which turns all of them over at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from onward.files.sealed import FileDamaged
from onward.offload import disk, record
from onward.offload.layout import ALIGNED, Layout
from onward.offload.record import Place, Record


class Store:
    """The blocks of a folder. It is read and written by one process at a time, which holds the folder's lock.

    Attributes:
        folder: where the files lie.
        layouts: of the blocks.
        committed: the last committed step.
        places: where the blocks stand now, committed or not.
        read_bytes: read so far.
        written_bytes: written so far.
    """

    def __init__(self, folder: Path, layouts: Sequence[Layout], committed: Record) -> None:
        """Open a folder at its committed step."""
        self.folder = folder
        self.layouts = list(layouts)
        self.committed = committed
        self.places = list(committed.places)
        self.read_bytes = self.written_bytes = 0
        self._unchecked = {(block, part) for block in range(len(self.places)) for part in range(2)}
        self._dirty: set[int] = set()

    def path(self, block: int, slot: int) -> Path:
        """Name one of the two files of a block."""
        return self.folder / f"block-{block:05}.{'ab'[slot]}"

    def reserve(self) -> None:
        """Give both files of every block their full size, so that the disk cannot be full in the middle of a run.

        Raises:
            WriteFailed: the disk has too little room; nothing is lost.
        """
        for block, layout in enumerate(self.layouts):
            for slot in range(2):
                disk.reserve(self.path(block, slot), layout.bytes)
        disk.synchronise_folder(self.folder)

    def write(self, block: int, memory: Tensor, *, digest: bool) -> None:
        """Write a block, weights and state, to its file that is not committed; to be called in the order of the writes.

        Raises:
            WriteFailed: the disk is full or broken; the committed step is unchanged.
        """
        layout = self.layouts[block]
        used = memory[: layout.bytes]
        disk.write(self.path(block, self.places[block].slot), used)
        self.written_bytes += len(used)
        if digest:
            parts = used[: layout.weights_bytes], used[layout.weights_bytes :]
            self.places[block] = replace(self.places[block], digests=(_digest(parts[0]), _digest(parts[1])))
            self._unchecked |= {(block, 0), (block, 1)}

    def move(self, block: int, memory: Tensor) -> None:
        """Turn a block over to the file that it is to be written to, and stamp its bytes; before `write`."""
        place = self.places[block].moved(1 - self.committed.places[block].slot)
        self.places[block] = replace(place, trained=True)
        self._dirty.add(block)
        _stamp(memory).fill_(place.stamp)

    def read(self, block: int, memory: Tensor, *, whole: bool) -> None:
        """Read a block as it stands now: its weights, or with the optimiser's state, which is zeros before training.

        Where digests were taken they are compared at the first read after the folder was opened, or the block written.

        Raises:
            FileDamaged: a file is missing or cut short, or its digest or stamp is another.
        """
        layout, place = self.layouts[block], self.places[block]
        path = self.path(block, place.slot)
        used = memory[: layout.bytes if whole and place.trained else layout.weights_bytes]
        disk.read(path, used)
        self.read_bytes += len(used)
        if int(_stamp(used)) != place.stamp:
            raise FileDamaged(f"{path} is of write {int(_stamp(used))} of the block, but write {place.stamp} was committed")
        for part, own in enumerate((used[: layout.weights_bytes], used[layout.weights_bytes :])):
            if (block, part) in self._unchecked and len(own):
                expected = place.digests[part]
                if expected is not None and _digest(own) != expected:
                    raise FileDamaged(f"{path} has changed since it was written: its SHA-256 does not match")
                self._unchecked.discard((block, part))
        if whole and not place.trained:
            memory[layout.weights_bytes : layout.bytes].zero_()

    def commit(self, shared: dict[str, Tensor], training: Any) -> None:
        """Make the blocks as they stand now what the folder holds; all writes must have ended.

        Raises:
            ValueError: the run keeps what no file can hold.
            WriteFailed: the disk is full or broken; the committed step is the one before.
        """
        for block in sorted(self._dirty):
            disk.synchronise(self.path(block, self.places[block].slot))
        state = [layout.described(state=True) for layout in self.layouts]
        new = replace(self.committed, places=list(self.places), shared=shared, training=training, state=state)
        record.write(self.folder, new)
        self.committed = new
        self._dirty.clear()

    def check(self, memory: Tensor) -> None:
        """Compare every block with its digests now, where they were taken.

        Raises:
            FileDamaged: a block is not as it was written.
        """
        self._unchecked = {(block, part) for block in range(len(self.places)) for part in range(2)}
        for block in range(len(self.places)):
            self.read(block, memory, whole=True)


def begin(folder: Path, block: int, layout: Layout, tensors: dict[str, Tensor]) -> Place:
    """Write the first file of a block, its weights alone.

    Raises:
        WriteFailed: the disk is full or broken.
    """
    memory = disk.memory(layout.weights_bytes)
    for field in layout.weights:
        field.view(memory).copy_(tensors[field.name].detach())
    path = folder / f"block-{block:05}.a"
    disk.reserve(path, layout.weights_bytes)
    disk.write(path, memory)
    disk.synchronise(path)
    return Place(digests=(_digest(memory), None))


def _stamp(memory: Tensor) -> Tensor:
    return memory[:ALIGNED].view(torch.int64)[0]


def _digest(part: Tensor) -> str:
    return hashlib.sha256(part.numpy().data).hexdigest()
