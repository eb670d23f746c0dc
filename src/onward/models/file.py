"""One sealed file a model: weights, structure, preprocessing, configuration.

`save` takes a mesh, a layered net or its learner, an estimator, or a model of a table, and `load` gives the same back. What is loaded is checked piece
by piece, even where the seal is whole, because anybody can seal a file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from onward.estimators.base import TableEstimator
from onward.files import sealed
from onward.files.sealed import FileDamaged
from onward.learners.base import AbstractLearner
from onward.models import estimator_file, learner_file
from onward.models.checks import keys, mapping
from onward.models.estimator_file import ESTIMATORS, SCALINGS, Estimator
from onward.models.learner_file import LayeredLearner
from onward.models.table_model import TableModel
from onward.nets import saved, saved_layers
from onward.nets.layered import LayeredNet
from onward.nets.mesh import MeshNet
from onward.tables.schema import Schema

KIND = "model"

Model = MeshNet | LayeredNet | LayeredLearner | Estimator | TableModel


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model into one file, whole or not at all.

    Raises:
        ValueError: an estimator that was not trained or of a kind that no file holds, an activation or module of one's own,
            anything but a model.
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
    elif isinstance(saved_one, LayeredNet):
        found, configuration["net"] = saved_layers.parts(saved_one)
    elif isinstance(saved_one, AbstractLearner):
        found, configuration["net"] = learner_file.parts(saved_one)
    else:
        raise ValueError(
            f"expected a mesh, a layered net, a learner, an estimator or a table model to save, got {_told(saved_one)}"
        )
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
            raise ValueError("a net without an estimator takes no scaling and no table")
        for key, parts in (("rule", learner_file), ("blocks", saved_layers)):
            if key in net:
                return parts.from_parts(weights, net)
        return saved.from_parts(weights, net)
    estimator = estimator_file.restore(net, weights, others, mapping("estimator", configuration["estimator"]))
    if configuration["table"] is None:
        return estimator
    table = mapping("table", configuration["table"])
    keys("the table", table, {"schema", "report"})
    return TableModel(Schema.from_dict(table["schema"]), estimator, mapping("report", table["report"]))


def _told(value: object) -> str:
    """Name what is no model, and how a module can be kept."""
    name = type(value).__name__
    if not isinstance(value, nn.Module):
        return name
    made = "LayeredNet.from_sequential(net, features=...) makes a net of a nn.Sequential, and "
    return (
        f"{name}; {made * isinstance(value, nn.Sequential)}onward.save_weights(net, path) keeps the weights of any module"
    )
