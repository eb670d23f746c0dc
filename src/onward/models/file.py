"""One sealed file a model: weights, topology, preprocessing, configuration.

`save` takes a mesh, an estimator, or a model of a table, and `load` gives the same back. What is loaded is checked piece
by piece, even where the seal is whole, because anybody can seal a file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from onward.estimators.base import TableEstimator
from onward.files import sealed
from onward.files.sealed import FileDamaged
from onward.models import estimator_file
from onward.models.checks import keys, mapping
from onward.models.estimator_file import ESTIMATORS, SCALINGS, Estimator
from onward.models.table_model import TableModel
from onward.nets import saved
from onward.nets.mesh import MeshNet
from onward.tables.schema import Schema

KIND = "model"

Model = MeshNet | Estimator | TableModel


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model into one file, whole or not at all.

    Raises:
        ValueError: an estimator that was not trained or of a kind that no file holds, an activation of one's own, anything
            but a model.
        WriteFailed: the file could not be written; what was there is unchanged.
    """
    configuration: dict[str, Any] = {"net": None, "estimator": None, "table": None}
    saved_one = model.estimator if isinstance(model, TableModel) else model
    if isinstance(model, TableModel):
        configuration["table"] = {"schema": model.schema.to_dict(), "report": dict(model.report)}
    tensors: dict[str, Tensor] = {}
    if isinstance(saved_one, TableEstimator):
        if not isinstance(saved_one, Estimator):
            raise ValueError(
                f"a {type(saved_one).__name__} cannot be saved in a model file, which holds {', '.join(ESTIMATORS)}"
            )
        if not saved_one._begun:
            raise ValueError(f"a {type(saved_one).__name__} must be trained before it can be saved")
        found, configuration["net"] = estimator_file.parts(saved_one)
        configuration["estimator"] = estimator_file.describe(saved_one)
        for name in SCALINGS:
            scaling = getattr(saved_one, name)
            if scaling is not None:
                tensors |= {f"{name}.{part}": values for part, values in scaling._asdict().items()}
    elif isinstance(saved_one, MeshNet):
        found, configuration["net"] = saved.parts(saved_one)
    else:
        raise ValueError(f"expected a mesh, an estimator or a table model to save, got {type(saved_one).__name__}")
    sealed.write(path, KIND, tensors | {f"net.{name}": tensor for name, tensor in found.items()}, configuration)


def load(path: str | os.PathLike[str]) -> Model:
    """Read what `save` wrote.

    Raises:
        FileDamaged: no such file, or one that is damaged, foreign, of another kind, or that describes no model.
    """
    _, tensors, configuration = sealed.read(path, KIND)
    try:
        return _model(tensors, configuration)
    except (ValueError, MemoryError) as error:
        raise FileDamaged(f"{path} is whole, but holds no model that can be used: {error}") from error


def _model(tensors: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> Model:
    keys("the configuration", configuration, {"net", "estimator", "table"})
    prefix, net = "net.", mapping("net", configuration["net"])
    weights = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    others = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    if configuration["estimator"] is None:
        if others or configuration["table"] is not None:
            raise ValueError("a mesh without an estimator takes no scaling and no table")
        return saved.from_parts(weights, net)
    estimator = estimator_file.restore(net, weights, others, mapping("estimator", configuration["estimator"]))
    if configuration["table"] is None:
        return estimator
    table = mapping("table", configuration["table"])
    keys("the table", table, {"schema", "report"})
    return TableModel(Schema.from_dict(table["schema"]), estimator, mapping("report", table["report"]))
