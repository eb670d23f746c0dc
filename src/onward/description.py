"""Values written down as plain data: what decides a result can be compared, stored and digested.

Functions and partial ones are named with all their arguments, defaults included; what has no name cannot be described.
"""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import Field, fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from onward.topology import Topology

# Metadata of a dataclass field that is described only where it is not at its default, so that what was described before
# the field existed is described the same.
LATER = {"described": "where it is not at its default"}


def describe(value: Any) -> Any:
    """Write a value down as plain data: functions by name and arguments, defaults included, dataclasses by field
    (but for those that are no part of their identity, `compare=False`, and for those marked `LATER` at their default).

    Raises:
        TypeError: the value cannot be written down exactly (a lambda, an open file, ...).
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [describe(one) for one in value]
    if isinstance(value, dict):
        return {str(key): describe(one) for key, one in value.items()}
    if isinstance(value, torch.dtype):
        return str(value)
    if isinstance(value, Topology):
        digest = hashlib.sha256(value.source.tobytes() + value.target.tobytes()).hexdigest()
        return {"topology": str(value), "edges": digest}
    if is_dataclass(value) and not isinstance(value, type):
        return {
            "class": _name(type(value)),
            **{field.name: describe(getattr(value, field.name)) for field in fields(value) if _tells(field, value)},
        }
    if isinstance(value, np.generic):
        return value.item()
    if callable(value):
        return _call(value)
    raise TypeError(f"an experiment must be plain data, functions and partials, got {value!r}")


def _tells(one: Field[Any], value: Any) -> bool:
    return one.compare and not (LATER.items() <= one.metadata.items() and getattr(value, one.name) == one.default)


def _call(function: Any) -> dict[str, Any]:
    """A function or a partial one: its name, and every argument that is bound, by the caller or by default."""
    bound = function if isinstance(function, partial) else partial(function)
    called = {"call": _name(bound.func)}
    try:
        arguments = inspect.signature(bound.func).bind_partial(*bound.args, **bound.keywords)
    except ValueError:  # a built-in without a signature
        return {**called, "arguments": describe(bound.args), **describe(bound.keywords)}
    arguments.apply_defaults()
    variadic = {inspect.Parameter.VAR_POSITIONAL: (), inspect.Parameter.VAR_KEYWORD: {}}
    for name, parameter in arguments.signature.parameters.items():
        if parameter.kind in variadic and arguments.arguments[name] == variadic[parameter.kind]:
            del arguments.arguments[name]
    return {**called, **describe(dict(arguments.arguments))}


def _name(function: Any) -> str:
    name = f"{function.__module__}.{function.__qualname__}"
    if "<" in name:
        raise TypeError(f"an experiment can name only functions of a module, got {name}")
    return name
