"""Feedback: fixed matrices that carry blame backwards in the place of the weights of linear and convolutional layers.

While it is in use, every such layer of a net runs with its own weights and is differentiated with its feedback.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from onward.kernels import feedback as kernels
from onward.nets.draw import Draw
from onward.nets.layered import LayeredNet, check_layered, generator_of
from onward.nets.modes import evaluating


class Feedback(nn.Module):
    """A matrix, or kernels, for each linear and convolutional layer but the first, which has nothing before it to blame.

    They are buffers: stored with the net, never learned.

    Attributes:
        layers: the names in the net of the layers that they stand in for, in order; the buffers are numbered alike.
    """

    def __init__(self, net: LayeredNet, initialise: Draw) -> None:
        """Draw feedback for the layers of a net, from the generator of each block.

        Args:
            net: blocks of `nn.Linear`, `nn.Conv2d` and modules without weights other than normalisations.
            initialise: fills a tensor, which holds a copy of the weights, given their fan-in.

        Raises:
            ValueError: a module whose weights are applied in another way.
        """
        super().__init__()
        check_layered(net)
        layers = dict(_layers(net))
        ran = _weights_run(net)
        for name, layer in layers.items():
            if id(layer.weight) not in ran:
                raise ValueError(
                    f"feedback replaces the weights of functional.linear and conv2d, which {name} is not run by"
                )
        first = ran[0] if ran and ran.count(ran[0]) == 1 else None
        later = {name: layer for name, layer in layers.items() if id(layer.weight) != first}
        generators = [generator_of(net.seed, k, "feedback") for k in range(len(net.blocks) + 1)]
        for number, (name, layer) in enumerate(later.items()):
            drawn = layer.weight.detach().cpu().clone()
            block = int(name.split(".")[1]) if name.startswith("blocks.") else len(net.blocks)
            initialise(drawn, drawn[0].numel(), generators[block])
            self.register_buffer(str(number), drawn.to(layer.weight.device))
        self.layers = tuple(later)

    @contextmanager
    def used(self, net: nn.Module) -> Iterator[None]:
        """Differentiate the layers of the net with their feedback in what is computed meanwhile."""
        weights = (net.get_submodule(name).weight for name in self.layers)
        with _Substitution(dict(zip(map(id, weights), self.buffers(), strict=True))):
            yield


class _Substitution(TorchFunctionMode):
    """Takes the place of linear maps and convolutions by known weights.

    Attributes:
        ran: the ids of the weights of all maps, in the order in which they ran.
    """

    def __init__(self, feedback: Mapping[int, Tensor]) -> None:
        super().__init__()
        self.feedback = feedback
        self.ran: list[int] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        substitute = _SUBSTITUTES.get(func)
        if substitute is None:
            return func(*args, **kwargs)
        weight = kwargs["weight"] if "weight" in kwargs else args[1]
        self.ran.append(id(weight))
        if id(weight) not in self.feedback:
            return func(*args, **kwargs)
        return substitute(self.feedback[id(weight)], *args, **kwargs)


def _linear(feedback: Tensor, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:  # noqa: A002
    return kernels.linear(input, weight, bias, feedback)


def _conv2d(
    feedback: Tensor,
    input: Tensor,  # noqa: A002
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | str | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor:
    sizes, steps = weight.shape[-2:], _pair(dilation)
    if padding == "same":
        short = [step * (size - 1) for size, step in zip(sizes, steps, strict=True)]
        (top, left), (height, width) = [one // 2 for one in short], short
        input = functional.pad(input, (left, width - left, top, height - top))  # noqa: A001
    sides = (0, 0) if isinstance(padding, str) else _pair(padding)
    settings = {"stride": _pair(stride), "padding": sides, "dilation": steps, "groups": groups}
    return kernels.conv2d(input, weight, bias, feedback, **settings)


_SUBSTITUTES: dict[Callable[..., Any], Callable[..., Tensor]] = {functional.linear: _linear, functional.conv2d: _conv2d}


def _pair(size: int | tuple[int, ...]) -> tuple[int, ...]:
    return (size, size) if isinstance(size, int) else tuple(size)


def _layers(net: LayeredNet) -> Iterator[tuple[str, nn.Linear | nn.Conv2d]]:
    for path, module in net.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            yield path, module
        elif not isinstance(module, nn.LayerNorm | nn.RMSNorm):
            for own, parameter in module.named_parameters(recurse=False):
                if parameter.ndim > 1:
                    raise ValueError(
                        f"feedback stands in for nn.Linear and nn.Conv2d, got {type(module).__name__} with {path}.{own} "
                        f"of shape {list(parameter.shape)}"
                    )


@torch.no_grad()
def _weights_run(net: LayeredNet) -> list[int]:
    """Run made-up examples, so that a layer that would pass blame through its own weights is found."""
    like = next(net.parameters())
    seen = _Substitution({})
    with seen, evaluating(net):
        net(torch.zeros(2, *net.shapes[0], dtype=like.dtype, device=like.device))
    return seen.ran
