"""A learner judged where its blocks are: every rank runs its `scores`, and what a part gives is handed on from rank to rank.

A rank computes its own parts, is told what earlier parts gave, and has zeros in the place of what later ones will give; so the last
rank has the true scores, by whatever way of predicting the rule has, as long as it calls its parts as modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from onward.learners.local import LocalRule

Receive = Callable[[], Tensor]
Send = Callable[[Tensor], None]


@contextmanager
def relayed(rule: LocalRule, blocks: range, receive: Receive, send: Send | None) -> Iterator[None]:
    """Have the parts of earlier and later blocks stand in for what other ranks compute.

    Args:
        rule: whose `scores` will be called, on as many rows on each rank.
        blocks: those of this rank.
        receive: waits for what the next call of an earlier part gave.
        send: hands on what earlier parts and own ones give; None on the last rank.
    """
    changed: list[tuple[nn.Module, Any]] = []
    try:
        for block in range(len(rule.net.blocks)):
            for part in rule.parts(block).values():
                changed.append((part, part.__dict__.get("forward")))
                if block < blocks.start:
                    part.forward = _told(receive, send)
                elif block < blocks.stop:
                    part.forward = _shown(part.forward, send)
                else:
                    part.forward = _absent(part, partial(type(part).forward, part))
        yield
    finally:
        for part, before in changed:
            del part.forward
            if before is not None:
                part.forward = before


def _told(receive: Receive, send: Send | None) -> Callable[..., Tensor]:
    def forward(*_: Any, **__: Any) -> Tensor:
        found = receive()
        if send is not None:
            send(found)
        return found

    return forward


def _shown(compute: Callable[..., Tensor], send: Send | None) -> Callable[..., Tensor]:
    def forward(*inputs: Any, **named: Any) -> Tensor:
        found = compute(*inputs, **named)
        if send is not None:
            send(found)
        return found

    return forward


def _absent(part: nn.Module, compute: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Zeros of the shape that a part gives, which has no memory here."""

    def forward(x: Tensor) -> Tensor:
        dtype = next((one.dtype for one in part.parameters()), x.dtype) if x.is_floating_point() else x.dtype
        with torch.autocast(x.device.type, enabled=False):
            shape = compute(x.to("meta", dtype)).shape
        return x.new_zeros(shape)

    return forward
