"""An estimator as a description, and back: everything but its net, whoever wrote it.

It is checked piece by piece. The state of the optimiser is not kept: trained further, an estimator begins a new descent from its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from onward.estimators.classifier import MeshClassifier
from onward.estimators.classifying import Classifying
from onward.estimators.layered import LayeredClassifier, LayeredRegressor
from onward.estimators.mono_forward import MonoForwardClassifier, MonoForwardRegressor
from onward.estimators.regressor import MeshRegressor
from onward.learners.by_name import Rule
from onward.models import layered_file, rule_file
from onward.models.checks import keys, mapping, texts
from onward.nets import saved
from onward.nets.standardise import Standardise

Estimator = (
    MeshClassifier | MeshRegressor | MonoForwardClassifier | MonoForwardRegressor | LayeredClassifier | LayeredRegressor
)
ESTIMATORS: dict[str, type[Estimator]] = {
    "MeshClassifier": MeshClassifier,
    "MeshRegressor": MeshRegressor,
    "MonoForwardClassifier": MonoForwardClassifier,
    "MonoForwardRegressor": MonoForwardRegressor,
    "LayeredClassifier": LayeredClassifier,
    "LayeredRegressor": LayeredRegressor,
}
SCALINGS = ("input_scaling_", "output_scaling_")
UNKEPT = {"topology", "engine", "verbose"}  # parameters: the net holds the first, the rest is of the moment
CURVES = ("loss_curve_", "validation_curve_")
LONGEST = 10_000_000  # characters of an array of labels, which gives each the room of the longest
LABELS = {"bool": bool, "int": int, "float": float, "str": str}


def parts(estimator: Estimator) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Part the net of a trained estimator into tensors and a configuration."""
    if isinstance(estimator, MeshClassifier | MeshRegressor):
        return saved.parts(estimator.net_)
    if isinstance(estimator, LayeredClassifier | LayeredRegressor):
        return rule_file.parts(estimator)
    return layered_file.parts(estimator)


def describe(estimator: Estimator) -> dict[str, Any]:
    """Give everything that `predict` and a look at the estimator need, but for the net and the scaling."""
    parameters = {k: v for k, v in estimator.get_params(deep=False).items() if k not in UNKEPT}
    if not isinstance(parameters["random_state"], int | np.integer):  # a generator is of the moment
        parameters["random_state"] = None
    if not isinstance(parameters["activation"], str):
        parameters["activation"] = parameters["activation"].name
    if isinstance(parameters.get("rule"), Rule):  # one of the list: `rule_file.parts` refuses any other
        parameters["rule"] = parameters["rule"].name
    described: dict[str, Any] = {
        "class": type(estimator).__name__,
        "features": int(estimator.n_features_in_),
        "names": getattr(estimator, "feature_names_in_", np.empty(0, object)).tolist() or None,
        "curves": {name: getattr(estimator, name) for name in CURVES},
    }
    if isinstance(estimator, MeshClassifier | MeshRegressor):
        described["own_topology"] = estimator.topology is not None
    elif isinstance(estimator, MonoForwardClassifier | MonoForwardRegressor):
        described["block_scores"] = estimator.block_scores_
    if isinstance(estimator, Classifying):
        weights = parameters["class_weight"]
        if isinstance(weights, dict):
            parameters["class_weight"] = [[_plain(label), float(weight)] for label, weight in weights.items()]
        classes = [_plain(label) for label in estimator.classes_.tolist()]
        described["classes"] = {"type": type(classes[0]).__name__, "labels": classes}
    else:
        described["flat"] = bool(estimator._flat)
    described["parameters"] = {
        key: [_plain(one) for one in value] if isinstance(value, tuple | list | np.ndarray) else _plain(value)
        for key, value in parameters.items()
    }
    return described


def restore(
    net: Mapping[str, Any], weights: Mapping[str, Tensor], scalings: Mapping[str, Tensor], described: Mapping[str, Any]
) -> Estimator:
    """Give the estimator that was described.

    Args:
        net: configuration of its net.
        weights: tensors of its net.
        scalings: its other tensors.
        described: what `describe` gave.

    Raises:
        ValueError: a part is missing, unknown, of the wrong type or out of range, or does not fit the rest.
    """
    name = described.get("class")
    if not isinstance(name, str) or name not in ESTIMATORS:
        raise ValueError(f"expected one of {', '.join(ESTIMATORS)}, got the estimator {name!r:.80}")
    kind = ESTIMATORS[name]
    own = {"classes"} if issubclass(kind, Classifying) else {"flat"}
    if issubclass(kind, MeshClassifier | MeshRegressor):
        own |= {"own_topology"}
    elif issubclass(kind, MonoForwardClassifier | MonoForwardRegressor):
        own |= {"block_scores"}
    keys("the estimator", described, {"class", "features", "names", "curves", "parameters"} | own)
    estimator = kind(**_parameters(kind, mapping("parameters", described["parameters"])))
    estimator._validate_params()
    if isinstance(estimator, MeshClassifier | MeshRegressor):
        features, outputs = _put_mesh(estimator, net, weights, described)
    elif isinstance(estimator, LayeredClassifier | LayeredRegressor):
        features, outputs = rule_file.put(estimator, weights, net)
    else:
        layers = layered_file.put(estimator, weights, net)
        features, outputs = layers.features, layers.outputs
        estimator.block_scores_ = _block_scores(described["block_scores"], len(layers.widths))
    if described["features"] != features:
        raise ValueError(f"the estimator takes {described['features']!r:.80} features, but its net {features}")
    learned: dict[str, Any] = {"n_features_in_": features}
    if described["names"] is not None:
        learned["feature_names_in_"] = np.array(texts("names of features", described["names"], features), object)
    vars(estimator).update(learned)
    for scaling, columns in zip(SCALINGS, (features, outputs), strict=True):
        setattr(estimator, scaling, _scaling(scaling, scalings, columns))
    unknown = set(scalings) - {f"{scaling}.{part}" for scaling in SCALINGS for part in Standardise._fields}
    if unknown:
        raise ValueError(f"there is no place for the tensor {min(unknown)!r:.80}")
    _curves(estimator, mapping("curves", described["curves"]))
    if isinstance(estimator, Classifying):
        estimator.classes_ = _classes(mapping("classes", described["classes"]), outputs)
        if estimator.output_scaling_ is not None:
            raise ValueError("a classifier does not scale its outputs")
    else:
        if not isinstance(described["flat"], bool) or (described["flat"] and outputs != 1):
            raise ValueError(f"flat tells whether there is one target without an axis, got {described['flat']!r:.80}")
        estimator._flat = described["flat"]
    # Trained further, it begins anew from its weights, with a generator of its own.
    estimator._generator_state = torch.Generator().manual_seed(0).get_state()
    estimator._solver_states = {}
    return estimator


def _put_mesh(
    estimator: MeshClassifier | MeshRegressor,
    configuration: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    described: Mapping[str, Any],
) -> tuple[int, int]:
    """Give an estimator its mesh; give the features and outputs."""
    net = saved.from_parts(weights, configuration)
    if net.nets:
        raise ValueError(f"an estimator has one net, got {net.nets[0]} side by side")
    if not isinstance(described["own_topology"], bool):
        raise ValueError(f"own_topology must be true or false, got {described['own_topology']!r:.80}")
    if f"torch.{estimator.dtype}" != str(net.weight.dtype):
        raise ValueError(f"the estimator computes in {estimator.dtype}, but its net is {net.weight.dtype}")
    estimator.topology = net.topology if described["own_topology"] else None
    estimator.net_, estimator.topology_ = net, net.topology
    return net.topology.features, net.topology.outputs


def _block_scores(given: Any, blocks: int) -> list[float] | None:
    fine = isinstance(given, list) and len(given) == blocks and all(isinstance(one, float) for one in given)
    if given is not None and not fine:
        raise ValueError(f"scores of blocks must be {blocks} numbers or none")
    return given


def _parameters(kind: type[Estimator], given: Mapping[str, Any]) -> dict[str, Any]:
    keys("the parameters", given, set(kind._get_param_names()) - UNKEPT)
    parameters = dict(given)
    for name in ("hidden", "hidden_layer_sizes"):
        if isinstance(parameters.get(name), list):
            parameters[name] = tuple(parameters[name])
    weights = parameters.get("class_weight")
    if isinstance(weights, list):
        pairs = [pair for pair in weights if isinstance(pair, list) and len(pair) == 2]
        if len(pairs) != len(weights) or not all(type(label) in LABELS.values() for label, _ in pairs):
            raise ValueError("class weights must be pairs of a label and a number")
        parameters["class_weight"] = dict(pairs)
    return parameters


def _scaling(name: str, tensors: Mapping[str, Tensor], columns: int) -> Standardise | None:
    parts = [tensors.get(f"{name}.{part}") for part in Standardise._fields]
    if all(part is None for part in parts):
        return None
    for part in parts:
        if part is None or part.shape != (columns,) or part.dtype != torch.float64 or not part.isfinite().all():
            raise ValueError(f"{name} must be two tensors of {columns} finite numbers in float64")
    scaling = Standardise(*(part for part in parts if part is not None))
    if not (scaling.scale > 0).all():
        raise ValueError(f"{name} must scale by numbers above 0, got {scaling.scale.min().item()}")
    return scaling


def _classes(described: Mapping[str, Any], outputs: int) -> np.ndarray:
    keys("the classes", described, {"type", "labels"})
    labels, kind = described["labels"], described["type"]
    if not isinstance(kind, str) or kind not in LABELS or not isinstance(labels, list) or len(labels) != outputs:
        raise ValueError(f"the classes must be {outputs} labels of {', '.join(LABELS)}, one for each output")
    if not all(type(label) is LABELS[kind] for label in labels):
        raise ValueError(f"the classes must all be of type {kind}")
    if kind == "int" and not all(-(2**63) <= label < 2**63 for label in labels):
        raise ValueError("classes that are whole numbers must fit 64 bits")
    if kind == "str" and len(labels) * max(map(len, labels)) > LONGEST:
        raise ValueError(f"the classes must fit an array of {LONGEST} characters")
    if sorted(set(labels)) != labels:
        raise ValueError("the classes must be different and sorted")
    return np.array(labels)


def _curves(estimator: Estimator, curves: Mapping[str, Any]) -> None:
    keys("the curves", curves, set(CURVES))
    for name, curve in curves.items():
        fine = isinstance(curve, list) and curve and all(isinstance(value, float) for value in curve)
        if not fine and not (curve is None and name == "validation_curve_"):
            raise ValueError(f"{name} must be a list of losses")
        setattr(estimator, name, curve)
    losses, validation = curves["loss_curve_"], curves["validation_curve_"]
    estimator.loss_, estimator.n_iter_ = losses[-1], len(losses)
    estimator.best_validation_loss_ = None if validation is None else min(validation)


def _plain(value: Any) -> Any:
    """A NumPy number as Python's own."""
    return value.item() if isinstance(value, np.generic) else value
