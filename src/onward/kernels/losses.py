"""Losses, each with its derivative at the output.

A loss here maps outputs and targets to its value and to the derivative with respect to the outputs, which is all that a
forward rule needs of it; second-order steps need a root of its curvature there as well. Axes: b batch, o outputs;
`*nets` are nets trained side by side, each with a loss of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from onward.naming import suggest

Evaluate = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Loss:
    """A mean loss over the batch, and how its targets look.

    Attributes:
        name: what reports call it.
        evaluate: maps outputs `*nets b o`, targets and the importance of the examples (`*nets b`, or None) to (value
            `*nets`, derivative of the value `*nets b o`).
        classes: whether a target is a class number (`*nets b`) rather than a vector (`*nets b o`).
        every_tick: whether it is read at every tick and averaged over them, instead of at the last tick alone.
        root: maps outputs `*nets b o` to matrices `R`, `*nets b o o`, with `R^T R` the second derivative of one example's
            loss at its outputs; None if it is not known. It follows from `evaluate`, so it is no part of a loss's identity.
    """

    name: str
    evaluate: Evaluate
    classes: bool = False
    every_tick: bool = False
    root: Callable[[Tensor], Tensor] | None = field(default=None, compare=False)

    def __call__(
        self,
        outputs: Float[Tensor, "*nets b o"],
        target: Shaped[Tensor, "..."],
        importance: Float[Tensor, "*nets b"] | None = None,
    ) -> tuple[Float[Tensor, "*nets"], Float[Tensor, "*nets b o"]]:
        """Give the value and its derivative at the outputs; examples count by their importance, whose mean should be 1."""
        return self.evaluate(outputs, target, importance)

    def of_scores(
        self, scores: Float[Tensor, "b o"], target: Shaped[Tensor, "..."], importance: Float[Tensor, "b"] | None = None
    ) -> tuple[Float[Tensor, ""], Float[Tensor, "b o"]]:
        """The same for a net that knows no ticks: targets of other shapes are refused, and scores of half precision are
        read in single precision (as is the derivative).
        """
        reads = single(scores)
        self.check_shape(target, reads.shape, 0)
        return self.evaluate(reads, target, importance)

    def at_tick(self, target: Tensor, tick: int, outputs: Tensor) -> Tensor:
        """The target of one tick: targets may carry a tick axis after the batch (`*nets b t ...`), or hold for all."""
        axes = outputs.ndim - self.classes
        return target.select(outputs.ndim - 1, tick) if target.ndim > axes else target

    def over_ticks(
        self,
        outputs: Float[Tensor, "*nets b t o"],
        target: Shaped[Tensor, "..."],
        importance: Float[Tensor, "*nets b"] | None = None,
    ) -> Float[Tensor, "*nets"]:
        """Give the value for the outputs of all ticks: at the last one, or averaged over them if it is `every_tick`."""
        ticks = outputs.shape[-2]
        values = []
        for k in range(ticks) if self.every_tick else (ticks - 1,):
            read = outputs[..., k, :]
            self.check_shape(target, read.shape, ticks)
            values.append(self(read, self.at_tick(target, k, read), importance)[0])
        return torch.stack(values).mean(0)

    def check_shape(self, target: Tensor, shape: Sequence[int], ticks: int | None = None) -> None:
        """Refuse targets whose shape does not fit outputs of a shape (`*nets b o`): `ValueError`.

        Targets may have a tick axis after the batch, of the given length (of any, if none is given).
        """
        if not isinstance(target, Tensor):
            raise ValueError(
                f"expected targets as a torch.Tensor, got {type(target).__name__}; torch.as_tensor() makes one"
            )
        own = [] if self.classes else [shape[-1]]
        lead = [*shape[:-1]]
        each = [target.shape[len(lead)] if ticks is None and target.ndim > len(lead) else ticks]
        if list(target.shape) not in ([*lead, *own], [*lead, *each, *own]):
            expected = " x ".join(str(size) for size in (*lead, *own))
            a_tick = f" (or one of each for {ticks} ticks)" if self.every_tick else ""
            raise ValueError(f"{self.name} takes targets of shape {expected}{a_tick}, got {tuple(target.shape)}")

    def curvature_root(
        self, outputs: Float[Tensor, "*nets b o"], importance: Float[Tensor, "*nets b"] | None = None
    ) -> Float[Tensor, "*nets b o o"]:
        """Give a root `R` of the second derivative of the mean loss at the outputs of every example, `R^T R`.

        Raises:
            ValueError: the loss has no known root.
        """
        if self.root is None:
            raise ValueError(
                f"second-order steps need the curvature of the loss, which {self.name!r} does not give; "
                f"{', '.join(LOSSES)} do"
            )
        share = outputs.new_tensor(1.0) if importance is None else importance[..., None, None]
        return self.root(outputs) * (share / outputs.shape[-2]).sqrt()

    def check_target(self, target: Tensor, shape: Sequence[int]) -> None:
        """Refuse targets that this loss cannot read, for outputs of a shape (`*nets b o`): `ValueError`."""
        self.check_shape(target, shape)
        outputs = shape[-1]
        if self.classes:
            if target.dtype != torch.int64:
                raise ValueError(f"{self.name} takes class numbers (int64), got {target.dtype}")
            wrong = target[(target < 0) | (target >= outputs)]
            if wrong.numel():
                raise ValueError(
                    f"label {wrong[0].item()} is out of range: {outputs} outputs take labels 0 to {outputs - 1}"
                )
        else:
            if not target.is_floating_point():
                raise ValueError(f"{self.name} takes floating-point targets, got {target.dtype}")
            if not target.isfinite().all():
                raise ValueError(f"targets must be finite, got {target[~target.isfinite()][0].item()}")


def single(scores: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Give scores of half precision in single precision, in which every loss is computed."""
    return scores.float() if scores.dtype in (torch.bfloat16, torch.float16) else scores


def every_tick(loss: Loss) -> Loss:
    """Read a loss at every tick, averaged over the ticks, instead of at the last one."""
    return replace(loss, name=f"{loss.name} at every tick", every_tick=True)


def differentiable(name: str, function: Callable[[Tensor, Tensor], Tensor], *, classes: bool = False) -> Loss:
    """Make a loss of any function of (outputs `b o`, target) that gives one number and that autograd can differentiate.

    Autograd is used at the output only: it never sees a weight or a neuron.
    """

    def value_and_error(outputs: Tensor, target: Tensor, importance: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if importance is not None:
            raise ValueError(f"the loss {name!r} is one number a batch, so its examples cannot be weighted")
        if outputs.ndim == 2:
            with torch.enable_grad():
                reads = outputs.detach().requires_grad_()
                value = function(reads, target)
            if not isinstance(value, Tensor) or value.ndim or not value.requires_grad:
                shown = tuple(value.shape) if isinstance(value, Tensor) else repr(value)
                raise ValueError(f"the loss {name!r} must give one number that depends on the outputs, got {shown}")
            (error,) = torch.autograd.grad(value, reads)
            # Kept in the graph if there is one, so that `Backprop` and the gradient check can use the same loss.
            return (function(outputs, target) if outputs.requires_grad else value.detach()), error
        parts = [value_and_error(*pair) for pair in zip(outputs, target, strict=True)]
        return torch.stack([value for value, _ in parts]), torch.stack([error for _, error in parts])

    return Loss(name, value_and_error, classes)


def _mean(each: Tensor, error: Tensor, importance: Tensor | None) -> tuple[Tensor, Tensor]:
    """Average the losses of examples (`*nets b`), and their derivatives (`*nets b o`) with them."""
    if importance is not None:
        each, error = each * importance, error * importance.unsqueeze(-1)
    b = each.shape[-1]
    return each.sum(-1) / b, error / b


def _cross_entropy(outputs: Tensor, labels: Tensor, importance: Tensor | None) -> tuple[Tensor, Tensor]:
    """-log softmax(y)[label]; derivative softmax(y) - onehot."""
    log_p = torch.log_softmax(outputs, -1)
    index = labels.unsqueeze(-1)
    try:
        picked = log_p.gather(-1, index)
    except RuntimeError:
        cross_entropy.check_target(labels, outputs.shape)
        raise
    error = log_p.detach().exp()
    error.scatter_add_(-1, index, error.new_full((1,), -1).expand(index.shape))
    return _mean(-picked.squeeze(-1), error, importance)


def _cross_entropy_root(outputs: Tensor) -> Tensor:
    """diag(sqrt p) (1 - 1 p^T), whose square is diag(p) - p p^T."""
    p = torch.softmax(outputs, -1)
    centred = torch.eye(p.shape[-1], dtype=p.dtype, device=p.device) - p.unsqueeze(-2)
    return p.sqrt().unsqueeze(-1) * centred


def _mean_squared_error(outputs: Tensor, target: Tensor, importance: Tensor | None) -> tuple[Tensor, Tensor]:
    """(y - t)^2 averaged over outputs; derivative 2 (y - t) / o."""
    difference = outputs - target
    return _mean(difference.square().mean(-1), difference.detach() * (2 / outputs.shape[-1]), importance)


def _mean_squared_error_root(outputs: Tensor) -> Tensor:
    return torch.diag_embed(torch.full_like(outputs, (2 / outputs.shape[-1]) ** 0.5))


def _binary_cross_entropy(outputs: Tensor, target: Tensor, importance: Tensor | None) -> tuple[Tensor, Tensor]:
    """-t log s(y) - (1 - t) log s(-y) averaged over outputs; derivative (s(y) - t) / o."""
    value = torch.nn.functional.binary_cross_entropy_with_logits(outputs, target, reduction="none")
    return _mean(value.mean(-1), (torch.sigmoid(outputs.detach()) - target) / outputs.shape[-1], importance)


def _binary_cross_entropy_root(outputs: Tensor) -> Tensor:
    p = torch.sigmoid(outputs)
    return torch.diag_embed((p * (1 - p) / outputs.shape[-1]).sqrt())


cross_entropy = Loss("cross-entropy", _cross_entropy, classes=True, root=_cross_entropy_root)
mean_squared_error = Loss("mean squared error", _mean_squared_error, root=_mean_squared_error_root)
binary_cross_entropy = Loss("binary cross-entropy", _binary_cross_entropy, root=_binary_cross_entropy_root)

LOSSES = {loss.name: loss for loss in (cross_entropy, mean_squared_error, binary_cross_entropy)}


def find(loss: Loss | str) -> Loss:
    """Give the loss of a name; a `Loss` is passed through. Unknown names raise `ValueError`."""
    if isinstance(loss, Loss):
        return loss
    if isinstance(loss, str) and loss in LOSSES:
        return LOSSES[loss]
    named = loss if isinstance(loss, str) else str(getattr(loss, "__name__", type(loss).__name__))
    plain = "".join(letter for letter in named.lower() if letter.isalnum()).removesuffix("loss")
    meant = next((name for name, others in _ELSEWHERE.items() if plain in others), None)
    end = suggest(named, LOSSES) if meant is None else f"; did you mean {meant!r}?"
    other = " or a Loss, as losses.differentiable makes of a function" if callable(loss) else ""
    raise ValueError(f"unknown loss {loss!r}, expected one of {', '.join(LOSSES)}{other}{end}")


# What PyTorch, scikit-learn and people call the same losses, in small letters without signs and without "loss" at the end.
_ELSEWHERE = {
    cross_entropy.name: {"crossentropy", "ce", "nll", "log", "softmax", "categoricalcrossentropy"},
    mean_squared_error.name: {"mse", "meansquarederror", "squarederror", "squared", "l2", "quadratic"},
    binary_cross_entropy.name: {"bce", "bcewithlogits", "binarycrossentropy", "binarycrossentropywithlogits", "logistic"},
}
