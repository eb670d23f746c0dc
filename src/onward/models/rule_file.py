"""An estimator that a rule of the list taught, as tensors and a configuration, and back, whoever wrote them.

What comes from a file is checked before anything is made of it: which tensors a rule's learner has, and of which shapes, is
read off a small twin of as many blocks, so that a few bytes cannot ask for all the memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from onward.estimators.layered import LayeredClassifier, LayeredRegressor
from onward.estimators.layers import ACTIVATIONS, Layers
from onward.kernels.losses import cross_entropy, mean_squared_error
from onward.learners.by_name import RULES, Rule
from onward.models.checks import keys

KEYS = {"rule", "features", "widths", "outputs", "activation"}
TAUGHT = "taught by "
BLOCKS = 50  # at the most, for which the sizes of the twin are all different
FEATURES, OUTPUTS, FIRST = 67, 5, 101  # columns that the twin reads, its outputs, neurons of its first block
RuleModel = LayeredClassifier | LayeredRegressor


def parts(model: RuleModel) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Part what a trained estimator learned into what a file can hold: tensors by name, and how they are put together.

    Raises:
        ValueError: a rule of one's own, which no name brings back, or more blocks than `put` takes.
    """
    layers, learner = model.layers_, model.learner_
    name = layers.taught.removeprefix(TAUGHT)
    rule = RULES.get(name)
    if rule is None or (isinstance(model.rule, Rule) and model.rule is not RULES.get(model.rule.name)):
        raise ValueError(f"the rule {name!r} is one's own, and a file names one of {', '.join(RULES)}")
    configuration = {
        "rule": name,
        "features": layers.features - layers.blank - rule.appended,
        "widths": list(layers.widths),
        "outputs": layers.outputs,
        "activation": layers.activation,
    }
    tensors = {key: one.detach().to("cpu", copy=True) for key, one in learner.state_dict().items()}
    _check(tensors, shapes(layers, rule, classes=model._loss.classes), next(learner.parameters()).dtype)
    return tensors, configuration


def put(model: RuleModel, tensors: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> tuple[int, int]:
    """Give an estimator what `parts` took of one like it; give its features and outputs.

    Raises:
        ValueError: a part is missing, unknown, of the wrong type, shape or dtype, not finite, or does not fit the rest.
    """
    keys("a layered net", configuration, KEYS)
    for name, known in (("rule", RULES), ("activation", ACTIVATIONS)):
        value = configuration[name]
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"expected one of {', '.join(known)} as {name}, got {value!r:.80}")
    sizes, widths = [configuration["features"], configuration["outputs"]], configuration["widths"]
    if not isinstance(widths, list) or not widths or any(type(one) is not int or one < 1 for one in (*sizes, *widths)):
        raise ValueError("features, widths and outputs must be whole numbers of at least 1")
    told = model.get_params(deep=False)
    model.set_params(rule=configuration["rule"], hidden_layer_sizes=tuple(widths), activation=configuration["activation"])
    model._validate_params()
    layers = model._layers(*sizes)
    dtype = getattr(torch, model.dtype)
    _check(tensors, shapes(layers, RULES[configuration["rule"]], classes=model._loss.classes), dtype)
    learner = model._taught(layers, torch.Generator())
    learner.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()})
    model.set_params(**told)
    model.learner_, model.layers_ = learner.eval(), layers
    return sizes[0], sizes[1]


def shapes(layers: Layers, rule: Rule, *, classes: bool) -> dict[str, tuple[tuple[int, ...], bool]]:
    """Give the shape of every tensor of a learner, and whether it holds weights rather than counts, without making it.

    Raises:
        ValueError: more than `BLOCKS` blocks.
    """
    count = len(layers.widths)
    if count > BLOCKS:
        raise ValueError(f"an estimator that is saved may have {BLOCKS} blocks, got {count}")
    small = tuple(range(FIRST, FIRST + count))
    twin = Layers(FEATURES, small, OUTPUTS, layers.activation, layers.projection, layers.taught)
    loss = cross_entropy if classes else mean_squared_error
    learner = rule.teach(twin.net(torch.Generator(), torch.float32), loss, torch.Generator())
    meant: dict[int, int] = {
        FEATURES: layers.features,
        OUTPUTS: layers.outputs,
        **dict(zip(small, layers.widths, strict=True)),
    }
    meant[sum(small)] = sum(layers.widths)  # of what reads all blocks side by side
    return {
        name: (tuple(meant.get(size, size) for size in map(int, tensor.shape)), tensor.is_floating_point())
        for name, tensor in learner.state_dict().items()
    }


def _check(tensors: Mapping[str, Tensor], expected: Mapping[str, tuple[tuple[int, ...], bool]], dtype: torch.dtype) -> None:
    keys("the tensors of a layered net", tensors, set(expected))
    for name, (shape, weights) in expected.items():
        tensor, kind = tensors[name], dtype if weights else torch.int64
        if tuple(tensor.shape) != shape or tensor.dtype != kind:
            raise ValueError(f"{name} must be {list(shape)} in {kind}, got {list(tensor.shape)} in {tensor.dtype}")
        if not tensor.isfinite().all():
            raise ValueError(f"{name} must be finite")
