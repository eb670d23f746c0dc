"""What a stored training run belongs to: its data by digest, its rule, mesh, parameters and recipe by description.

Two runs that belong to the same go on alike from the same state; of two that do not, one sentence says what differs.
"""

from __future__ import annotations

import hashlib
import reprlib
from dataclasses import fields
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from onward.description import describe
from onward.learners.base import AbstractLearner
from onward.nets.mesh import MeshNet
from onward.training.data import Split
from onward.training.fit import Training, steps_an_epoch

WORDS = {
    "rule": "another rule",
    "parameters": "other parameters",
    "loss": "another loss",
    "engine": "another engine",
    "training data": "other training data",
    "validation data": "other validation data",
    "batches an epoch": "other batches an epoch",
    "mesh": "another mesh",
    "recipe": "another recipe",
    "settings": "other settings of its rule",
    "augmentation": "another augmentation",
}

_KNOWN: WeakKeyDictionary[Training, dict[str, Any]] = WeakKeyDictionary()  # digests are made once a run


def belonging(training: Training) -> dict[str, Any]:
    """Write down what a run belongs to: text, numbers, lists and dicts. What cannot be described is an empty list."""
    if training not in _KNOWN:
        learner, recipe, augment = training.learner, training.recipe, training.data.augment
        meshes = [net for net in learner.modules() if isinstance(net, MeshNet)]
        _KNOWN[training] = {
            "rule": f"{type(learner).__module__}.{type(learner).__qualname__}",
            "loss": [learner.loss.name, learner.loss.every_tick, learner.loss.classes, _described(learner.loss.evaluate)],
            "engine": getattr(getattr(learner, "engine", None), "name", "any"),
            "parameters": {name: [list(one.shape), str(one.dtype)] for name, one in training.parameters.items()},
            "mesh": [_described((net.topology, net.ticks, net.hidden, net.output)) for net in meshes],
            "training data": digest(training.data.train),
            "validation data": None if training.data.validation is None else digest(training.data.validation),
            "batches an epoch": steps_an_epoch(training.data.train, recipe),
            "recipe": {field.name: _described(getattr(recipe, field.name)) for field in fields(recipe)},
            "settings": _settings(learner),
            "augmentation": [] if augment is None else _described(augment) or ["a function without a name"],
        }
    return _KNOWN[training]


def forget(training: Training) -> None:
    """Have what a run belongs to written down anew: its mesh is another."""
    _KNOWN.pop(training, None)


def difference(found: Any, own: dict[str, Any]) -> str | None:
    """Tell in what a belonging from a file differs from one's own, as the end of a sentence; None if in nothing.

    Descriptions are compared only where both could be made. More epochs than there were to be are no difference, if the
    schedule can be seen to be the same, so that the run is the beginning of one that has as many from the first.
    """
    if type(found) is not dict or found.keys() != own.keys():
        return "does not say what it belongs to"
    for key, words in WORDS.items():
        its, mine = found[key], own[key]
        if its == mine:
            continue
        if key not in ("parameters", "mesh", "recipe", "settings"):
            return f"belongs to {words}: {_parted(its, mine)}"
        if type(its) is not type(mine) or len(its) != len(mine):
            return f"belongs to {words}: it was {_short(its)}, not {_short(mine)}"
        for name in mine if type(mine) is dict else range(len(mine)):
            one, other = (its.get(name), mine[name]) if type(its) is dict else (its[name], mine[name])
            if key == "recipe" and name == "epochs" and type(one) is list and one < other:
                if [] in (its["schedule"], mine["schedule"]):
                    return (
                        f"was to end after {_short(one[0])} epochs, and of a schedule without a name, such as a lambda, it cannot "
                        f"be told whether it is the same for {other[0]}"
                    )
                continue
            if one != other and [] not in (one, other):
                return f"belongs to {words}: {'it' if key == 'mesh' else name} was {_parted(one, other)}"
    return None


def digest(split: Split) -> str:
    """SHA-256 of inputs, targets and importance, with their shapes and dtypes, in hexadecimal digits."""
    seal = hashlib.sha256()
    for part in (split.x, split.y, split.importance):
        seal.update(b"none;" if part is None else f"{part.dtype} {list(part.shape)};".encode())
        if part is not None:
            seal.update(_bytes(part))
    return seal.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data


def _settings(learner: AbstractLearner) -> dict[str, list[Any]]:
    """What a rule was told beside its net, its loss and its engine: readout, threshold, blocks that learn and the like."""
    found = {}
    for prefix, module in learner.named_modules():
        if module is learner or type(module).__module__.startswith("onward.learners."):
            for name, value in vars(module).items():
                if not name.startswith("_") and name not in ("training", "net", "loss", "engine"):
                    told = sorted(value) if isinstance(value, frozenset | set) else value
                    found[".".join(filter(None, (prefix, name)))] = _described(told)
    return found


def _described(value: Any) -> list[Any]:
    try:
        return [describe(value)]
    except (TypeError, AttributeError):  # a lambda, an object that is called
        return []


def _parted(found: Any, own: Any) -> str:
    """Show where two descriptions part, as deep as they have the same form."""
    while True:
        if type(found) is list and type(own) is list and len(found) == len(own):
            pairs = list(zip(found, own, strict=True))
        elif type(found) is dict and type(own) is dict and found.keys() == own.keys():
            pairs = [(its, own[key]) for key, its in found.items()]
        else:
            return f"{_short(found)}, not {_short(own)}"
        found, own = next(pair for pair in pairs if pair[0] != pair[1])


def _short(value: Any) -> str:
    return reprlib.repr(value)
