# ruff: noqa: N803 - scikit-learn calls data X
"""A mesh that predicts numbers, as a scikit-learn regressor."""

from __future__ import annotations

from typing import Any, TypeVar

from sklearn.base import _fit_context

from onward.estimators.regressing import Regressing
from onward.estimators.streams import StreamEstimator, are_sequences

Regressor = TypeVar("Regressor", bound="MeshRegressor")  # of `partial_fit`, whose checks in tests do not know `typing.Self`


class MeshRegressor(Regressing, StreamEstimator):
    """A regressor whose net is a mesh, trained forward-only: no backward pass, by default second-order steps.

    It has an output neuron a target and learns by squared error. Parameters and attributes are those of `MeshClassifier`,
    except that there are no classes; that `scale` concerns the targets too, so that `output_scaling_` is theirs, or None
    without it, and losses and `penalty` are in their units of deviation; and that `penalty` is 0.01 if left out.
    """

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self: Regressor, X: Any, y: Any, sample_weight: Any = None) -> Regressor:
        """Learn from some examples, or from the next piece of some streams, as `MeshClassifier.partial_fit`.

        Sequences, streams x ticks x features, have a number for every tick (streams x ticks) or several (streams x ticks x targets);
        `predict` gives as many, for every tick.

        Raises:
            ValueError: as for `fit`; a number of targets that changes; of sequences also "lm", `sample_weight`, targets that are not one
                a tick, or another number of streams than are under way.
            TrainingFailed: the loss or the weights are no longer finite.
        """
        if not are_sequences(X):
            return super().partial_fit(X, y, sample_weight)
        table, targets, streams = self._laid_flat(X, y, sample_weight)
        table, targets, _, without_axis = self._part(table, targets, None)
        self._fit_stream(table, targets, None, targets.shape[1], streams)
        self._flat = without_axis
        return self
