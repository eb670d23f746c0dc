"""Ways to do a thing that take turns, so that what the machine does otherwise meets all of them alike.

A turn is many steps of one way; then comes the next way, round after round. All run on as many threads, in one process that keeps
what memory it frees (`training.allocator`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from onward.experiments.spec import Progress
from onward.training.allocator import keep_freed_memory

Step = Callable[[], object]
QUICK = 0.2  # seconds; what takes less is run some more times to see how long it takes


@dataclass(frozen=True)
class Turns:
    """How often ways take turns, and how long a turn is.

    Attributes:
        rounds: turns of each way.
        steps: of a turn, the least.
        seconds: that a turn takes about, if so many steps take less.
        longest: seconds that a turn may take; where `steps` would take longer there are fewer, but one.
    """

    rounds: int
    steps: int = 50
    seconds: float = 0.1
    longest: float = 4.0

    def count(self, seconds: float) -> int:
        """Give the steps of a turn of a way whose step takes so many seconds."""
        wanted = max(self.steps, math.ceil(self.seconds / seconds))
        return wanted if wanted * seconds <= self.longest else max(1, int(self.longest / seconds))


@contextmanager
def alone(threads: int) -> Iterator[None]:
    """Run what is inside on so many threads of PyTorch and of NumPy's matrix products; give the others back afterwards."""
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    keep_freed_memory()
    torch.compiler.reset()
    try:
        with threadpool_limits(threads, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


def in_turns(
    ways: Mapping[str, Step], turns: Turns, progress: Progress
) -> tuple[dict[str, int], dict[str, list[float | int]]]:
    """Give the steps of a turn of each way, and its seconds a step in every turn. Each has been run before."""
    return _in_orders(ways, turns, progress, [range(len(ways))] * turns.rounds)


def in_balanced_turns(
    ways: Mapping[str, Step], turns: Turns, progress: Progress
) -> tuple[dict[str, int], dict[str, list[float | int]]]:
    """Give the same where each round has another order, so that a way does not always follow the same other, whose traces it would meet in the caches."""
    return _in_orders(ways, turns, progress, [balanced(len(ways), number) for number in range(turns.rounds)])


def balanced(ways: int, number: int) -> list[int]:
    """Give the order of a round: a row of the square of Williams (Australian Journal of Scientific Research A 2, 1949).

    In as many rounds as there are ways each comes after each other once if they are an even number, and after no other more than twice if odd.

    Args:
        ways: how many.
        number: of the round, from 0.
    """
    zigzag = [(k + 1) // 2 if k % 2 else -(k // 2) for k in range(ways)]
    return [(place + number) % ways for place in zigzag]


def _in_orders(
    ways: Mapping[str, Step], turns: Turns, progress: Progress, orders: Sequence[Sequence[int]]
) -> tuple[dict[str, int], dict[str, list[float | int]]]:
    """Time the ways, round by round in the order of each."""
    names = list(ways)
    counts = {name: turns.count(about(step)) for name, step in ways.items()}
    history: dict[str, list[float | int]] = {name: [] for name in names}
    for number, order in enumerate(orders):
        for k, which in enumerate(order):
            name = names[which]
            history[name].append(timed(ways[name], counts[name]))
            progress((number + (k + 1) / len(names)) / len(orders))
    return counts, history


def timed(step: Step, count: int = 1) -> float:
    """Give the seconds a step over a number of them."""
    began = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - began) / count


def about(step: Step) -> float:
    """Give the seconds that a step takes, roughly."""
    seconds = timed(step)
    return seconds if seconds > QUICK else timed(step, 5)
