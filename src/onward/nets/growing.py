"""Projections that grow: more classes are more rows of the matrix that gives the scores; the old rows stay as they are."""

from __future__ import annotations

import copy

import torch
from torch import nn

from onward import given
from onward.nets import draw


def grown(projection: nn.Module, outputs: int, *, generator: torch.Generator | None = None) -> nn.Module:
    """Give a copy of a projection, or head, with more outputs; nothing is shared with the first.

    Args:
        projection: a `nn.Linear`, or a `nn.Sequential` whose last part is one, as those of `projections` are.
        outputs: how many there are to be.
        generator: draws the new rows as `draw.fan_in` does; left out, they are zero.

    Raises:
        ValueError: the last part is no `nn.Linear`, it has as many outputs already, or `outputs` is no whole number.
    """
    last = projection[-1] if isinstance(projection, nn.Sequential) and len(projection) else projection
    if not isinstance(last, nn.Linear):
        raise ValueError(f"only a projection that ends with nn.Linear can grow, got {type(last).__name__}")
    outputs = given.whole("outputs", outputs)
    if outputs <= last.out_features:
        raise ValueError(f"a projection of {last.out_features} outputs can only grow to more, got {outputs}")
    made = _taller(last, outputs, generator)
    if last is projection:
        return made
    assert isinstance(projection, nn.Sequential)  # noqa: S101
    return nn.Sequential(*(copy.deepcopy(part) for part in list(projection)[:-1]), made)


@torch.no_grad()
def _taller(layer: nn.Linear, outputs: int, generator: torch.Generator | None) -> nn.Linear:
    bias, new = layer.bias is not None, outputs - layer.out_features
    drawn = draw.linear(layer.in_features, new, bias=bias, generator=generator or torch.Generator())
    made = nn.Linear(layer.in_features, outputs, bias=bias, device="meta").to_empty(device=layer.weight.device)
    made.to(layer.weight.dtype)
    for name, whole in made.named_parameters():
        old, rows = layer.get_parameter(name), drawn.get_parameter(name)
        whole[:-new] = old
        whole[-new:] = rows.to(whole) if generator is not None else 0
        whole.requires_grad_(old.requires_grad)
    return made
