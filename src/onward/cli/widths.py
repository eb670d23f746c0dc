"""Sizes of layers as one writes them on the command line, one after another: `1000`, or `3400*60` for sixty of one size."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 1000  # layers
DIGITS = 20  # of a number that is looked at


def widths(option: str, given: str, parts: Sequence[str], widest: int, example: str) -> tuple[int, ...]:
    """Read sizes, each a number or a number times how often it is repeated.

    Args:
        option: what messages call them.
        given: all that was given, for messages.
        parts: the words, one or more.
        widest: the largest size.
        example: how they may look.

    Raises:
        ValueError: what is no such number, a size or a number of times out of bounds, or too many in all.
    """
    found: list[int] = []
    for part in parts:
        size, star, times = part.partition("*")
        numbers = [_number(size), _number(times) if star else 1]
        if not 1 <= numbers[0] <= widest or numbers[1] < 1:
            raise ValueError(
                f"{option} takes whole numbers from 1 to {widest}, or one of them so many times, as {example}, got {given!r}"
            )
        width, count = numbers
        if len(found) + count > MOST:
            raise ValueError(f"{option} takes at most {MOST} layers, got {given!r}")
        found += [width] * count
    return tuple(found)


def _number(word: str) -> int:
    """Read digits; 0 of what is none."""
    return int(word) if word.isascii() and word.isdigit() and len(word) < DIGITS else 0
