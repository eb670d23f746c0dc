"""Learners and batches without memory: every operation knows its shapes and computes nothing.

So the bytes of a step are counted before there is room for it, in seconds, for nets of any size.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

Module = TypeVar("Module", bound=nn.Module)


@contextmanager
def weightless() -> Iterator[None]:
    """Within a `with`, tensors that are made have a shape, a dtype and a device, and no memory.

    Values do not exist: what branches on them, as rules that draw wrong labels do, fails.
    """
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def shadow(module: Module) -> Module:
    """Give a copy of a module without memory; to be called, and used, within `weightless`. The module may lie on `meta`."""
    made = _without_tensors(module)
    for part, own in zip(made.modules(), module.modules(), strict=True):
        for name, parameter in own._parameters.items():
            part._parameters[name] = None if parameter is None else nn.Parameter(_like(parameter), parameter.requires_grad)
        for name, buffer in own._buffers.items():
            part._buffers[name] = None if buffer is None else _like(buffer)
    return made


def _without_tensors(module: Module) -> Module:
    """Copy a module; its tensors are left where they are."""
    tensors = [*module.parameters(), *module.buffers()]
    return copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})


def _like(tensor: Tensor) -> Tensor:
    device = "cpu" if tensor.device.type == "meta" else tensor.device
    return torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
