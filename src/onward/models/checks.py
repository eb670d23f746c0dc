"""Checks of what comes from a file that anybody can have written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def keys(what: str, given: Mapping[str, Any], expected: set[str]) -> None:
    """Refuse names that are missing or too many: `ValueError`."""
    if set(given) != expected:
        odd = min(set(given) ^ expected)
        raise ValueError(
            f"{what} must name {', '.join(sorted(expected)):.400}; {odd!r:.80} is {'not among them' if odd in given else 'missing'}"
        )


def mapping(what: str, given: Any) -> Mapping[str, Any]:
    """Give an object of names and values, or refuse anything else: `ValueError`."""
    if not isinstance(given, dict):
        raise ValueError(f"{what} must be an object of names and values, got {type(given).__name__}")
    return given


def texts(what: str, given: Any, count: int) -> list[str]:
    """Give so many texts, or refuse anything else: `ValueError`."""
    if not isinstance(given, list) or len(given) != count or not all(isinstance(text, str) for text in given):
        raise ValueError(f"expected {count} {what} as text")
    return given
