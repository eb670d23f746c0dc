"""Several first weights, trained side by side on the same data; the best is kept.

Where training takes a second the first weights decide more than anything else, and starting again is the cheapest remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from onward.kernels.forward_only import Engine
from onward.kernels.losses import Loss
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet
from onward.training.data import Lesson, Split
from onward.training.fit import Epoch, Recipe, Training, TrainingFailed
from onward.training.judging import evaluate

Watch = Callable[[Iterable[Epoch]], Iterable[Epoch]]


@dataclass(frozen=True)
class Trained:
    """A net that has learned.

    Attributes:
        net: or a net with what its rule adds to it; with its weights of the last epoch, or of the best one if there was
            validation data.
        losses: of its epochs, until it stopped.
        validation_losses: likewise; None without validation data.
    """

    net: nn.Module
    losses: list[float]
    validation_losses: list[float] | None


def train_best(
    nets: Sequence[MeshNet],
    loss: Loss,
    lesson: Lesson,
    recipe: Recipe,
    *,
    generators: Sequence[torch.Generator],
    penalty: float,
    engine: Engine | str | None = None,
    watch: Watch = iter,
) -> Trained:
    """Train nets of one topology and keep the one of the lowest loss.

    Args:
        nets: as they start.
        loss: of their outputs.
        lesson: what each of them learns from; with validation data, that chooses.
        recipe: how; with patience if, and only if, there is validation data.
        generators: source of the orders, one a net.
        penalty: c of `c/2 |w|^2`, added to the training loss where that chooses.
        engine: as for `ForwardOnly`.
        watch: is given the epochs as they pass, and hands them on.

    Raises:
        TrainingFailed: the loss or the weights of every net are no longer finite.
    """
    kept = [generator.get_state() for generator in generators]
    try:
        return _train(nets, loss, lesson, recipe, generators, penalty, engine, watch)[0]
    except TrainingFailed:
        if len(nets) == 1:
            raise
    # One that fails stops all that run beside it, so each is tried alone.
    found, failure = [], None
    for net, generator, state in zip(nets, generators, kept, strict=True):
        generator.set_state(state)
        try:
            found.append(_train([net], loss, lesson, recipe, [generator], penalty, engine, watch))
        except TrainingFailed as failed:
            failure = failed
    if not found:
        assert failure is not None  # noqa: S101
        raise failure
    return min(found, key=lambda one: one[1])[0]


def _train(
    nets: Sequence[MeshNet],
    loss: Loss,
    lesson: Lesson,
    recipe: Recipe,
    generators: Sequence[torch.Generator],
    penalty: float,
    engine: Engine | str | None,
    watch: Watch,
) -> tuple[Trained, float]:
    """Train nets side by side; give the best, and the loss that it was chosen by."""
    net = nets[0] if len(nets) == 1 else MeshNet.stack(nets)
    learner = ForwardOnly(net, loss, engine=engine)
    validation = None if lesson.validation is None else beside(lesson.validation, net.nets)
    together = Lesson(lesson.name, beside(lesson.train, net.nets), validation)
    training = Training(learner, together, recipe, generator=generators)
    for _ in watch(training.epochs()):
        pass
    if training.best is None:
        found = evaluate(learner, together.train)[0] + 0.5 * penalty * net.weight.detach().square().sum(-1)
    else:
        found = training.best.loss
    chosen = int(found.argmin())
    return Trained(net.unstack()[chosen], *curves(training, chosen)), float(found.flatten()[chosen])


def beside(split: Split, nets: tuple[int, ...]) -> Split:
    """Give the same examples to every net of a stack, without a copy."""
    parts = (part if part is None else part.expand(*nets, *part.shape) for part in (split.x, split.y, split.importance))
    x, y, importance = parts
    assert x is not None and y is not None  # noqa: S101, PT018
    return Split(x, y, nets, importance)


def stop(losses: Sequence[float], patience: int) -> int:
    """Count the epochs until there were `patience` of them without a lower loss; all if there never were."""
    lowest, since = float("inf"), 0
    for number, loss in enumerate(losses, start=1):
        since = 0 if loss < lowest else since + 1
        lowest = min(lowest, loss)
        if since == patience:
            return number
    return len(losses)


def curves(training: Training, chosen: int = 0) -> tuple[list[float], list[float] | None]:
    """Give the losses of the epochs of one net until it stopped, and the validation losses if it was to stop by them."""
    losses = _curve([epoch.loss for epoch in training.history], chosen)
    patience = training.recipe.patience
    if patience is None:
        return losses, None
    judged = _curve([epoch.validation_loss for epoch in training.history if epoch.validation_loss is not None], chosen)
    end = stop(judged, patience)
    return losses[:end], judged[:end]


def _curve(losses: Sequence[Tensor], chosen: int) -> list[float]:
    return (
        torch.stack(list(losses)).flatten(1)[:, chosen].tolist() if losses[0].ndim else torch.stack(list(losses)).tolist()
    )
