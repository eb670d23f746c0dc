"""All estimators keep scikit-learn's own conventions, however they are trained."""

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from onward.estimators import (
    LayeredClassifier,
    LayeredRegressor,
    MeshClassifier,
    MeshRegressor,
    MonoForwardClassifier,
    MonoForwardRegressor,
)

WHOLE: Any = {"hidden_layer_sizes": (16, 12), "batch_size": 1000, "learning_rate_init": 0.1, "max_iter": 6}
STOPPING: Any = {**WHOLE, "batch_size": 50, "early_stopping": True}
SETTINGS = [
    MeshClassifier(hidden=2, max_iter=15),
    MeshRegressor(hidden=2, max_iter=15),
    MeshClassifier(hidden=2, solver="adam", max_iter=20, batch_size=1000, learning_rate=0.05, early_stopping=True),
    MeshRegressor(hidden=2, solver="adam", max_iter=30, batch_size=100, learning_rate=0.05, early_stopping=True, starts=2),
    MonoForwardClassifier(**WHOLE),
    MonoForwardRegressor(**WHOLE),
]
MORE = [
    MonoForwardClassifier(**WHOLE),
    MonoForwardClassifier(**STOPPING, readout="total"),
    MonoForwardRegressor(**STOPPING, readout="mean", projection="two_layer"),
    LayeredClassifier("dfa", **(WHOLE | {"max_iter": 30})),
    LayeredClassifier("ff", **(WHOLE | {"max_iter": 60})),
    LayeredRegressor("bp", **WHOLE),
]


def failures(estimator: Any) -> dict[str, str]:
    """What cannot hold, and why."""
    check = "check_sample_weight_equivalence_on_dense_data"
    if getattr(estimator, "rule", None) == "ff":
        return {check: "wrong labels are drawn one by one, for repeated examples too"}
    if estimator.early_stopping is not True:
        return {}
    why = "which examples are held out or share a batch is drawn at random, and repeated examples are drawn one by one"
    return {check: why}


@parametrize_with_checks(SETTINGS, expected_failed_checks=failures)
def test_conventions(estimator: Any, check: Any) -> None:
    if isinstance(estimator, MonoForwardClassifier) and check.func.__name__ == "check_class_weight_classifiers":
        pytest.skip("it sets a thousand epochs; the slow tests have it")
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(MORE, expected_failed_checks=failures)
def test_conventions_of_more_settings(estimator: Any, check: Any) -> None:
    check(estimator)
