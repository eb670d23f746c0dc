# ruff: noqa: N803 - scikit-learn calls data X
"""Sequences behind scikit-learn's interface: streams x ticks x features, learned tick by tick by forward-only propagation.

What a stream left behind, its state and the influence of every weight on it, stays with the estimator from call to call. Axes: s streams,
t ticks, i features, o outputs.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from onward.estimators.base import split_of
from onward.estimators.mesh import MeshEstimator
from onward.estimators.recipes import SOLVERS
from onward.estimators.starts import Trained
from onward.estimators.threads import one_thread
from onward.learners.online import Online, Past
from onward.nets.mesh import MeshNet
from onward.training.data import Lesson
from onward.training.streaming import Streaming

Estimator = TypeVar("Estimator", bound="StreamEstimator")  # of `forget`, whose checks in tests do not know `typing.Self`


class StreamEstimator(MeshEstimator):
    """A mesh that learns from tables in one go or by pieces, and from sequences as they come."""

    _past: Past | None = None

    def forget(self: Estimator) -> Estimator:
        """Forget the streams under way, so that sequences begin from rest; what was learned of them stays."""
        self._past = None
        return self

    def _examples(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, **checks: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        if are_sequences(X):
            raise ValueError(
                f"fit learns from a table of examples x features, got sequences of shape {list(np.shape(X))}; partial_fit takes those"
            )
        return super()._examples(X, y, sample_weight, reset=reset, **checks)

    def _outputs(self, X: Any) -> Float[Tensor, "*n o"]:
        """Give the outputs for examples; for sequences those after each tick, from where the streams are, which stay there."""
        if not are_sequences(X):
            return super()._outputs(X)
        check_is_fitted(self)
        streams = self._streams(X)
        x = self._read(flat(X)).unflatten(0, (streams, -1))
        return self._teller(self.net_).outlook(x)

    def _laid_flat(self, X: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, int]:
        """Give sequences and their targets as a table, and the number of streams, or say why they cannot be learned from."""
        if SOLVERS[self.solver].optimiser is None:
            raise ValueError(
                f"sequences are learned as they pass, with solver='adam' or 'sgd', but the solver is {self.solver!r}"
            )
        if sample_weight is not None:
            raise ValueError("sequences take no sample_weight, as every tick of every stream counts alike")
        given, targets = np.shape(X), np.asarray(y)
        if targets.ndim not in (2, 3) or targets.shape[:2] != given[:2]:
            raise ValueError(
                f"a target is needed for each of {given[0]} streams x {given[1]} ticks, got targets of shape {list(targets.shape)}"
            )
        return flat(X), targets.reshape(-1, *targets.shape[2:]), self._streams(X)

    def _fit_stream(self, X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, outputs: int, streams: int) -> None:
        """Learn from a piece of every stream, laid flat; the first piece is that which scaling is measured on."""
        begun = self._begun
        generator, shape, pupil, losses, states = self._next_part(X.shape[1], outputs)
        lesson = Lesson(type(self).__name__, split_of(X, y, None))
        lesson = self._scaled(lesson, shape, pupil.weight.dtype, measure=not begun)
        x, target = (part.unflatten(0, (streams, -1)) for part in (lesson.train.x, lesson.train.y))
        share = None if weight is None else torch.tensor(weight).unflatten(0, (streams, -1)).to(x.dtype)
        learner = self._teller(pupil)
        ticks = 1 if self.batch_size == "auto" else int(self.batch_size)
        optimiser: Any = self._recipe(1, part=True).optimiser
        streaming = Streaming(learner, optimiser, ticks_a_step=ticks)
        state = states.get(self._solver)
        if state is not None:
            streaming.steps.load(state)
        with one_thread():
            found = streaming.learn(x, target, importance=share)
        trained = Trained(pupil, [*losses, found.mean().item()], None)
        self._keep(trained, shape, lesson, generator, {self._solver: streaming.steps.state()})
        self._past = learner.past

    def _keep_pupil(self, pupil: MeshNet, shape: Any, lesson: Lesson) -> None:
        super()._keep_pupil(pupil, shape, lesson)
        self._past = None  # with other weights, or another net, the streams would not go on as they were

    def _teller(self, pupil: MeshNet) -> Online:
        learner = Online(pupil, self._loss)
        learner.past = self._past
        return learner

    def _streams(self, X: Any) -> int:
        streams = np.shape(X)[0]
        under_way = None if self._past is None else self._past.activity.shape[0]
        if under_way not in (None, streams):
            raise ValueError(f"{under_way} streams are under way, got {streams}; forget() begins with others")
        return streams


def are_sequences(X: Any) -> bool:
    """Tell whether data is streams x ticks x features."""
    try:
        return (X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim) == 3
    except ValueError:  # lists of different lengths
        return False


def flat(X: Any) -> np.ndarray:
    """Lay sequences out as a table, all ticks of a stream below each other."""
    values = np.asarray(X)
    if not values.size:
        raise ValueError(f"sequences need at least 1 stream, 1 tick and 1 feature, got shape {list(values.shape)}")
    return values.reshape(-1, values.shape[2])
