"""One sealed file a model: weights, topology, preprocessing, configuration.

`save` takes a mesh, an estimator, or a model of a table, and `load` gives the same back. What is loaded is checked piece
by piece, even where the seal is whole, because anybody can seal a file. The state of an estimator's
optimiser is not kept: trained further, it begins a new descent from its weights.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from onward.estimators.classifier import MeshClassifier
from onward.estimators.regressor import MeshRegressor
from onward.files import sealed
from onward.files.sealed import FileDamaged
from onward.models.table_model import MeshModel, TableModel
from onward.nets import saved
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise
from onward.tables.schema import Schema

KIND = "model"
ESTIMATORS = {"MeshClassifier": MeshClassifier, "MeshRegressor": MeshRegressor}
SCALINGS = ("input_scaling_", "output_scaling_")
UNKEPT = ("topology", "engine", "verbose")  # parameters: the net holds the first, the rest is of the moment
CURVES = ("loss_curve_", "validation_curve_")
LONGEST = 10_000_000  # characters of an array of labels, which gives each the room of the longest
LABELS = {"bool": bool, "int": int, "float": float, "str": str}

Model = MeshNet | MeshClassifier | MeshRegressor | TableModel


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model into one file, whole or not at all.

    Raises:
        ValueError: an estimator that was not trained, an activation of one's own, anything but a model.
        WriteFailed: the file could not be written; what was there is unchanged.
    """
    configuration: dict[str, Any] = {"net": None, "estimator": None, "table": None}
    estimator = model.estimator if isinstance(model, TableModel) else model
    if isinstance(model, TableModel):
        configuration["table"] = {"schema": model.schema.to_dict(), "report": dict(model.report)}
    net = estimator
    tensors: dict[str, Tensor] = {}
    if isinstance(estimator, MeshClassifier | MeshRegressor):
        if not hasattr(estimator, "net_"):
            raise ValueError(f"a {type(estimator).__name__} must be trained before it can be saved")
        net = estimator.net_
        configuration["estimator"] = _describe(estimator)
        for name in SCALINGS:
            scaling = getattr(estimator, name)
            if scaling is not None:
                tensors |= {f"{name}.{part}": values for part, values in scaling._asdict().items()}
    if not isinstance(net, MeshNet):
        raise ValueError(f"expected a mesh, an estimator or a table model to save, got {type(model).__name__}")
    found, configuration["net"] = saved.parts(net)
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
    _keys("the configuration", configuration, {"net", "estimator", "table"})
    prefix = "net."
    net = saved.from_parts(
        {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)},
        _mapping("net", configuration["net"]),
    )
    others = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    if configuration["estimator"] is None:
        if others or configuration["table"] is not None:
            raise ValueError("a mesh without an estimator takes no scaling and no table")
        return net
    estimator = _estimator(net, others, _mapping("estimator", configuration["estimator"]))
    if configuration["table"] is None:
        return estimator
    table = _mapping("table", configuration["table"])
    _keys("the table", table, {"schema", "report"})
    return TableModel(Schema.from_dict(table["schema"]), estimator, _mapping("report", table["report"]))
