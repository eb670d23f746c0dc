"""Whether a value from elsewhere has the form of one's own: the same keys, kinds, shapes and dtypes, with other numbers."""

from __future__ import annotations

import copy
import reprlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from torch import Tensor


def plain(value: Any) -> Any:
    """Give a state without the types that `files.packing` does not know: counters, ordered dicts, scalars of NumPy."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return (tuple if isinstance(value, tuple) else list)(plain(one) for one in value)
    return value.item() if isinstance(value, np.generic) else value


def like(found: Any, own: Any, place: str, *, loose: bool = False) -> Any:
    """Give what was found, with dicts of one's own kind, if it has the form of one's own.

    Args:
        found: plain, as `plain` makes it.
        own: what it should be like; where that is None, anything will do.
        place: what a message calls it.
        loose: whether lists may be longer or shorter, dicts may have more keys, and a number may be a tensor with one.

    Raises:
        ValueError: it has not, as the end of a sentence about a file.
    """
    if own is None:
        return found
    if isinstance(own, Tensor) and not (loose and not own.ndim):
        if not isinstance(found, Tensor) or found.shape != own.shape or found.dtype != own.dtype:
            raise ValueError(f"its {place} must be {own.dtype} of shape {list(own.shape)}, got {shown(found)}")
        return found
    if isinstance(own, dict):
        check_keys(found, own, place, more=loose)
        made = copy.copy(own)
        made.clear()
        made.update({k: like(v, own[k], f"{place}: {k}", loose=loose) if k in own else v for k, v in found.items()})
        return made
    if isinstance(own, list | tuple):
        kind = tuple if isinstance(own, tuple) else list
        if type(found) is not kind or (len(found) != len(own) and not (loose and kind is list)):
            raise ValueError(f"its {place} must be a {kind.__name__} of {len(own)}, got {shown(found)}")
        if len(found) != len(own):
            return found
        return kind(like(one, mine, place, loose=loose) for one, mine in zip(found, own, strict=True))
    if isinstance(own, bool | str):
        if type(found) is not type(own):
            raise ValueError(f"its {place} must be a {type(own).__name__}, got {shown(found)}")
    elif type(found) not in (int, float) and not (loose and isinstance(found, Tensor) and not found.ndim):
        raise ValueError(f"its {place} must be a number, got {shown(found)}")
    return found


def check_keys(found: Any, expected: Collection[Any], place: str, *, more: bool = False) -> None:
    """Refuse, with a `ValueError`, what is no dict with just these keys, or with these and more."""
    if type(found) is not dict or set(expected) - set(found) or (set(found) - set(expected) and not more):
        got = sorted(map(str, found)) if type(found) is dict else found
        raise ValueError(f"its {place} must have {', '.join(sorted(map(str, expected)))}, got {shown(got)}")


def shown(value: Any) -> str:
    """Show the beginning of something foreign, on one line."""
    return f"{value.dtype} of shape {list(value.shape)}" if isinstance(value, Tensor) else reprlib.repr(value)[:200]
