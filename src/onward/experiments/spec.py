"""What an experiment is: a name, a trial to run, and how many seeds; all of it readable as plain data.

An experiment is built from functions, `functools.partial` and frozen dataclasses, so that it can be written down
exactly. That description is its *spec*; a stored result counts only as long as its spec is that of the experiment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from onward.description import describe as describe


@dataclass(frozen=True)
class Outcome:
    """What a trial found for one seed: numbers, and series of numbers over epochs, trials or whatever they name."""

    metrics: dict[str, float | int]
    history: dict[str, list[float | int]]


# Of those reported; settings are tried out on the seeds below. Short runs of a reported seed that choose a rate see its
# validation part alone.
FIRST_SEED = 100

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
