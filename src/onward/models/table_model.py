"""A model of a table: what its columns mean, and an estimator that was trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from onward.estimators.classifying import Classifying
from onward.models.estimator_file import Estimator
from onward.tables.schema import Schema
from onward.tables.table import Table


@dataclass(frozen=True)
class TableModel:
    """A trained estimator that takes the rows of a table.

    Attributes:
        schema: what the columns mean.
        estimator: trained on what the schema makes of them.
        report: what is to be kept beside it, such as its accuracy on rows held out; plain data.

    Raises:
        ValueError: a schema and an estimator that do not fit each other.
    """

    schema: Schema
    estimator: Estimator
    report: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        task = "classification" if isinstance(self.estimator, Classifying) else "regression"
        if self.schema.target.task != task:
            raise ValueError(f"the schema is one of {self.schema.target.task}, but the estimator one of {task}")
        features, known = len(self.schema.feature_names), self.estimator.n_features_in_
        if features != known:
            raise ValueError(f"the schema makes {features} features, but the estimator takes {known}")

    def predict(self, table: Table, *, unknown: str = "refuse") -> dict[str, Sequence[str] | Sequence[float]]:
        """Predict the target of every row; of a class also the probability of each.

        Args:
            table: its columns are found by name; a target is not needed.
            unknown: "refuse" or "ignore" a text that was not seen in training.

        Returns:
            Columns by name: the target's own, and for classes "probability of CLASS".

        Raises:
            TableError: a table that lacks a column, or holds what training did not see.
        """
        x, target = self.schema.encode(table, unknown=unknown), self.schema.target
        found: dict[str, Sequence[str] | Sequence[float]]
        if not isinstance(self.estimator, Classifying):
            return {target.name: self.estimator.predict(x).tolist()}
        likelihood = self.estimator.predict_proba(x)
        found = {target.name: self.schema.decode_target(likelihood.argmax(1))}
        for name, column in zip(self.schema.decode_target(self.estimator.classes_), likelihood.T, strict=True):
            found[f"probability of {name}"] = column.tolist()
        return found
