"""Learners whose blocks have no numbers: the modules are there, the tensors are empty until views of a buffer are put into them.

A parameter stays the same object meanwhile, so that an optimiser's groups, its state and names hold.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from onward.learners.base import AbstractLearner
from onward.learners.local import LocalRule

ONE_BY_ONE = "only rules whose blocks learn one by one, such as MonoForward, can have them on disk, got {}"


def local(learner: object) -> LocalRule:
    """Give a learner as the rule that teaches block by block.

    Raises:
        ValueError: it does not, or its blocks do not lie on the CPU.
    """
    if not isinstance(learner, LocalRule) or not isinstance(learner, AbstractLearner):
        raise ValueError(ONE_BY_ONE.format(type(learner).__name__))
    for name, parameter in learner.named_parameters():
        if parameter.device.type != "cpu":
            raise ValueError(f"blocks on disk are computed on the CPU, but {name} is on {parameter.device}")
    return learner


def tensors_of(parts: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Give the parameters and persistent buffers of a block, each once, by name in the learner.

    Raises:
        ValueError: a module keeps something else than tensors.
    """
    found: dict[str, Tensor] = {}
    for prefix, part in parts.items():
        for name, value in part.state_dict(keep_vars=True, prefix=f"{prefix}.").items():
            if not isinstance(value, Tensor):
                raise ValueError(f"a block on disk is made of tensors, but {name} is a {type(value).__name__}")
            if not any(value is one for one in found.values()):
                found[name] = value
    return found


def fill(tensors: Mapping[str, Tensor], views: Mapping[str, Tensor]) -> None:
    """Let tensors have the numbers of views."""
    for name, tensor in tensors.items():
        tensor.data = views[name]


def keep(tensors: Mapping[str, Tensor], views: Mapping[str, Tensor]) -> None:
    """See to it that the views have the numbers of the tensors, also where a module put another tensor in the place of its own.

    Raises:
        ValueError: the other is of another shape or dtype.
    """
    for name, view in views.items():
        settle(name, tensors[name].data, view)


def settle(name: str, tensor: Tensor, view: Tensor) -> None:
    """Copy a tensor into a view if it is not that view; `ValueError` if it does not fit."""
    if tensor.shape != view.shape or tensor.dtype != view.dtype:
        raise ValueError(
            f"{name} was {view.dtype} of shape {list(view.shape)}, and became {tensor.dtype} of shape {list(tensor.shape)}"
        )
    if tensor.data_ptr() != view.data_ptr():
        view.copy_(tensor)


def empty(tensors: Mapping[str, Tensor]) -> None:
    """Take the numbers from tensors."""
    for tensor in tensors.values():
        tensor.data = torch.empty(0, dtype=tensor.dtype)


def hollow(learner: AbstractLearner) -> AbstractLearner:
    """Copy a learner without the numbers of its blocks; what its blocks share is copied whole."""
    rule = local(learner)
    memo: dict[int, Tensor] = {}
    for block in range(len(rule.net.blocks)):
        for tensor in tensors_of(rule.parts(block)).values():
            stand_in = torch.empty(0, dtype=tensor.dtype)
            learns = isinstance(tensor, nn.Parameter)
            memo[id(tensor)] = nn.Parameter(stand_in, requires_grad=tensor.requires_grad) if learns else stand_in
    return copy.deepcopy(learner, memo)


def shared(learner: AbstractLearner) -> dict[str, Tensor]:
    """Give the tensors of a learner's state that are in no block of it: codes of labels, counts of batches."""
    rule = local(learner)
    own = {name for block in range(len(rule.net.blocks)) for name in _names(rule.parts(block))}
    return {name: value for name, value in learner.state_dict(keep_vars=True).items() if name not in own}


def _names(parts: Mapping[str, nn.Module]) -> list[str]:
    return [name for prefix, part in parts.items() for name in part.state_dict(keep_vars=True, prefix=f"{prefix}.")]
