"""Doing the work of all parts and giving what is found in their order: one after another as `map` does, or several at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

InOrder = Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]
