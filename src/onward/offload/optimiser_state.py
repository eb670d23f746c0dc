"""The state that an optimiser keeps of each parameter, as views of a block's buffer while the block is in memory.

What it keeps is found out by a step on a stand-in: tensors of the parameter's shape and single numbers can be laid out
before training begins (Adam and its kin, SGD with momentum, RMSprop); others are refused.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from onward.offload.hollow import settle
from onward.offload.layout import PRESENT, Kept, Layout
from onward.training.steps import Optimiser


class Watched:
    """What a recipe's optimisers keep.

    Attributes:
        make: makes an optimiser of parameters.
    """

    def __init__(self, make: Optimiser) -> None:
        """Watch optimisers that are made so."""
        self.make = make
        self._known: dict[tuple[torch.dtype, int], tuple[dict[str, Kept], bool]] = {}

    def kept(self, tensors: Mapping[str, Tensor]) -> dict[str, dict[str, Kept]]:
        """Tell what is kept of each parameter that learns, by name and key.

        Raises:
            ValueError: an optimiser whose state cannot be parted by parameters and laid out beforehand.
        """
        learning = {name: one for name, one in tensors.items() if isinstance(one, nn.Parameter) and one.requires_grad}
        return {name: self._of(one)[0] for name, one in learning.items()}

    def from_zero(self, tensor: Tensor) -> bool:
        """Tell whether a first step from a state of zeros is bitwise a first step from none."""
        return self._of(tensor)[1]

    def _of(self, tensor: Tensor) -> tuple[dict[str, Kept], bool]:
        key = (tensor.dtype, tensor.ndim)
        if key not in self._known:
            sizes = (2, 3, 4, 5, 1)[: tensor.ndim]
            value = torch.linspace(-1, 1, 120).view(*sizes, -1).select(-1, 0)
            stand_in = value.to(tensor.dtype, copy=True).contiguous()
            first = self._stepped(stand_in, {})
            kept = {name: _kept(name, one, stand_in) for name, one in first[1].items()}
            zeros = {name: torch.zeros_like(one) for name, one in first[1].items()}
            second = self._stepped(stand_in, zeros)
            same = torch.equal(_bits(first[0]), _bits(second[0])) and all(
                torch.equal(_bits(first[1][name]), _bits(second[1][name])) for name in kept
            )
            self._known[key] = kept, same
        return self._known[key]

    def _stepped(self, value: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Give a parameter and what is kept of it after a step from a state."""
        parameter = nn.Parameter(value.clone())
        optimiser = self.make([parameter])
        name = type(optimiser).__name__
        if isinstance(optimiser, torch.optim.LBFGS) or optimiser.state:
            raise ValueError(
                f"{name} cannot train blocks on disk: it keeps more than what its steps leave of each parameter"
            )
        if state:
            optimiser.state[parameter] = state
        parameter.grad = torch.where(value.abs() < 0.5, -0.0, 1 - value).to(value.dtype)  # signed zeros are told apart too
        optimiser.step()
        return parameter.data, dict(optimiser.state.get(parameter, {}))


def _kept(name: str, value: object, parameter: Tensor) -> Kept:
    if not isinstance(value, Tensor) or tuple(value.shape) not in ((), tuple(parameter.shape)):
        shape = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(
            "an optimiser of blocks on disk keeps tensors of its parameters' shapes and single numbers, "
            f"but {name!r} of a parameter of shape {list(parameter.shape)} is {shape}"
        )
    return Kept(value.dtype, bool(parameter.ndim) and bool(value.ndim))


def _bits(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().view(-1).view(torch.uint8)


def attach(
    optimiser: torch.optim.Optimizer, watched: Watched, layout: Layout, tensors: Mapping[str, Tensor], memory: Tensor
) -> None:
    """Let an optimiser have what a buffer holds of the parameters of a block."""
    present = dict(zip(layout.stated(), _flags(layout, memory), strict=True))
    for name, flag in present.items():
        if not flag and watched.from_zero(tensors[name]):
            flag.fill_(1)  # the state of a block that never learned was read as zeros
        if flag:
            optimiser.state[tensors[name]] = {f.key: f.view(memory) for f in layout.state if f.name == name}


def detach(optimiser: torch.optim.Optimizer, layout: Layout, tensors: Mapping[str, Tensor], memory: Tensor) -> None:
    """Take the state of a block's parameters from an optimiser into a buffer.

    Raises:
        ValueError: it keeps something else than before.
    """
    for name, flag in zip(layout.stated(), _flags(layout, memory), strict=True):
        state = optimiser.state.pop(tensors[name], {})
        fields = {field.key: field for field in layout.state if field.name == name}
        if state and state.keys() != fields.keys():
            raise ValueError(f"the optimiser kept {sorted(fields)} of {name}, and now keeps {sorted(state)}")
        flag.fill_(bool(state))
        for key, value in state.items():
            settle(f"{key} of {name}", value, fields[key].view(memory))


def forget(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Leave an optimiser without state of some parameters."""
    for tensor in tensors.values():
        optimiser.state.pop(tensor, None)


def _flags(layout: Layout, memory: Tensor) -> list[Tensor]:
    return [flag for field in layout.state if field.key == PRESENT and not field.name for flag in field.view(memory)]
