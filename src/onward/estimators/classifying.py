# ruff: noqa: N803, N806 - scikit-learn calls data X
"""What every classifier does, whatever its net: labels to class numbers and back, scores to probabilities."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from torch import Tensor

from onward.estimators.base import TableEstimator
from onward.estimators.class_weights import class_weights
from onward.kernels.losses import cross_entropy

Classifier = TypeVar("Classifier", bound="Classifying")  # of `fit`, whose checks in tests do not know `typing.Self`


class Classifying(ClassifierMixin, TableEstimator):
    """Tells classes apart by cross-entropy; has an output a class."""

    _loss = cross_entropy
    _things = "classes"
    class_weight: Any

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self: Classifier, X: Any, y: Any, sample_weight: Any = None) -> Classifier:
        """Train on examples x features and one class label for each.

        Examples of `sample_weight` 0 count as if they were not there.

        Raises:
            ValueError: a parameter or data that cannot be used, a single class, a net that does not fit.
            TrainingFailed: the loss or the weights are no longer finite.
        """
        X, y, weight = self._labelled(X, y, sample_weight, reset=not self._going_on)
        classes, index = np.unique(y, return_inverse=True)
        if self._going_on and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start goes on with the classes {_names(self.classes_)}, but the data has {_names(classes)}"
            )
        if len(classes) < 2:
            raise ValueError(f"a classifier needs at least 2 classes, got 1 class: {_names(classes)}")
        self._fit(X, index.astype(np.int64), self._importance(classes, index, weight), len(classes))
        self.classes_ = classes
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self: Classifier, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Classifier:
        """Learn from some examples: one pass over them (of "lm" one step); the state of the solver is kept between calls.

        The first call needs all `classes`, and measures the scaling, which then stays. After `fit` it goes on with the
        net that was chosen. Nothing is held out.

        Raises:
            ValueError: as for `fit`; classes left out, changed or unknown; balanced class weights.
            TrainingFailed: the loss or the weights are no longer finite.
        """
        X, index, weight, known = self._part(X, y, classes, sample_weight)
        self._fit_part(X, index, weight, len(known))
        self.classes_ = known
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Give the log-odds of the second of two classes, `n`; of more classes the logits of each, `n x classes`."""
        logits = self._outputs(X)
        return (logits[..., 1] - logits[..., 0] if len(self.classes_) == 2 else logits).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Give the likeliest class of every example, `n`."""
        return self._said(self._outputs(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of every class, `n x classes`, in the order of `classes_`."""
        return torch.softmax(self._outputs(X), -1).numpy()

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Give the logarithm of the probability of every class, `n x classes`."""
        return torch.log_softmax(self._outputs(X), -1).numpy()

    def _said(self, outputs: Float[Tensor, "*n o"]) -> np.ndarray:
        return self.classes_[outputs.argmax(-1).numpy()]

    def _part(
        self, X: Any, y: Any, classes: Any, sample_weight: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
        """Check examples that are a part of more; give features, class numbers, importance, and all classes."""
        begun = self._begun
        if self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' needs all data at once, give partial_fit weights by class instead")
        if not begun and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit, got None")
        known = self.classes_ if begun else unique_labels(classes)
        if classes is not None and not np.array_equal(known, unique_labels(classes)):
            raise ValueError(f"partial_fit began with the classes {_names(known)}, got {_names(unique_labels(classes))}")
        if len(known) < 2:
            raise ValueError(f"a classifier needs at least 2 classes, got 1 class: {_names(known)}")
        X, y, weight = self._labelled(X, y, sample_weight, reset=not begun)
        unknown = np.setdiff1d(y, known)
        if len(unknown):
            raise ValueError(f"expected the classes {_names(known)}, got the label {_names(unknown[:1])}")
        index = np.searchsorted(known, y)
        return X, index, self._importance(known, index, weight), known

    def _labelled(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        X, y, weight = self._examples(X, y, sample_weight, reset=reset)
        y = column_or_1d(y)
        check_classification_targets(y)
        return X, y, weight

    def _importance(self, classes: np.ndarray, index: np.ndarray, weight: np.ndarray | None) -> np.ndarray | None:
        by_class = class_weights(self.class_weight, classes, np.bincount(index, weight, len(classes)))
        if by_class is None:
            return weight
        return by_class[index] if weight is None else by_class[index] * weight


def _names(classes: np.ndarray) -> str:
    return ", ".join(map(repr, classes.tolist()))
