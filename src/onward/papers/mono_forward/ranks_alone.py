"""What is timed beside ranks in one process, on one thread or on two for a product: BP eager and compiled, and Mono-Forward.

Two threads on a product are what PyTorch makes of two cores by itself, so they are what blocks on two ranks have to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from onward.learners.mono_forward import MonoForward
from onward.nets.layered import LayeredNet
from onward.papers.mono_forward.ranks_case import ADAM, Case, parts_of
from onward.training.steps import GradientSteps

BP = {1: "bp_1", 2: "bp_2t"}  # by threads; compiled with `_compiled` behind
MF = "mf_2t"  # on one thread it is timed as the pipeline of one rank


@dataclass(frozen=True)
class Way:
    """A step, and the threads for a product that it is taken with."""

    threads: int
    step: Callable[[], None]


class Whole:
    """BP in one process: eager, or compiled."""

    def __init__(self, net: LayeredNet, *, compiled: bool = False) -> None:
        """Take a net."""
        whole = nn.Sequential(*parts_of(net))
        self.optimiser = ADAM(whole.parameters())

        def loss(x: Tensor, y: Tensor) -> Tensor:
            return functional.cross_entropy(whole(x), y)

        self._loss = torch.compile(loss) if compiled else loss

    def step(self, x: Tensor, y: Tensor) -> None:
        """Learn from a batch."""
        self.optimiser.zero_grad()
        self._loss(x, y).backward()
        self.optimiser.step()


def ways(case: Case, seed: int, x: Tensor, y: Tensor) -> dict[str, Way]:
    """Give all ways of a case by name; BP is compiled only where this machine can compile."""
    found = {}
    for count, name in BP.items():
        found[name] = _backprop(case, seed, x, y, count, compiled=False)
        if case.compiled:
            compiled = _backprop(case, seed, x, y, count, compiled=True)
            try:
                with threads(count):  # compiled code is for so many
                    compiled.step()
            except RuntimeError:  # no compiler
                continue
            found[f"{name}_compiled"] = compiled
    steps = GradientSteps(MonoForward(case.net(seed)).train(), ADAM, None, ())
    return found | {MF: Way(2, lambda: _learn(steps, x, y))}


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let PyTorch use so many threads for a product, and then as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _backprop(case: Case, seed: int, x: Tensor, y: Tensor, count: int, *, compiled: bool) -> Way:
    whole = Whole(case.net(seed), compiled=compiled)
    return Way(count, lambda: whole.step(x, y))


def _learn(steps: GradientSteps, x: Tensor, y: Tensor) -> None:
    steps.step(x, y, None)
