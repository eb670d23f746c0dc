"""The metric that most reports of this paper are about, and how they write its mean."""

from __future__ import annotations

from collections.abc import Sequence

from onward.experiments.result import Result
from onward.experiments.statistics import mean, values
from onward.reports.words import listed as listed
from onward.reports.words import written

ACCURACY = "test_accuracy"


def averaged(results: Sequence[Result], metric: str = ACCURACY) -> str:
    """Write the mean of a metric with its interval."""
    return written(mean(values(results, metric)))
