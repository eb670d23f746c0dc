"""The Large Movie Review Dataset on the disk: one text file a review, in folders by part and by sentiment.

Source: Maas, Daly, Pham, Huang, Ng and Potts, *Learning word vectors for sentiment analysis*, ACL 2011.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from onward.datasets.errors import DataUnavailable
from onward.datasets.reading import members
from onward.datasets.source import Found

MEMBER = re.compile(r"(?:.*/)?(train|test)/(neg|pos)/([^/]+\.txt)")
PARTS = [(part, label) for part in ("train", "test") for label in ("neg", "pos")]


class Reviews(NamedTuple):
    """Training and test texts with a class number each: 0 for negative, 1 for positive."""

    texts: list[str]
    y: Int64[np.ndarray, "n"]
    test_texts: list[str]
    test_y: Int64[np.ndarray, "m"]


def read_reviews(found: Found[Reviews]) -> Reviews:
    """Read the four labelled folders, or the archive that holds them, in the order of the files' names.

    Raises:
        DataUnavailable: a folder holds no reviews, a review is no UTF-8, or the archive is damaged.
    """
    texts: dict[tuple[str, str], dict[str, str]] = {part: {} for part in PARTS}
    if found.archived:
        for name, data in members(found.where, lambda name: MEMBER.fullmatch(name) is not None):
            part, label, file = MEMBER.fullmatch(name).groups()  # pyright: ignore[reportOptionalMemberAccess]
            texts[part, label][file] = _text(data, f"{name} in {found.where}")
    else:
        for part, folder in zip(PARTS, found.paths, strict=True):
            texts[part] = {path.name: _text(path.read_bytes(), str(path)) for path in folder.glob("*.txt")}
    for part, label in PARTS:
        if not texts[part, label]:
            raise DataUnavailable(f"{found.where} is damaged: expected reviews (.txt) in its {part}/{label}, found none")

    def side(part: str) -> tuple[list[str], np.ndarray]:
        groups = [[text for _, text in sorted(texts[part, label].items())] for label in ("neg", "pos")]
        return groups[0] + groups[1], np.repeat(np.arange(2), [len(group) for group in groups])

    return Reviews(*side("train"), *side("test"))


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8").replace("<br />", " ")
    except UnicodeDecodeError as error:
        raise DataUnavailable(f"{name} is damaged: expected UTF-8, got byte {data[error.start]:#x}") from error
