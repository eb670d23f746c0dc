"""Levenberg-Marquardt: damped Gauss-Newton steps from the Jacobian that forward-only propagation carries anyway.

    (G + damping I) step = -gradient

`G` is the Gauss-Newton curvature of the mean loss (`kernels.curvature`), so the same step serves squared error and
cross-entropy. A trial step that does not lower the loss of its batch is taken back and the damping raised; one that does is
kept and the damping lowered (Levenberg 1944, Marquardt 1963). On a feed-forward net that is the NBN algorithm of
Wilamowski and Yu (2010), the second reference of Mesh Neural Networks, which also runs forward only.

The Jacobian is never stored whole: gradient and curvature are summed over chunks of examples. Axes: b batch, e edges;
`*nets` nets side by side, each with its own damping.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import reach
from onward.kernels.curvature import Quadratic
from onward.kernels.plan import plan
from onward.learners.base import AbstractLearner
from onward.learners.forward_only import ForwardOnly


@dataclass(frozen=True)
class LevenbergMarquardt:
    """How Levenberg-Marquardt damps its steps.

    Attributes:
        damping: at the start.
        rise: factor of the damping after a trial step that did not lower the loss.
        fall: factor of the damping after one that did.
        least: the damping never falls below.
        most: the damping never rises above; a net that finds no better weights even there has come to rest.
        trials: steps that are tried for one gradient; if none lowers the loss the weights stay as they were.
        penalty: c of `c/2 |w|^2`, added to the mean loss.
        memory: bytes that a chunk of examples may take, for its Jacobian and what the engine carries to it (one example
            at least); it does not change the result, but for rounding. A budget of the learner holds as well (`ForwardOnly.within`).
    """

    damping: float = 0.01
    rise: float = 4.0
    fall: float = 0.5
    least: float = 1e-12
    most: float = 1e12
    trials: int = 6
    penalty: float = 0.0
    memory: int = 2**26

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.damping <= self.most:
            raise ValueError(f"damping must lie between {self.least} (above 0) and {self.most}, got {self.damping}")
        if not self.rise > 1 or not 0 < self.fall < 1:
            raise ValueError(f"rise must be above 1 and fall between 0 and 1, got {self.rise} and {self.fall}")
        if self.trials < 1:
            raise ValueError(f"trials must be at least 1, got {self.trials}")
        if not self.penalty >= 0:
            raise ValueError(f"penalty must be at least 0, got {self.penalty}")


class DampedSteps:
    """Steps by Levenberg-Marquardt: a `Stepper` for meshes that learn forward-only."""

    def __init__(self, learner: AbstractLearner, settings: LevenbergMarquardt) -> None:
        """Prepare steps of a learner; anything but `ForwardOnly` is refused, as it brings no Jacobian."""
        if not isinstance(learner, ForwardOnly):
            raise ValueError(
                f"Levenberg-Marquardt needs the Jacobian that ForwardOnly carries, got {type(learner).__name__}"
            )
        self.learner, self.settings = learner, settings
        weight = learner.net.weight
        self.damping = weight.new_full(weight.shape[:-1], settings.damping)
        self.resting = torch.zeros_like(self.damping, dtype=torch.bool)
        self.seen = 0

    @torch.no_grad()
    def step(self, x: Tensor, y: Tensor, importance: Tensor | None) -> Float[Tensor, "*nets"]:
        """Learn from a batch; give its loss before, the penalty left out."""
        settings, weight = self.settings, self.learner.net.weight
        here = self._quadratic(x, y, importance)
        penalised = here.value + self._penalty(weight)
        gradient = here.gradient + settings.penalty * weight
        start, waiting = weight.clone(), torch.ones_like(self.resting)
        for _ in range(settings.trials):
            step = damped_step(gradient, here.curvature, self.damping + settings.penalty)
            weight.copy_(torch.where(waiting.unsqueeze(-1), start - step, weight))
            there = self._loss(x, y, importance) + self._penalty(weight)
            better = waiting & (there < penalised)
            weight.copy_(torch.where((waiting & ~better).unsqueeze(-1), start, weight))
            factor = torch.where(better, settings.fall, settings.rise)
            damping = (self.damping * factor).clamp(settings.least, settings.most)
            self.resting = torch.where(waiting, ~better & (self.damping >= settings.most), self.resting)
            self.damping = torch.where(waiting, damping, self.damping)
            waiting = waiting & ~better
            if not waiting.any():
                break
        return here.value

    def end_epoch(self, loss: Float[Tensor, "*nets"]) -> None:
        """Do nothing: the damping follows the steps."""

    @property
    def stuck(self) -> bool:
        """Whether every net found no better weights at the strongest damping."""
        return bool(self.resting.all())

    def state(self) -> dict[str, Any]:
        """Give the damping of every net."""
        return {"damping": self.damping, "resting": self.resting, "seen": self.seen}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        device = self.learner.net.weight.device
        self.damping, self.resting = state["damping"].to(device), state["resting"].to(device)
        self.seen = state["seen"]

    def _quadratic(self, x: Tensor, y: Tensor, importance: Tensor | None) -> Quadratic:
        found = Quadratic.zero(self.learner.net.weight)
        for part, *chunk in self._chunks(x, y, importance):
            found = found.plus(self.learner.quadratic(*chunk[:2], importance=chunk[2]), part)
        return found

    def _loss(self, x: Tensor, y: Tensor, importance: Tensor | None) -> Float[Tensor, "*nets"]:
        self.seen += x.shape[len(self.learner.net.nets)]
        loss, net = self.learner.loss, self.learner.net
        if not loss.every_tick:
            return loss(self.learner.scores(x), y, importance)[0]
        return loss.over_ticks(net.outputs(x), y, importance)

    def _penalty(self, weight: Tensor) -> Tensor:
        return 0.5 * self.settings.penalty * weight.square().sum(-1)

    def _chunks(self, x: Tensor, y: Tensor, importance: Tensor | None) -> Iterator[tuple[Any, ...]]:
        """Cut a batch so that the Jacobian of each chunk fits the memory and the learner's budget; give each with its share of the examples."""
        net = self.learner.net
        axis = len(net.nets)
        n = x.shape[axis]
        self.seen += n
        one = self._bytes_of_one(x.shape[axis + 1] if x.ndim > axis + 2 else net.ticks)
        budget = self.learner.budget
        if budget is not None and one > budget:
            raise ValueError(f"a budget of {budget} bytes holds the Jacobian of no example; that of one takes {one}")
        memory = self.settings.memory if budget is None else min(budget, self.settings.memory)
        size = min(max(memory // one, 1), n)
        for start in range(0, n, size):
            width = min(size, n - start)
            parts = (None if part is None else part.narrow(axis, start, width) for part in (x, y, importance))
            yield width / n, *parts

    def _bytes_of_one(self, ticks: int) -> int:
        """Count the bytes of one example: of its Jacobian, and of what the engine carries to it."""
        learner, net = self.learner, self.learner.net
        silent, every = net.activation.silent_at_zero, learner.loss.every_tick
        live = int(reach.live(net.topology, ticks, silent_at_zero=silent, every_tick=every).sum())
        count = partial(plan, net.topology, ticks, 1, itemsize=net.weight.element_size(), nets=math.prod(net.nets))
        engine = count(live=live).engine if learner.engine is None else learner.engine.name
        costs = count().costs  # of all edges, as none is left out of a Jacobian
        carried = costs[engine].bytes if engine in costs else 0
        numbers = 3 * net.weight.numel() * net.topology.outputs  # the Jacobian, weighted, and one in the making
        return numbers * net.weight.element_size() + carried


def damped_step(
    gradient: Float[Tensor, "*nets e"], curvature: Float[Tensor, "*nets e e"], damping: Float[Tensor, "*nets"]
) -> Float[Tensor, "*nets e"]:
    """Solve `(G + damping I) step = gradient` for every net; where rounding leaves `G` indefinite, a step of 0."""
    system = curvature + torch.diag_embed(damping.unsqueeze(-1).expand_as(gradient))
    factor, failed = torch.linalg.cholesky_ex(system)
    step = torch.cholesky_solve(gradient.unsqueeze(-1), factor).squeeze(-1)
    fine = (failed == 0) & step.isfinite().all(-1)
    return torch.where(fine.unsqueeze(-1), step, torch.zeros_like(step))
