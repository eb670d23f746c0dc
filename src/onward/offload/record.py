"""The commit record: which of a block's two files counts, and everything of a run that is not a block.

It is one small sealed file, written whole or not at all after all blocks of a step are on the disk; so whoever reads it at
any moment, even after a kill, finds a step that is there as a whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from onward.files import packing, sealed
from onward.files.sealed import FileDamaged

KIND = "blocks on disk"
NAME = "commit.onward"


@dataclass(frozen=True)
class Place:
    """Where a block stands.

    Attributes:
        slot: which of its two files counts, 0 or 1.
        stamp: how often it has been written; the file says so too.
        trained: whether the optimiser's state is in the file.
        digests: SHA-256 of the weights and of the state, in hexadecimal digits; None where it was not taken.
    """

    slot: int = 0
    stamp: int = 0
    trained: bool = False
    digests: tuple[str | None, str | None] = (None, None)

    def moved(self, slot: int) -> Place:
        """Give the place after the block is written to a slot."""
        return replace(self, slot=slot, stamp=self.stamp + 1, digests=(None, None))


@dataclass(frozen=True)
class Record:
    """A committed step.

    Attributes:
        rule: the class of the learner.
        weights: of every block, what its tensors are, as `Layout.described` gives it.
        state: the same of the optimiser's.
        places: of the blocks.
        shared: what the blocks share.
        training: what `Training` stands at, packed; None before training.
    """

    rule: str
    weights: list[str]
    state: list[str]
    places: list[Place]
    shared: dict[str, Tensor]
    training: Any = None


def write(folder: Path, record: Record) -> None:
    """Commit: from now on the record is what the folder holds.

    Raises:
        ValueError: the run keeps what no file can hold.
        WriteFailed: the record could not be written; the one before is unchanged.
    """
    value = dict(vars(record), places=[list(vars(place).values()) for place in record.places])
    try:
        skeleton, tensors = packing.pack(value)
    except TypeError as error:
        raise ValueError(f"the run cannot be stored: {error}") from error
    sealed.write(folder / NAME, KIND, tensors, {"skeleton": skeleton})


def read(folder: Path) -> Record:
    """Give the record of a folder.

    Raises:
        FileDamaged: there is none, or it is not as it was written.
    """
    path = folder / NAME
    found = sealed.read(path, KIND)
    try:
        value = packing.unpack(found.configuration.get("skeleton"), {k: one.clone() for k, one in found.tensors.items()})
        places = [Place(slot, stamp, trained, digests) for slot, stamp, trained, digests in value.pop("places")]
        record = Record(places=places, **value)
        _check(record)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise FileDamaged(f"{path} is whole, but is no record of blocks on disk") from error
    return record


def _check(record: Record) -> None:
    """Refuse, with a `ValueError`, what `write` never writes."""
    n = len(record.places)
    for place in record.places:
        fine = type(place.slot) is int and place.slot in (0, 1) and type(place.stamp) is int and place.stamp >= 0
        texts = (
            type(place.digests) is tuple
            and len(place.digests) == 2
            and all(one is None or type(one) is str for one in place.digests)
        )
        if not fine or type(place.trained) is not bool or not texts:
            raise ValueError("a place")
    for texts in (record.weights, record.state):
        if not n or type(texts) is not list or len(texts) != n or any(type(json.loads(one)) is not list for one in texts):
            raise ValueError("the blocks")
    if type(record.shared) is not dict or any(type(one) is not Tensor for one in record.shared.values()):
        raise ValueError("what they share")
