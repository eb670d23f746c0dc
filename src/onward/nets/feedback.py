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
from onward.nets.layered import LayeredNet, generator_of


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
        parts = {f"blocks.{k}": block for k, block in enumerate(net.blocks)}
        found = [(k, *one) for k, (name, part) in enumerate(parts.items()) for one in _layers(name, part)]
        found += [] if net.head is None else [(len(parts), *one) for one in _layers("head", net.head)]
        self.layers = tuple(name for _, name, _ in found[1:])
        generators = [generator_of(net.seed, k, "feedback") for k in range(len(parts) + 1)]
        for number, (k, _, layer) in enumerate(found[1:]):
            drawn = layer.weight.detach().cpu().clone()
            initialise(drawn, drawn[0].numel(), generators[k])
            self.register_buffer(str(number), drawn.to(layer.weight.device))
        self._refuse_other_uses(net)

    @contextmanager
    def used(self, net: nn.Module) -> Iterator[None]:
        """Differentiate the layers of the net with their feedback in what is computed meanwhile."""
        weights = (net.get_submodule(name).weight for name in self.layers)
        with _Substitution(dict(zip(map(id, weights), self.buffers(), strict=True))):
            yield

    @torch.no_grad()
    def _refuse_other_uses(self, net: LayeredNet) -> None:
        """Run a made-up example, so that a layer that would pass blame through its own weights is found."""
        like = next(net.parameters())
        modes = [(module, module.training) for module in net.modules()]
        weights = {id(net.get_submodule(name).weight): name for name in self.layers}
        seen = _Substitution({})
        try:
            with seen:
                net.eval()
                net(torch.zeros(2, *net.shapes[0], dtype=like.dtype, device=like.device))
        finally:
            for module, mode in modes:
                module.training = mode
        for unseen in weights.keys() - seen.weights:
            raise ValueError(f"feedback replaces the weights of functional.linear and conv2d, which {weights[unseen]} is not run by")


class _Substitution(TorchFunctionMode):
    """Takes the place of linear maps and convolutions by known weights.

    Attributes:
        weights: the ids of all weights that maps ran with.
    """

    def __init__(self, feedback: Mapping[int, Tensor]) -> None:
        super().__init__()
        self.feedback = feedback
        self.weights: set[int] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        substitute = _SUBSTITUTES.get(func)
        if substitute is None:
            return func(*args, **kwargs)
        weight = kwargs["weight"] if "weight" in kwargs else args[1]
        self.weights.add(id(weight))
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


def _layers(name: str, part: nn.Module) -> Iterator[tuple[str, nn.Linear | nn.Conv2d]]:
    for path, module in part.named_modules(prefix=name):
        if isinstance(module, nn.Linear | nn.Conv2d):
            yield path, module
        elif not isinstance(module, nn.LayerNorm | nn.RMSNorm):
            for own, parameter in module.named_parameters(recurse=False):
                if parameter.ndim > 1:
                    raise ValueError(
                        f"feedback stands in for nn.Linear and nn.Conv2d, got {type(module).__name__} with {path}.{own} "
                        f"of shape {list(parameter.shape)}"
                    )
