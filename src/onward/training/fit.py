"""The one training loop.

`fit` yields an `Epoch` after each pass; printing, logging and leaving early are written by the caller as an ordinary
`for` loop. `Training` is the same loop with its state in the open: it can be left after any step, stored (`checkpoint`),
and gone on with.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from onward.description import LATER
from onward.learners.base import AbstractLearner
from onward.training.best import Best
from onward.training.data import Learnable, Split
from onward.training.judging import evaluate
from onward.training.second_order import DampedSteps, LevenbergMarquardt
from onward.training.steps import GradientSteps, Optimiser, Schedule, Stepper


class TrainingFailed(RuntimeError):
    """Training ran, but what came of it cannot be used."""


@dataclass(frozen=True)
class Recipe:
    """How a learner is trained.

    Attributes:
        optimiser: makes an optimiser of parameters, any of `torch.optim`, as `partial(torch.optim.Adam, lr=0.001)`; or
            `LevenbergMarquardt(...)`, for a mesh that learns forward-only. That and `torch.optim.LBFGS` want all
            examples in a step, or batches of many.
        epochs: passes over the training data, at the most.
        batch: examples a step; all of them if left out.
        schedule: makes a learning-rate schedule of an optimiser, stepped once an epoch; `ReduceLROnPlateau` is given the
            validation loss, or the training loss where there is none.
        patience: epochs without a lower validation loss (of the learner's scores, so of the last tick) after which a net
            stops; when the loop has run to its end the weights of the best epoch are put back. Left out: all epochs, and
            the last weights.
        shuffle: whether every epoch has its own order.
        drop_last: whether a last batch that is not whole is left out.
        products: dtype of matrix products and convolutions, as `torch.bfloat16`; weights, losses and the optimiser's state
            keep theirs. Left out: that of the weights.
    """

    optimiser: Optimiser | LevenbergMarquardt
    epochs: int
    batch: int | None = None
    schedule: Schedule | None = None
    patience: int | None = None
    shuffle: bool = True
    drop_last: bool = False
    products: torch.dtype | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "patience"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        if not isinstance(self.optimiser, LevenbergMarquardt) and not callable(self.optimiser):
            raise ValueError(
                "the optimiser must be what makes one of parameters, as partial(torch.optim.Adam, lr=0.001), got "
                f"{type(self.optimiser).__name__}"
            )
        if self.products not in (None, torch.bfloat16, torch.float16):
            raise ValueError(f"products can be in torch.bfloat16 or torch.float16, got {self.products!r}")
        if self.schedule is not None and isinstance(self.optimiser, LevenbergMarquardt):
            raise ValueError("Levenberg-Marquardt sets its own damping; a learning-rate schedule has nothing to act on")

    def autocast(self, device: torch.device) -> torch.autocast:
        """Give the context in which products are computed in their dtype."""
        enabled = self.products is not None
        return torch.autocast(device.type, self.products or torch.bfloat16, enabled=enabled, cache_enabled=False)


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training data came to; tensors have one entry a net (`*nets`).

    Attributes:
        number: counted from 1.
        loss: mean over the batches of the pass, each taken before its own update.
        validation_loss: after the pass; None without validation data.
        validation_accuracy: after the pass; None without validation data or without classes.
        seconds: since training began, those before an interruption included.
        passes: losses and gradients computed since training began, in passes over the training data; more than the
            epochs where a step looks at its batch more than once.
    """

    number: int
    loss: Float[Tensor, "*nets"]
    validation_loss: Float[Tensor, "*nets"] | None
    validation_accuracy: Float[Tensor, "*nets"] | None
    seconds: float
    passes: float


class Training:
    """A training run whose state lies open: leave it after any step, store it, go on.

    Attributes:
        learner: the rule and its net.
        data: what it learns from.
        recipe: how.
        history: the epochs so far.
        position: steps taken of the epoch that is under way.
        whole: whether the run stands between two steps; after a step that was cut short by an error it does not.
    """

    def __init__(
        self,
        learner: AbstractLearner,
        data: Learnable,
        recipe: Recipe,
        *,
        generator: torch.Generator | Sequence[torch.Generator],
    ) -> None:
        """Prepare a run. Arguments and errors as for `fit`."""
        if not isinstance(learner, AbstractLearner):
            raise ValueError(f"a learner teaches a net, as MonoForward(net) or Backprop(net); got {type(learner).__name__}")
        if not isinstance(data, Learnable):
            raise ValueError(f"expected a Dataset, or a Lesson of Splits, to learn from, got {type(data).__name__}")
        if not isinstance(generator, torch.Generator | Sequence):
            raise ValueError(f"expected a torch.Generator, or one for each net of a stack, got {type(generator).__name__}")
        generators = [generator] if isinstance(generator, torch.Generator) else list(generator)
        if len(generators) != (data.train.nets[0] if data.train.nets else 1):
            raise ValueError(f"one generator a net is needed, got {len(generators)} for nets {list(data.train.nets)}")
        if recipe.patience is not None and data.validation is None:
            raise ValueError(f"patience needs validation data, and {data.name} has none")
        first, _ = data.train.take(torch.zeros(*data.train.nets, 1, dtype=torch.int64, device=data.train.x.device))
        learner.eval()  # so that looking at the shapes leaves statistics and random states as they are
        outputs = learner.scores(first)
        for split in (data.train, data.validation):
            if split is not None:
                learner.loss.check_target(split.y, (*split.nets, len(split), outputs.shape[-1]))
        self.learner, self.data, self.recipe, self.generators = learner, data, recipe, generators
        self.parameters = dict(learner.named_parameters())
        self.stepper = self._stepper()
        kept = learner.state_dict(keep_vars=True)
        self.best = None if recipe.patience is None else Best(kept, data.train.nets, recipe.patience)
        self.history: list[Epoch] = []
        self.position = 0
        self.whole = True
        self._losses: list[Tensor] = []
        self._order_from = [generator.get_state() for generator in generators]
        self._began, self._before = time.perf_counter(), 0.0

    @property
    def ended(self) -> bool:
        """Whether all epochs are done, every net has stopped, or no step can change anything any more."""
        stopped = self.best is not None and not bool(self.best.running.any())
        return len(self.history) >= self.recipe.epochs or stopped or (not self.position and self.stepper.stuck)

    def steps(self) -> Iterator[Epoch | None]:
        """Go on to the end, yielding after every step: the `Epoch` after its last, None after the others.

        At the end the best weights are put back, if the recipe keeps them. Between two steps the state can be taken.
        """
        while not self.ended:
            yield from self._epoch()
        if self.best is not None:
            self.best.restore()

    def epochs(self) -> Iterator[Epoch]:
        """Go on to the end, yielding after every epoch."""
        return (epoch for epoch in self.steps() if epoch is not None)

    def _epoch(self) -> Iterator[Epoch | None]:
        self.whole = False
        present = [generator.get_state() for generator in self.generators]
        if self.position:  # begun before: draw the same order again
            for generator, state in zip(self.generators, self._order_from, strict=True):
                generator.set_state(state)
        else:
            self._order_from = present
        remaining = list(batches(self.data.train, self.recipe, self.generators))
        if self.position:
            for generator, state in zip(self.generators, present, strict=True):
                generator.set_state(state)
        while self.position < len(remaining):
            x, y, importance = remaining[self.position]
            if self.data.augment is not None:
                x = self.data.augment(x, self.generators[0])
            self.learner.train()
            with self.recipe.autocast(x.device):
                self._losses.append(self.stepper.step(x, y, importance))
            self.learner.eval()  # whoever looks between two steps sees it predict
            self.position += 1
            if self.position < len(remaining):
                self.whole = True
                yield None
                self.whole = False
        number = len(self.history) + 1
        loss = torch.stack(self._losses).mean(0)
        validation = self.data.validation
        with self.recipe.autocast(loss.device):
            judged = evaluate(self.learner, validation) if validation is not None else (None, None)
        watched = {"loss": loss, "validation loss": loss if judged[0] is None else judged[0]}
        check_finite(number, watched, self.parameters, None if self.best is None else self.best.running)
        self.stepper.end_epoch(watched["validation loss"])
        if self.best is not None:
            self.best.see(watched["validation loss"])
        self.history.append(Epoch(number, loss, *judged, self.seconds, self.stepper.seen / len(self.data.train)))
        self.position, self._losses, self.whole = 0, [], True
        yield self.history[-1]

    @property
    def seconds(self) -> float:
        """Since training began, those before an interruption included."""
        return self._before + time.perf_counter() - self._began

    def state(self) -> dict[str, Any]:
        """Give all that the rest of the run depends on: nested dicts, lists, numbers and tensors, not copied.

        Raises:
            ValueError: the last step was cut short.
        """
        if not self.whole:
            raise ValueError(
                "the last step was cut short, so this run has no state to go on from; go back to one before it"
            )
        return {
            "weights": self.learner.state_dict(),
            "stepper": self.stepper.state(),
            "best": None if self.best is None else self.best.state(),
            "generators": [generator.get_state() for generator in self.generators],
            "order_from": self._order_from,
            "position": self.position,
            "losses": self._losses,
            "history": [vars(epoch) for epoch in self.history],
            "seconds": self.seconds,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave, from a run of the same learner, data and recipe; the rest is bitwise the same."""
        self.learner.load_state_dict(state["weights"])
        self.stepper.load(state["stepper"])
        if self.best is not None:
            self.best.load(state["best"])
        for generator, its in zip(self.generators, state["generators"], strict=True):
            generator.set_state(its)
        self._order_from, self.position, self.whole = list(state["order_from"]), state["position"], True
        self._losses = [loss.to(self.data.train.x.device) for loss in state["losses"]]
        self.history = [Epoch(**epoch) for epoch in state["history"]]
        self._began, self._before = time.perf_counter(), state["seconds"]

    def _stepper(self) -> Stepper:
        if isinstance(self.recipe.optimiser, LevenbergMarquardt):
            return DampedSteps(self.learner, self.recipe.optimiser)
        return GradientSteps(self.learner, self.recipe.optimiser, self.recipe.schedule, self.data.train.nets)


def fit(
    learner: AbstractLearner,
    data: Learnable,
    recipe: Recipe,
    *,
    generator: torch.Generator | Sequence[torch.Generator],
) -> Iterator[Epoch]:
    """Train a learner, yielding after every epoch. Left early, it leaves the weights of that epoch.

    Nets that stand side by side are trained in one computation, each with its own data, order, best epoch and stop.

    Args:
        learner: the rule and its net.
        data: what it learns from; with `recipe.patience`, also what chooses.
        recipe: how.
        generator: source of the orders; one for each net of a stack.

    Raises:
        ValueError: labels out of range, or a recipe that does not suit the data or the learner.
        TrainingFailed: the loss or the weights are no longer finite.
    """
    return Training(learner, data, recipe, generator=generator).epochs()


def steps_an_epoch(split: Split, recipe: Recipe) -> int:
    """Count the batches of one pass over a split."""
    n = len(split)
    size = n if recipe.batch is None else min(recipe.batch, n)
    return n // size if recipe.drop_last else -(-n // size)


def batches(
    split: Split, recipe: Recipe, generators: Sequence[torch.Generator]
) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
    """Give one pass over a split in batches of inputs, targets and importance; each net of a stack has its own order."""
    n = len(split)
    size = n if recipe.batch is None else min(recipe.batch, n)
    end = n - n % size if recipe.drop_last else n
    parts = (split.x, split.y, split.share)
    if recipe.shuffle:
        index = torch.stack([torch.randperm(n, generator=generator) for generator in generators])
        order = (index if split.nets else index[0]).to(split.x.device)
        parts = tuple(None if part is None else split.pick(part, order) for part in parts)
    axis = len(split.nets)
    for start in range(0, end, size):
        width = min(size, n - start)
        x, y, share = (None if part is None else part.narrow(axis, start, width) for part in parts)
        assert x is not None and y is not None  # noqa: S101, PT018
        yield x, y, share


def check_finite(
    number: int, losses: Mapping[str, Tensor], parameters: Mapping[str, Tensor], running: Bool[Tensor, "*nets"] | None
) -> None:
    """Raise `TrainingFailed` if a loss or the weights of a net that has not stopped are not finite."""
    nets = losses["loss"].ndim
    finite = {name: loss.isfinite() for name, loss in losses.items()}
    for name, parameter in parameters.items():
        finite[f"parameter {name}"] = parameter.detach().isfinite().flatten(nets).all(-1)
    for name, fine in finite.items():
        failed = ~fine if running is None else ~fine & running.to(fine.device)
        if failed.any():
            which = f" of net {failed.nonzero()[0].item()}" if nets else ""
            value = f"became {losses[name][failed].flatten()[0].item()}" if name in losses else "is no longer finite"
            hint = "a smaller learning rate or scaled inputs may help"
            raise TrainingFailed(f"the {name}{which} {value} in epoch {number}; {hint}")
