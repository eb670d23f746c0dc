"""A learner of a layered net as tensors and a configuration, and back: its net, the projections of its blocks, its settings.

What its rule draws besides is made of the file too, so that a few bytes cannot ask for all the memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from onward.estimators.mono_forward import READOUTS
from onward.kernels import losses
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.deep_supervision import DeepSupervision
from onward.learners.joint import Joint
from onward.learners.mono_forward import MonoForward
from onward.models.checks import keys, mapping
from onward.nets import saved_layers
from onward.nets.described import make_module
from onward.nets.layered import LayeredNet
from onward.nets.projections import Shape

LayeredLearner = MonoForward | Joint | DeepSupervision | Backprop
LEARNERS: dict[str, type[LayeredLearner]] = {one.__name__: one for one in (MonoForward, Joint, DeepSupervision, Backprop)}
KEYS = {"rule", "loss", "readout", "weight", "learning", "projections", "net", "dtype", "resting"}
NET = {"blocks", "head", "features", "seed"}
INSTEAD = "save(learner.net, path) keeps the net alone, onward.save_weights(learner, path) all weights"


def parts(learner: AbstractLearner) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Part a learner into what a file can hold: tensors by name, and how they are put together.

    Raises:
        ValueError: a rule, a loss, a readout or a net that no file can describe.
    """
    name, net = type(learner).__name__, getattr(learner, "net", None)
    if LEARNERS.get(name) is not type(learner):
        raise ValueError(f"a {name} cannot be saved in a model file, which holds {', '.join(LEARNERS)}; {INSTEAD}")
    if not isinstance(net, LayeredNet):
        raise ValueError(f"a {name} of a {type(net).__name__} cannot be saved in a model file; {INSTEAD}")
    if losses.LOSSES.get(learner.loss.name) != learner.loss:
        raise ValueError(f"the loss {learner.loss.name!r} is not one of {', '.join(losses.LOSSES)}; {INSTEAD}")
    readout = getattr(learner, "readout", None)
    known = next((word for word, one in READOUTS.items() if one is readout), None)
    if readout is not None and known is None:
        raise ValueError(f"the readout of this {name} is not one of {', '.join(READOUTS)}; {INSTEAD}")
    projections = getattr(learner, "projections", ())
    configuration: dict[str, Any] = {
        "rule": name,
        "loss": learner.loss.name,
        "readout": known,
        "weight": float(learner.weight) if isinstance(learner, DeepSupervision) else None,
        "learning": sorted(learner.learning) if isinstance(learner, MonoForward) else None,
        "projections": [saved_layers.described(one) for one in projections],
        "net": {
            "blocks": [saved_layers.described(block) for block in net.blocks],
            "head": None if net.head is None else saved_layers.described(net.head),
            "features": list(net.shapes[0]),
            "seed": net.seed,
        },
    }
    return saved_layers.state_of(learner, configuration, lambda: _made(configuration))


def from_parts(tensors: Mapping[str, Tensor], configuration: Mapping[str, Any]) -> LayeredLearner:
    """Make the learner that `parts` was given, in evaluation mode.

    Raises:
        ValueError: a part is missing, unknown, of the wrong type, shape or dtype, out of bounds, or does not fit the rest.
    """
    keys("a learner", configuration, KEYS)
    learner = _made(configuration)
    saved_layers.filled(learner, tensors, configuration)
    return learner


def _made(configuration: Mapping[str, Any]) -> LayeredLearner:
    """Make a learner, with weights that have a shape but no values."""
    for name, known in (("rule", LEARNERS), ("loss", losses.LOSSES)):
        if not isinstance(configuration[name], str) or configuration[name] not in known:
            raise ValueError(f"expected one of {', '.join(known)} as {name}, got {configuration[name]!r:.80}")
    kind, described = LEARNERS[configuration["rule"]], mapping("net", configuration["net"])
    keys("a net", described, NET)
    net = saved_layers.make(described)
    early = 0 if kind is Backprop else len(net.blocks) - 1
    projections = configuration["projections"]
    if not isinstance(projections, list) or len(projections) != early:
        raise ValueError(f"a {kind.__name__} of {len(net.blocks)} blocks must have {early} projections")
    settings: dict[str, Any] = {}
    for name, own in (("readout", kind in (MonoForward, Joint)), ("weight", kind is DeepSupervision)):
        if own:
            settings[name] = configuration[name]
        elif configuration[name] is not None:
            raise ValueError(f"a {kind.__name__} has no {name}, got {configuration[name]!r:.80}")
    if "readout" in settings:
        told = settings["readout"]
        if not isinstance(told, str) or told not in READOUTS:
            raise ValueError(f"expected one of {', '.join(READOUTS)} as readout, got {told!r:.80}")
        settings["readout"] = READOUTS[told]
    if "weight" in settings and type(settings["weight"]) is not float:
        raise ValueError(f"the weight must be a number, got {settings['weight']!r:.80}")
    if kind is not Backprop:
        settings["projection"] = _Given(iter([make_module(one) for one in projections]))
    learner: LayeredLearner = kind(net, configuration["loss"], **settings)
    return _learning(learner, configuration["learning"])


class _Given:
    """Gives projections that were made already, one after another, if they fit."""

    def __init__(self, made: Iterator[nn.Module]) -> None:
        self.made = made

    def __call__(self, shape: Shape, outputs: int, *, generator: torch.Generator) -> nn.Module:
        """Give the next one; the generator draws nothing."""
        projection = next(self.made)
        if not any(True for _ in projection.parameters()):
            raise ValueError("a projection must have weights, got none")
        with saved_layers.bounded([projection]):
            net = LayeredNet([projection], None, features=shape)
        if net.shapes[-1] != (outputs,):
            raise ValueError(f"a projection must give {outputs} scores, got shape {list(net.shapes[-1])}")
        return projection


def _learning(learner: LayeredLearner, told: Any) -> LayeredLearner:
    if not isinstance(learner, MonoForward):
        if told is not None:
            raise ValueError(f"only the blocks of a MonoForward learn or rest, got {told!r:.80}")
        return learner
    there = range(len(learner.net.blocks))
    if not isinstance(told, list) or any(type(one) is not int or one not in there for one in told):
        raise ValueError(f"the blocks that learn must be among 0 to {there.stop - 1}, got {told!r:.80}")
    learner.learning = frozenset(told)
    return learner
