"""What an experiment is: a name, a trial to run, and how many seeds; all of it readable as plain data.

An experiment is built from functions, `functools.partial` and frozen dataclasses, so that it can be written down
exactly. That description is its *spec*; a stored result counts only as long as its spec is that of the experiment.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from onward.topology import Topology


@dataclass(frozen=True)
class Outcome:
    """What a trial found for one seed: numbers, and series of numbers over epochs, trials or whatever they name."""

    metrics: dict[str, float | int]
    history: dict[str, list[float | int]]


FIRST_SEED = 100  # of those reported; settings are tried out on the seeds below, so that no reported one has been seen

Progress = Callable[[float], None]  # takes the part that is done, 0 to 1
Trial = Callable[[Sequence[int], Progress], list[Outcome]]


@dataclass(frozen=True)
class Experiment:
    """One cell of a table: a trial that is run for a number of seeds.

    Attributes:
        name: a path of names, as `table-1/sound/mesh-05`; results are stored under it.
        trial: takes seeds and a progress callback, and gives an `Outcome` a seed, in their order.
        seeds: how many seeds are reported: 100, 101, 102, ... (what is below is for development).
        together: the most seeds that one call of the trial is given; more than one where training them in one batched
            computation is faster.
    """

    name: str
    trial: Trial
    seeds: int = 10
    together: int = 10

    def reported(self, count: int | None = None) -> range:
        """Give the first seeds that are reported, as many as declared or as asked for."""
        return range(FIRST_SEED, FIRST_SEED + (self.seeds if count is None else count))

    @property
    def spec(self) -> dict[str, Any]:
        """The trial and all its arguments, defaults included, as plain data; the code itself is named by the commit."""
        return {"trial": describe(self.trial)}

    @property
    def digest(self) -> str:
        """SHA-256 of the spec, in hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.spec, sort_keys=True).encode()).hexdigest()


def describe(value: Any) -> Any:
    """Write a value down as plain data: functions by name and arguments, defaults included, dataclasses by field
    (but for those that are no part of their identity, `compare=False`).

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
            **{field.name: describe(getattr(value, field.name)) for field in fields(value) if field.compare},
        }
    if isinstance(value, np.generic):
        return value.item()
    if callable(value):
        return _call(value)
    raise TypeError(f"an experiment must be plain data, functions and partials, got {value!r}")


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
