"""A rank's part of the training: its blocks, an optimiser and a schedule for each, and their best weights.

Optimisers that treat every parameter for itself, as those of `torch.optim` but LBFGS do, come bitwise to the same whether they
have all blocks or one.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from onward.learners.base import AbstractLearner
from onward.pipeline import holding
from onward.training import rehearsal
from onward.training.alike import check_keys, like, plain
from onward.training.best import Best
from onward.training.fit import Recipe
from onward.training.second_order import LevenbergMarquardt
from onward.training.steps import GradientSteps


class Stage:
    """Teaches the blocks of a rank.

    Attributes:
        learner: the rule; only its own blocks have memory.
        blocks: which they are.
        steppers: of the blocks that have parameters.
        best: of every block, and under -1 of what no block has for itself; empty without patience.
    """

    def __init__(self, learner: AbstractLearner, blocks: range, recipe: Recipe) -> None:
        """Make the optimisers of some blocks."""
        assert not isinstance(recipe.optimiser, LevenbergMarquardt)  # noqa: S101
        self.learner, self.blocks, self.recipe = learner, blocks, recipe
        self.rule = holding.local(learner)
        self.steppers: dict[int, GradientSteps] = {}
        for block in blocks:
            own = holding.parameters(learner, self.rule, block)
            if own:
                self.steppers[block] = GradientSteps(learner, recipe.optimiser, recipe.schedule, (), own)
        self.best: dict[int, Best] = {}
        if recipe.patience is not None:
            kept = {block: holding.tensors(self.rule, block) for block in blocks}
            kept[-1] = holding.shared(learner, self.rule)
            self.best = {block: Best(values, (), recipe.patience) for block, values in kept.items()}

    @property
    def parameters(self) -> dict[str, Tensor]:
        """All parameters of the blocks, by name."""
        return {name: one for stepper in self.steppers.values() for name, one in stepper.parameters.items()}

    @property
    def running(self) -> bool:
        """Whether patience has not run out."""
        return not self.best or bool(self.best[-1].running)

    @property
    def watches(self) -> bool:
        """Whether the end of an epoch needs its loss: for patience, or a schedule that waits for a plateau."""
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau
        return bool(self.best) or any(isinstance(one.schedule, plateau) for one in self.steppers.values())

    def step(self, passing: Tensor, lesson: Any) -> tuple[Tensor, list[Tensor]]:
        """Teach the blocks a batch; give what the last one passes on, and the losses before."""
        losses = []
        for block in self.blocks:
            passing, credit = self.rule.teach(block, passing, lesson)
            if credit is not None:
                self.steppers[block].apply(credit)
                losses.append(credit.loss)
        return passing, losses

    def end_epoch(self, watched: Tensor) -> None:
        """Step the schedules, and note the loss; it is looked at only if `watches`."""
        with warnings.catch_warnings():  # the optimiser of a block that does not learn has taken no step
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
            for stepper in self.steppers.values():
                stepper.end_epoch(watched)
        for best in self.best.values():
            best.see(watched)

    def restore(self) -> None:
        """Put the best weights back, if they are kept."""
        for best in self.best.values():
            best.restore()

    def state(self, block: int) -> dict[str, Any]:
        """Give all that the next step of a block depends on, in plain types; of block -1, what no block has for itself."""
        best = self.best.get(block)
        return plain(
            {
                "weights": self._values(block),
                "stepper": self.steppers[block].state() if block in self.steppers else None,
                "best": None if best is None else best.state(),
            }
        )

    def load(self, block: int, found: Any, *, more: bool) -> None:
        """Take back what `state` gave; `more` is whether there are steps to come.

        Raises:
            ValueError: it is not the state of such a block, as the end of a sentence about a file.
        """
        check_keys(found, ("weights", "stepper", "best"), "state")
        own, best, stepper = self._values(block), self.best.get(block), self.steppers.get(block)
        weights = like(found["weights"], plain(own), "weights")
        for what, mine in (("best", best), ("stepper", stepper)):
            if (found[what] is None) != (mine is None):
                raise ValueError(f"its {what} is {'missing' if mine else 'of another recipe or block'}")
        if best is not None:
            best.load(like(found["best"], plain(best.state()), "best weights"))
        if stepper is not None:
            stepper.load(rehearsal.checked(found["stepper"], stepper, self.recipe, more=more))
        if block < 0:
            self.learner.load_state_dict(weights, strict=False)
        else:
            holding.load(self.rule.parts(block), weights)

    def _values(self, block: int) -> dict[str, Tensor]:
        return holding.shared(self.learner, self.rule) if block < 0 else holding.tensors(self.rule, block)
