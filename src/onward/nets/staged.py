"""Plain modules read as chains of stages, whose derivatives have a closed form: linear, convolution, ReLU, pooling, flatten.

Anything else is left to autograd inside its block.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from onward.kernels import stages
from onward.kernels.local import Link


def staged(module: nn.Module) -> tuple[Link, ...] | None:
    """Give the chain of a module, or None if a part of it has no closed form here. Parameters are shared."""
    links = _links(module)
    if links is None:
        return None
    pairs = zip((None, *links), links, strict=False)
    return tuple(Link(stages.relu_over) if _writes_over(before, link) else link for before, link in pairs)


def _links(module: nn.Module) -> tuple[Link, ...] | None:
    if _hooked(module):
        return None
    if type(module) is nn.Sequential:
        parts = [_links(part) for part in module]
        return None if any(part is None for part in parts) else tuple(link for part in parts for link in part or ())
    link = _link(module)
    return None if link is None else (link,)


def _writes_over(before: Link | None, link: Link) -> bool:
    """Whether what a link reads was just made by a map with weights, which needs it no more."""
    return before is not None and bool(before.own) and link.stage is stages.relu


def tied(links: Sequence[Link]) -> bool:
    """Whether a tensor stands at two places of a chain, so that its blame would be a sum."""
    own = [id(tensor) for link in links for tensor in link.own]
    return len(set(own)) < len(own)


def _link(module: nn.Module) -> Link | None:
    kind = type(module)
    if kind is nn.Linear:
        assert isinstance(module, nn.Linear)  # noqa: S101
        return Link(stages.linear(), tuple(module.parameters()))
    if isinstance(module, nn.Conv2d) and kind is nn.Conv2d:
        if isinstance(module.padding, str) or module.padding_mode != "zeros":
            return None
        stage = stages.convolution(module.stride, module.padding, module.dilation, module.groups)
        return Link(stage, tuple(module.parameters()))
    if kind is nn.ReLU:
        return Link(stages.relu)
    if isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
        return Link(stages.flatten)
    if isinstance(module, nn.AvgPool2d) and (window := _window(module)) and module.divisor_override is None:
        return Link(stages.average_pooling(window))
    if isinstance(module, nn.MaxPool2d) and (window := _window(module)) and not module.return_indices:
        return Link(stages.max_pooling(window)) if _one(module.dilation) == 1 else None
    return None


def _window(pooling: nn.AvgPool2d | nn.MaxPool2d) -> int | None:
    """The side of windows that are square, side by side and not padded; None for others."""
    kernel = _one(pooling.kernel_size)
    plain = _one(pooling.stride) == kernel and _one(pooling.padding) == 0 and not pooling.ceil_mode
    return kernel if plain else None


def _one(size: int | Sequence[int] | None) -> int | None:
    """The number that a size is, or that both of its sides are."""
    if size is None or isinstance(size, int):
        return size
    return size[0] if len(set(size)) == 1 else None


def _hooked(module: nn.Module) -> bool:
    """Whether hooks or parametrisations would be passed over."""
    return bool(module._forward_hooks or module._forward_pre_hooks or hasattr(module, "parametrizations"))
