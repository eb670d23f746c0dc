"""Learning from streams as they pass: pieces come in, the weights change every tick or every few ticks.

There are no epochs and no end, so there is no loop to be driven: whoever has the stream calls `learn` with what has come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from onward.learners.base import Credit
from onward.learners.streams import AbstractStreamLearner
from onward.training.fit import TrainingFailed
from onward.training.steps import GradientSteps, Optimiser


class Streaming:
    """A learner of streams with the optimiser that changes its weights.

    Attributes:
        learner: the rule, its net, and what the stream left behind.
        optimiser: makes the optimiser, as in a `Recipe`.
        ticks_a_step: ticks whose mean gradient makes a step; None for all of a piece.
        steps: the optimiser at work.
    """

    def __init__(self, learner: AbstractStreamLearner[Any], optimiser: Optimiser, *, ticks_a_step: int | None = 1) -> None:
        """Prepare to learn.

        Raises:
            ValueError: no learner of streams, or ticks a step that are no whole number of at least 1.
        """
        if not isinstance(learner, AbstractStreamLearner):
            raise ValueError(
                f"a stream is learned by Online(net) or another rule for streams, got {type(learner).__name__}"
            )
        if ticks_a_step is not None and (not isinstance(ticks_a_step, int) or ticks_a_step < 1):
            raise ValueError(f"ticks_a_step must be a whole number of at least 1, or None, got {ticks_a_step!r}")
        self.learner, self.optimiser, self.ticks_a_step = learner, optimiser, ticks_a_step
        self.steps = GradientSteps(learner, optimiser, None, learner.net.nets)
        if isinstance(self.steps.optimiser, torch.optim.LBFGS):
            raise ValueError("LBFGS looks at a batch several times, and a stream passes once; take Adam or SGD")

    @property
    def ticks(self) -> int:
        """Ticks that were learned from so far."""
        return self.steps.seen

    def learn(
        self,
        x: Float[Tensor, "*nets b t i"],
        y: Tensor,
        *,
        importance: Float[Tensor, "*nets b t"] | None = None,
    ) -> Float[Tensor, "*nets t"]:
        """Learn from a piece of every stream; give the loss of every tick, taken before the step that it is part of.

        A step that is not full at the end of the piece is taken there.

        Args:
            x: inputs.
            y: a target for every tick, `*nets b t ...`.
            importance: how much every stream counts at every tick; all the same if left out.

        Raises:
            ValueError: shapes that do not fit the net, each other, or the streams under way.
            TrainingFailed: a loss is no longer finite.
        """
        nets = len(self.learner.net.nets)
        ticks = tuple(x.shape[nets : nets + 2])
        if x.ndim != nets + 3 or tuple(y.shape[nets : nets + 2]) != ticks:
            raise ValueError(
                f"a piece is streams x ticks x features with a target for every tick, got inputs of shape {list(x.shape)} and "
                f"targets of {list(y.shape)}"
            )
        self.learner.train()
        size = ticks[1] if self.ticks_a_step is None else self.ticks_a_step
        losses: list[Tensor] = []
        sums: dict[str, Tensor] = {}
        waiting = 0
        for tick in range(ticks[1]):
            share = None if importance is None else importance.select(nets + 1, tick)
            now, target = x.select(nets + 1, tick), y.select(nets + 1, tick)
            (credit,) = self.learner.credit(now, target, importance=share)
            losses.append(credit.loss)
            for name, gradient in credit.gradients.items():
                sums[name] = gradient if name not in sums else sums[name] + gradient
            waiting += 1
            if waiting == size or tick == ticks[1] - 1:
                mean = {name: total / waiting for name, total in sums.items()} if waiting > 1 else sums
                self.steps.apply(Credit(credit.loss, mean))
                sums, waiting = {}, 0
        self.steps.seen += ticks[1]
        self.learner.eval()
        found = torch.stack(losses, dim=-1)
        if not found.isfinite().all():
            value = found[~found.isfinite()][0].item()
            raise TrainingFailed(f"the loss became {value} on a stream; a smaller learning rate or scaled inputs may help")
        return found

    def watch(self, x: Float[Tensor, "*nets b t i"]) -> Float[Tensor, "*nets b o"]:
        """Take in a piece without targets; give the outputs after it."""
        self.learner.train()
        outputs = self.learner.watch(x)
        self.learner.eval()
        return outputs

    def state(self) -> dict[str, Any]:
        """Give all that what follows depends on: nested dicts, numbers and tensors, not copied."""
        past = self.learner.past
        return {
            "weights": self.learner.state_dict(),
            "steps": self.steps.state(),
            "past": None if past is None else dict(past._asdict()),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave.

        Raises:
            ValueError: a past of another rule or net; nothing is changed.
        """
        if state["past"] is None:
            self.learner.reset()
        else:
            self.learner.restore(state["past"])
        self.learner.load_state_dict(state["weights"])
        self.steps.load(state["steps"])
