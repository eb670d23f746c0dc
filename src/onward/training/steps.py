"""One step of training: a batch comes in, the weights change. Here by the gradient, with an optimiser of `torch.optim`.

A `Stepper` is what the training loop drives; `second_order` has the other one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from onward.learners.base import AbstractLearner, Credit

Optimiser = Callable[[Iterable[Tensor]], torch.optim.Optimizer]
Schedule = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


@runtime_checkable
class Stepper(Protocol):
    """Changes weights, a batch at a time.

    Attributes:
        seen: examples that losses or gradients were computed of so far.
    """

    seen: int

    def step(self, x: Tensor, y: Tensor, importance: Tensor | None) -> Float[Tensor, "*nets"]:
        """Learn from a batch; give its loss before."""
        ...

    def end_epoch(self, loss: Float[Tensor, "*nets"]) -> None:
        """Take note of the end of an epoch and of the loss that is watched."""
        ...

    @property
    def stuck(self) -> bool:
        """Whether no further step can change anything."""
        ...

    def state(self) -> dict[str, Any]:
        """Give all that the next step depends on, but for the weights."""
        ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        ...


class GradientSteps:
    """Steps by an optimiser and its learning-rate schedule; every parcel of credit is applied as soon as it is there.

    `torch.optim.LBFGS`, which calls the loss several times a step, is driven through a closure; it steps all parameters
    together, so it takes learners of one parcel and one net.
    """

    def __init__(
        self,
        learner: AbstractLearner,
        optimiser: Optimiser,
        schedule: Schedule | None,
        nets: tuple[int, ...],
        parameters: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Make the optimiser of a learner's parameters, or of those of them that are given, and its schedule."""
        self.learner = learner
        self.parameters = dict(learner.named_parameters() if parameters is None else parameters)
        self.optimiser = optimiser(self.parameters.values())
        self.schedule = None if schedule is None else schedule(self.optimiser)
        self.nets = nets
        self.seen = 0
        if isinstance(self.optimiser, torch.optim.LBFGS) and nets not in ((), (1,)):
            raise ValueError(f"LBFGS searches along one line for all nets, so it trains one net at a time, got {nets[0]}")

    def step(self, x: Tensor, y: Tensor, importance: Tensor | None) -> Float[Tensor, "*nets"]:
        """Learn from a batch; give the mean loss of its parcels, each taken before it was applied."""
        if isinstance(self.optimiser, torch.optim.LBFGS):
            return self._search(self.optimiser, x, y, importance)
        self.seen += x.shape[len(self.nets)]
        losses = []
        for credit in self._credit(x, y, importance):
            self.apply(credit)
            losses.append(credit.loss)
        return losses[0] if len(losses) == 1 else torch.stack(losses).mean(0)

    def apply(self, credit: Credit) -> None:
        """Step the parameters that a parcel concerns; its gradients are taken from it, so that they are freed here."""
        self._assign(credit.gradients)
        self.optimiser.step()
        self._assign(dict.fromkeys(credit.gradients))
        credit.gradients.clear()

    def end_epoch(self, loss: Float[Tensor, "*nets"]) -> None:
        """Step the schedule; `ReduceLROnPlateau` is given the loss."""
        if isinstance(self.schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self.schedule.step(loss.mean().item())
        elif self.schedule is not None:
            self.schedule.step()

    @property
    def stuck(self) -> bool:
        """Never: a gradient step can always be taken."""
        return False

    def state(self) -> dict[str, Any]:
        """Give the state of the optimiser and of the schedule."""
        schedule = None if self.schedule is None else self.schedule.state_dict()
        return {"optimiser": self.optimiser.state_dict(), "schedule": schedule, "seen": self.seen}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        self.optimiser.load_state_dict(state["optimiser"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        self.seen = state["seen"]

    def _credit(self, x: Tensor, y: Tensor, importance: Tensor | None) -> Any:
        return self.learner.credit(x, y) if importance is None else self.learner.credit(x, y, importance=importance)

    def _assign(self, gradients: Mapping[str, Tensor | None]) -> None:
        """Set gradients; parameters without one are passed over by optimisers."""
        for name, gradient in gradients.items():
            self.parameters[name].grad = gradient

    def _search(
        self, optimiser: torch.optim.LBFGS, x: Tensor, y: Tensor, importance: Tensor | None
    ) -> Float[Tensor, "*nets"]:
        def closure() -> float:
            self.seen += x.shape[len(self.nets)]
            (credit,) = self._credit(x, y, importance)
            self._assign(credit.gradients)
            return credit.loss.item()

        first = optimiser.step(closure)
        self._assign(dict.fromkeys(self.parameters))
        return x.new_full(self.nets, float(first))
