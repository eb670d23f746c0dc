"""What a person gives to make something: sizes, counts and the functions that make its parts, read or refused in one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, TypeVar

import torch
from torch import nn

Made = TypeVar("Made")


def whole(what: str, size: Any, least: int = 1, otherwise: str = "") -> int:
    """Give a whole number.

    Args:
        what: its name.
        size: what was given for it.
        least: the smallest that will do.
        otherwise: what else would have done, as the end of the expectation.

    Raises:
        ValueError: no whole number, or a smaller one.
    """
    if not isinstance(size, Integral) or isinstance(size, bool) or size < least:
        raise ValueError(f"{what} must be a whole number of at least {least}{otherwise}, got {size!r}")
    return int(size)


def bytes_or_none(what: str, size: Any) -> int | None:
    """Give a number of bytes, or None for as many as it takes; anything else is refused: `ValueError`."""
    return (
        None
        if size is None
        else whole(what, size, otherwise=" (bytes: 2 GB are 2_000_000_000), or None for as many as it takes")
    )


def several(what: str, sizes: Any, each: str, example: str) -> tuple[int, ...]:
    """Give whole numbers of at least 1.

    Args:
        what: their name.
        sizes: what was given for them.
        each: what each of them stands for.
        example: how they may look.

    Raises:
        ValueError: nothing that holds numbers, one that is no whole number, or one below 1.
    """
    if not isinstance(sizes, Iterable) or isinstance(sizes, str | bytes):
        raise ValueError(f"{what} must be a sequence of whole numbers, one for each {each}, as {example}, got {sizes!r}")
    found = list(sizes)
    if any(not isinstance(size, Integral) or isinstance(size, bool) for size in found):
        raise ValueError(f"{what} must be whole numbers, one for each {each}, as {example}, got {found}")
    if any(size < 1 for size in found):
        raise ValueError(f"{what} must be at least 1, got {found}")
    return tuple(int(size) for size in found)


def outputs_of(outputs: Any) -> int | None:
    """Give a number of outputs, or None for a net without a head; anything else is refused: `ValueError`."""
    return None if outputs is None else whole("outputs", outputs, otherwise=", or None for a net without a head")


def factor(what: str, number: Any) -> float:
    """Give a finite number above 0; anything else is refused: `ValueError`."""
    if not isinstance(number, Real) or isinstance(number, bool) or not 0 < float(number) < float("inf"):
        raise ValueError(f"{what} must be a finite number above 0, got {number!r}")
    return float(number)


def part(what: str, number: Any) -> float:
    """Give a number from 0 to below 1; anything else is refused: `ValueError`."""
    if not isinstance(number, Real) or isinstance(number, bool) or not 0 <= float(number) < 1:
        raise ValueError(f"{what} must be a number of at least 0 and below 1, got {number!r}")
    return float(number)


def share(what: str, number: Any) -> float:
    """Give a number from 0 to 1; anything else is refused: `ValueError`."""
    if not isinstance(number, Real) or isinstance(number, bool) or not 0 <= float(number) <= 1:
        raise ValueError(f"{what} must be between 0 and 1, got {number!r}")
    return float(number)


def maker(what: str, make: Made, example: str) -> Made:
    """Give what makes modules.

    Raises:
        ValueError: what cannot be called, or a module that is made already, of which every block needs its own.
    """
    if isinstance(make, nn.Module) or not callable(make):
        raise ValueError(
            f"{what} must be a function or class that makes a module for each block, as {example}, got {make!r}"
        )
    return make


def source(generator: Any) -> torch.Generator | None:
    """Give a generator, or None; anything else, as a seed, is refused: `ValueError`."""
    return None if generator is None else drawn_from(generator)


def drawn_from(generator: Any) -> torch.Generator:
    """Give a generator; anything else, as a seed, is refused: `ValueError`."""
    if not isinstance(generator, torch.Generator):
        raise ValueError(f"a generator must be a torch.Generator, as torch.Generator().manual_seed(0), got {generator!r}")
    return generator
