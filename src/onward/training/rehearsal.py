"""Whether the stored state of an optimiser and its schedule can be gone on with: tried on stand-ins, with a step of theirs.

Every optimiser keeps what it likes, and few check what they are given back. So stand-ins of the parameters are stepped
once, which shows the form of a state; then others are given the stored one and stepped.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from onward.training.alike import check_keys, like, shown
from onward.training.fit import Recipe
from onward.training.second_order import LevenbergMarquardt
from onward.training.steps import GradientSteps

SCHEDULED = ("lr", "initial_lr", "min_lr", "max_lr", "momentum", "base_momentum", "max_momentum", "betas")
"""An optimiser's settings that schedules change; all others, and these too without one, are those of the recipe."""


def checked(found: Any, stepper: GradientSteps, recipe: Recipe, *, more: bool) -> dict[str, Any]:
    """Give the stored state of gradient steps, if they can go on from it; they are left as they are.

    Args:
        found: the state, plain.
        stepper: what is to take it.
        recipe: makes the stand-ins.
        more: whether there are steps to come; if not, none is tried.

    Raises:
        ValueError: it cannot be gone on with, as the end of a sentence about a file.
    """
    own = stepper.state()
    check_keys(found, own, "stepper")
    optimiser, schedule = found["optimiser"], found["schedule"]
    if (schedule is None) != (stepper.schedule is None):
        raise ValueError(f"its schedule is {'missing' if schedule is None else 'of another recipe'}")
    check_keys(optimiser, ("state", "param_groups"), "optimiser")
    groups = like(optimiser["param_groups"], own["optimiser"]["param_groups"], "optimiser")
    for group, mine in zip(groups, own["optimiser"]["param_groups"], strict=True):
        for name, value in mine.items():
            if (schedule is None or name not in SCHEDULED) and group[name] != value:
                raise ValueError(f"its optimiser must have {name} {shown(value)}, got {shown(group[name])}")
    schedule = like(schedule, own["schedule"], "schedule", loose=True)
    rehearsal = _Rehearsal(stepper.parameters, recipe)
    fresh = rehearsal.lived()
    numbers = {k for group in groups for k in group["params"]}
    if type(optimiser["state"]) is not dict or not set(optimiser["state"]) <= numbers:
        raise ValueError(f"its optimiser must have states of parameters {sorted(numbers)}, got {shown(optimiser['state'])}")
    for k, kept in optimiser["state"].items():
        check_keys(kept, (), "optimiser", more=True)
        for name in kept.keys() & fresh.get(k, {}).keys():
            like(kept[name], fresh[k][name], f"optimiser: {name}", loose=True)
    result = {"optimiser": {"state": optimiser["state"], "param_groups": groups}, "schedule": schedule}
    if fresh and more:
        rehearsal.play(result)
    return {**result, "seen": like(found["seen"], own["seen"], "count of examples")}


class _Rehearsal:
    """An optimiser of stand-ins for parameters, and its schedule."""

    def __init__(self, parameters: Mapping[str, Tensor], recipe: Recipe) -> None:
        self.parameters, self.recipe = parameters, recipe

    def lived(self) -> dict[int, dict[str, Any]]:
        """Give the state of an optimiser that has taken a step; nothing if it cannot be tried on stand-ins."""
        try:
            optimiser = self._made()
            if optimiser is None:
                return {}
            self._step(optimiser)
        except Exception:  # it needs what only training gives; then nothing can be said about its state
            return {}
        return optimiser.state_dict()["state"]

    def play(self, state: dict[str, Any]) -> None:
        """Load a copy of a state and take a step from it; refuse it, with a `ValueError`, if that fails."""
        state = copy.deepcopy(state)  # optimisers keep what they load, and change it
        optimiser = self._made()
        assert optimiser is not None  # noqa: S101
        schedule = None if self.recipe.schedule is None else self.recipe.schedule(optimiser)
        try:
            optimiser.load_state_dict(state["optimiser"])
            if schedule is not None:
                schedule.load_state_dict(state["schedule"])
            self._step(optimiser)
            if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
                schedule.step(0.0)
            elif schedule is not None:
                schedule.step()
        except Exception as error:
            words = f"its optimiser or schedule is not what {type(optimiser).__name__} can go on from"
            raise ValueError(f"{words} ({type(error).__name__})") from error

    def _made(self) -> torch.optim.Optimizer | None:
        """Make an optimiser of stand-ins; None if the recipe's optimisers hold other parameters than they are given."""
        stands = [torch.ones_like(one, requires_grad=True) for one in self.parameters.values()]
        assert not isinstance(self.recipe.optimiser, LevenbergMarquardt)  # noqa: S101
        optimiser = self.recipe.optimiser(stands)
        held = [one for group in optimiser.param_groups for one in group["params"]]
        return optimiser if all(any(one is stand for stand in stands) for one in held) else None

    def _step(self, optimiser: torch.optim.Optimizer) -> None:
        for group in optimiser.param_groups:
            for one in group["params"]:
                one.grad = torch.ones_like(one)
        optimiser.step(lambda: 0.0)
