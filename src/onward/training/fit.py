"""The one training loop.

`fit` yields an `Epoch` after each pass; printing, logging and leaving early are written by the caller as an ordinary
`for` loop. Every parcel of credit is applied as soon as the learner hands it out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from onward.learners.base import AbstractLearner
from onward.training.data import Dataset, Split
from onward.training.metrics import accuracy

Optimiser = Callable[[Iterable[Tensor]], torch.optim.Optimizer]
Schedule = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]


class TrainingFailed(RuntimeError):
    """Training ran, but what came of it cannot be used."""


@dataclass(frozen=True)
class Recipe:
    """How a learner is trained.

    Attributes:
        optimiser: makes an optimiser of parameters; any of `torch.optim` that steps by gradients alone, as
            `partial(torch.optim.Adam, lr=0.001)`. (`LBFGS`, which has to call the loss itself, is refused.)
        epochs: passes over the training data, at the most.
        batch: examples a step; all of them if left out.
        schedule: makes a learning-rate schedule of an optimiser, stepped once an epoch; `ReduceLROnPlateau` is given the
            validation loss, or the training loss where there is none.
        patience: epochs without a lower validation loss (of the learner's scores, so of the last tick) after which a net
            stops; when the loop has run to its end the weights of the best epoch are put back. Left out: all epochs, and
            the last weights.
        shuffle: whether every epoch has its own order.
        drop_last: whether a last batch that is not whole is left out.
    """

    optimiser: Optimiser
    epochs: int
    batch: int | None = None
    schedule: Schedule | None = None
    patience: int | None = None
    shuffle: bool = True
    drop_last: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training data came to; tensors have one entry a net (`*nets`).

    Attributes:
        number: counted from 1.
        loss: mean over the batches of the pass, each taken before its own update.
        validation_loss: after the pass; None without validation data.
        validation_accuracy: after the pass; None without validation data or without classes.
        seconds: since training began.
    """

    number: int
    loss: Float[Tensor, "*nets"]
    validation_loss: Float[Tensor, "*nets"] | None
    validation_accuracy: Float[Tensor, "*nets"] | None
    seconds: float


def fit(
    learner: AbstractLearner,
    data: Dataset,
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
        ValueError: labels out of range, or a recipe that needs validation data where there is none.
        TrainingFailed: the loss or the weights are no longer finite.
    """
    generators = [generator] if isinstance(generator, torch.Generator) else list(generator)
    if len(generators) != (data.train.nets[0] if data.train.nets else 1):
        raise ValueError(f"one generator a net is needed, got {len(generators)} for nets {list(data.train.nets)}")
    if recipe.patience is not None and data.validation is None:
        raise ValueError(f"patience needs validation data, and {data.name} has none")
    first, _ = data.train.take(torch.zeros(*data.train.nets, 1, dtype=torch.int64, device=data.train.x.device))
    outputs = learner.scores(first)
    for split in (data.train, data.validation):
        if split is not None:
            learner.loss.check_target(split.y, (*split.nets, len(split), outputs.shape[-1]))
    parameters = dict(learner.named_parameters())
    optimiser = recipe.optimiser(parameters.values())
    if isinstance(optimiser, torch.optim.LBFGS):
        raise ValueError("fit steps by gradients alone, and LBFGS has to call the loss itself; take another optimiser")
    schedule = None if recipe.schedule is None else recipe.schedule(optimiser)
    best = None if recipe.patience is None else _Best(parameters, data.train.nets, recipe.patience)
    began = time.perf_counter()
    for number in range(1, recipe.epochs + 1):
        losses = []
        for x, y in batches(data.train, recipe, generators):
            for credit in learner.credit(x, y):
                _apply(credit.gradients, parameters, optimiser)
                losses.append(credit.loss)
        loss = torch.stack(losses).mean(0)
        judged = evaluate(learner, data.validation) if data.validation is not None else (None, None)
        watched = {"loss": loss, "validation loss": loss if judged[0] is None else judged[0]}
        _check_finite(number, watched, parameters, None if best is None else best.running)
        _step_schedule(schedule, loss if judged[0] is None else judged[0])
        stopped = best is not None and judged[0] is not None and best.see(judged[0])
        yield Epoch(number, loss, *judged, time.perf_counter() - began)
        if stopped:
            break
    if best is not None:
        best.restore()


def batches(split: Split, recipe: Recipe, generators: Sequence[torch.Generator]) -> Iterator[tuple[Tensor, Tensor]]:
    """Give one pass over a split in batches; each net of a stack has its own order."""
    n = len(split)
    size = n if recipe.batch is None else min(recipe.batch, n)
    end = n - n % size if recipe.drop_last else n
    if recipe.shuffle:
        index = torch.stack([torch.randperm(n, generator=generator) for generator in generators])
        x, y = split.take((index if split.nets else index[0]).to(split.x.device))
    else:
        x, y = split.x, split.y
    axis = len(split.nets)
    for start in range(0, end, size):
        width = min(size, n - start)
        yield x.narrow(axis, start, width), y.narrow(axis, start, width)


@torch.no_grad()
def evaluate(learner: AbstractLearner, split: Split) -> tuple[Float[Tensor, "*nets"], Float[Tensor, "*nets"] | None]:
    """Give the loss and, for class labels, the accuracy of a learner's scores on a split."""
    scores = learner.scores(split.x)
    target = learner.loss.at_tick(split.y, -1, scores)
    loss, _ = learner.loss(scores, target)
    return loss, accuracy(scores, target) if learner.loss.classes else None


def _apply(gradients: dict[str, Tensor], parameters: dict[str, Any], optimiser: torch.optim.Optimizer) -> None:
    """Update the parameters of one parcel; all others have no gradient, and optimisers pass them over."""
    for name, gradient in gradients.items():
        parameters[name].grad = gradient
    optimiser.step()
    for name in gradients:
        parameters[name].grad = None


def _check_finite(
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


def _step_schedule(schedule: torch.optim.lr_scheduler.LRScheduler | None, loss: Tensor) -> None:
    if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
        schedule.step(loss.mean().item())
    elif schedule is not None:
        schedule.step()


class _Best:
    """The best weights so far by validation loss, for every net of a stack, and which nets have stopped."""

    def __init__(self, parameters: Mapping[str, Tensor], nets: tuple[int, ...], patience: int) -> None:
        self.parameters = parameters
        self.kept = {name: parameter.detach().clone() for name, parameter in parameters.items()}
        self.loss = torch.full(nets, torch.inf, dtype=torch.float64)
        self.since: Int[Tensor, "*nets"] = torch.zeros(nets, dtype=torch.int64)
        self.patience = patience

    @property
    def running(self) -> Bool[Tensor, "*nets"]:
        """Which nets have not stopped."""
        return self.since < self.patience

    @torch.no_grad()
    def see(self, loss: Float[Tensor, "*nets"]) -> bool:
        """Note the loss of an epoch; tell whether every net has stopped."""
        loss = loss.detach().cpu().double()
        better: Bool[Tensor, "*nets"] = self.running & (loss < self.loss)
        self.loss = torch.where(better, loss, self.loss)
        self.since = torch.where(better, 0, self.since + 1)
        for name, parameter in self.parameters.items():
            which = better.view(*better.shape, *[1] * (parameter.ndim - better.ndim)).to(parameter.device)
            self.kept[name] = torch.where(which, parameter, self.kept[name])
        return not bool(self.running.any())

    @torch.no_grad()
    def restore(self) -> None:
        """Put the best weights back."""
        for name, parameter in self.parameters.items():
            parameter.copy_(self.kept[name])
