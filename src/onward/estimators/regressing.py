# ruff: noqa: N803, N806 - scikit-learn calls data X
"""What every regressor does, whatever its net: targets to their units of deviation and back, one or several of them."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import Tags
from torch import Tensor

from onward.estimators.base import TableEstimator
from onward.kernels.losses import mean_squared_error
from onward.nets.standardise import Standardise
from onward.training.data import Split

Regressor = TypeVar("Regressor", bound="Regressing")  # of `fit`, whose checks in tests do not know `typing.Self`


class Regressing(RegressorMixin, TableEstimator):
    """Predicts numbers by squared error; has an output a target."""

    _loss = mean_squared_error
    _things = "targets"

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self: Regressor, X: Any, y: Any, sample_weight: Any = None) -> Regressor:
        """Train on examples x features, and a number (`n`) or several (`n x targets`) for each.

        Examples of `sample_weight` 0 count as if they were not there.

        Raises:
            ValueError: a parameter or data that cannot be used, a net that does not fit.
            TrainingFailed: the loss or the weights are no longer finite.
        """
        X, y, weight = self._numbered(X, y, sample_weight, reset=not self._going_on)
        flat = y.ndim == 1
        y = y.reshape(len(y), -1)
        self._fit(X, y, weight, y.shape[1])
        self._flat = flat
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self: Regressor, X: Any, y: Any, sample_weight: Any = None) -> Regressor:
        """Learn from some examples: one pass over them (of "lm" one step); the state of the solver is kept between calls.

        The first call measures the scaling, which then stays. After `fit` it goes on with the net that was chosen. Nothing
        is held out.

        Raises:
            ValueError: as for `fit`; a number of targets that changes.
            TrainingFailed: the loss or the weights are no longer finite.
        """
        X, y, weight, flat = self._part(X, y, sample_weight)
        self._fit_part(X, y, weight, y.shape[1])
        self._flat = flat
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Give the predicted numbers in the shape of the targets that it learned from, `n` or `n x targets`."""
        return self._said(self._outputs(X))

    def _said(self, outputs: Float[Tensor, "*n o"]) -> np.ndarray:
        found = outputs.double()
        y = found if self.output_scaling_ is None else self.output_scaling_.undo(found)
        return (y.flatten(-2) if self._flat else y).numpy()

    def _part(self, X: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, bool]:
        """Check examples that are a part of more; give features, targets, importance, and whether targets had no axis."""
        begun = self._begun
        X, y, weight = self._numbered(X, y, sample_weight, reset=not begun)
        flat = y.ndim == 1
        y = y.reshape(len(y), -1)
        if begun and y.shape[1] != self._present().outputs:
            raise ValueError(f"partial_fit began with {self._present().outputs} targets, got {y.shape[1]}")
        return X, y, weight, flat

    def _numbered(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        X, y, weight = self._examples(X, y, sample_weight, reset=reset, multi_output=True, y_numeric=True)
        return X, np.asarray(y, dtype=np.float64), weight

    def _target(self, y: Tensor) -> Tensor:
        return y if self.output_scaling_ is None else self.output_scaling_.apply(y)

    def _measure(self, split: Split) -> None:
        super()._measure(split)
        self.output_scaling_ = Standardise.of(split.y, split.importance) if self.scale else None
