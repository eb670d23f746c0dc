"""A mesh that tells classes apart, as a scikit-learn classifier."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets, unique_labels

from onward.estimators.base import MeshEstimator
from onward.estimators.class_weights import class_weights
from onward.kernels.losses import cross_entropy


class MeshClassifier(ClassifierMixin, MeshEstimator):
    """doc."""

    _loss = cross_entropy
    _thing = "class"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MeshEstimator._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        hidden=10,
        *,
        topology=None,
        kind="mesh",
        ticks=None,
        activation="tanh",
        solver="lm",
        max_iter=None,
        batch_size="auto",
        learning_rate=None,
        penalty=1e-4,
        damping=0.01,
        starts=1,
        early_stopping="auto",
        validation_fraction=0.1,
        n_iter_no_change=20,
        scale=True,
        class_weight=None,
        warm_start=False,
        random_state=None,
        dtype="float64",
        engine=None,
        verbose=False,
    ) -> None:
        """Store the parameters, which the class describes."""
        super().__init__(
            hidden,
            topology=topology,
            kind=kind,
            ticks=ticks,
            activation=activation,
            solver=solver,
            max_iter=max_iter,
            batch_size=batch_size,
            learning_rate=learning_rate,
            penalty=penalty,
            damping=damping,
            starts=starts,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            scale=scale,
            warm_start=warm_start,
            random_state=random_state,
            dtype=dtype,
            engine=engine,
            verbose=verbose,
        )
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> MeshClassifier:
        """Train on examples x features and one class label for each.

        Examples of `sample_weight` 0 count as if they were not there.

        Raises:
            ValueError: a parameter or data that cannot be used, a single class, a topology that does not fit.
            TrainingFailed: the loss or the weights are no longer finite.
        """
        going_on = self.warm_start and hasattr(self, "net_")
        X, y, weight = self._labelled(X, y, sample_weight, reset=not going_on)
        classes, index = np.unique(y, return_inverse=True)
        if going_on and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"warm_start goes on with the classes {_names(self.classes_)}, but the data has {_names(classes)}"
            )
        if len(classes) < 2:
            raise ValueError(f"a classifier needs at least 2 classes, got 1 class: {_names(classes)}")
        self._fit(X, index.astype(np.int64), self._importance(classes, index, weight), len(classes))
        self.classes_ = classes
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> MeshClassifier:
        """Learn from some examples: one step of "lm", one pass of "adam" or "sgd", whose state is kept between calls.

        The first call needs all `classes`, and measures the scaling, which then stays. After `fit` it goes on with the
        net that was chosen. There is one start, and nothing is held out.

        Raises:
            ValueError: as for `fit`; classes left out, changed or unknown; balanced class weights.
            TrainingFailed: the loss or the weights are no longer finite.
        """
        begun = hasattr(self, "net_")
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
        self._fit_part(X, index, self._importance(known, index, weight), len(known))
        self.classes_ = known
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Give the log-odds of the second of two classes, `n`; of more classes the logits of each, `n x classes`."""
        logits = self._outputs(X)
        return (logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Give the likeliest class of every example, `n`."""
        return self.classes_[self._outputs(X).argmax(1).numpy()]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Give the probability of every class, `n x classes`, in the order of `classes_`."""
        return torch.softmax(self._outputs(X), 1).numpy()

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Give the logarithm of the probability of every class, `n x classes`."""
        return torch.log_softmax(self._outputs(X), 1).numpy()

    def _labelled(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        X, y, weight = self._examples(X, y, sample_weight, reset=reset)
        check_classification_targets(y)
        return X, column_or_1d(y), weight

    def _importance(self, classes: np.ndarray, index: np.ndarray, weight: np.ndarray | None) -> np.ndarray | None:
        by_class = class_weights(self.class_weight, classes, np.bincount(index, weight, len(classes)))
        if by_class is None:
            return weight
        return by_class[index] if weight is None else by_class[index] * weight


def _names(classes: np.ndarray) -> str:
    return ", ".join(map(repr, classes.tolist()))
