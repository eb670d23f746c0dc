"""A Mono-Forward net as tensors and a configuration, and back, whoever wrote them.

What comes from a file is checked before anything is made of it, so that a few bytes cannot ask for all the memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from onward.estimators.layers import ACTIVATIONS, PROJECTIONS, Layers
from onward.estimators.mono_forward import READOUTS, MonoForwardClassifier, MonoForwardRegressor
from onward.learners.mono_forward import MonoForward
from onward.models.checks import keys

KEYS = {"features", "widths", "outputs", "activation", "projection", "readout"}
MonoForwardModel = MonoForwardClassifier | MonoForwardRegressor


def parts(model: MonoForwardModel) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Part what a trained estimator learned into what a file can hold: tensors by name, and how they are put together."""
    layers, learner = model.layers_, model.learner_
    assert isinstance(learner, MonoForward)  # noqa: S101
    readout = next(name for name, one in READOUTS.items() if one is learner.readout)
    configuration = {name: getattr(layers, name) for name in KEYS - {"readout", "widths"}}
    configuration |= {"widths": list(layers.widths), "readout": readout}
    return {name: one.detach().to("cpu", copy=True) for name, one in learner.state_dict().items()}, configuration


def put(model: MonoForwardModel, tensors: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> Layers:
    """Give an estimator what `parts` took of one like it, and say what it is.

    Raises:
        ValueError: a part is missing, unknown, of the wrong type, shape or dtype, not finite, or does not fit the rest.
    """
    keys("a layered net", configuration, KEYS)
    for name, known in (("activation", ACTIVATIONS), ("projection", PROJECTIONS), ("readout", READOUTS)):
        value = configuration[name]
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"expected one of {', '.join(known)} as {name}, got {value!r:.80}")
    sizes = [configuration["features"], configuration["outputs"]]
    widths = configuration["widths"]
    if not isinstance(widths, list) or not widths or any(type(size) is not int or size < 1 for size in (*sizes, *widths)):
        raise ValueError("features, widths and outputs must be whole numbers of at least 1")
    told = model.get_params()
    model.set_params(
        hidden_layer_sizes=tuple(widths),
        **{name: configuration[name] for name in ("activation", "projection", "readout")},
    )
    model._validate_params()
    layers = model._layers(*sizes)
    _check(tensors, shapes(layers), getattr(torch, model.dtype))
    learner = model._taught(layers, torch.Generator())
    learner.load_state_dict(dict(tensors))
    model.set_params(**told)
    model.learner_, model.layers_, model.net_ = learner.eval(), layers, learner.net
    return layers


def shapes(layers: Layers) -> dict[str, tuple[int, ...]]:
    """Give the shapes of all tensors of a net, without making it."""
    found: dict[str, tuple[int, ...]] = {}
    before = layers.features
    for k, width in enumerate(layers.widths):
        found |= {f"net.blocks.{k}.0.weight": (width, before), f"net.blocks.{k}.0.bias": (width,)}
        reader = "net.head" if k == len(layers.widths) - 1 else f"projections.{k}"
        if layers.projection == "two_layer":
            found |= {f"{reader}.0.weight": (128, width), f"{reader}.2.weight": (layers.outputs, 128)}
        else:
            found[f"{reader}.weight"] = (layers.outputs, width)
        before = width
    return found


def _check(tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[int, ...]], dtype: torch.dtype) -> None:
    keys("the tensors of a layered net", tensors, set(expected))
    for name, shape in expected.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != shape or tensor.dtype != dtype:
            raise ValueError(f"{name} must be {list(shape)} in {dtype}, got {list(tensor.shape)} in {tensor.dtype}")
        if not tensor.isfinite().all():
            raise ValueError(f"{name} must be finite")
