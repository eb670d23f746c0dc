"""Bringing a learner together again: every block's numbers go from the rank that has them to rank 0."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from onward.learners.base import AbstractLearner
from onward.pipeline import holding
from onward.pipeline.ranks import Ranks
from onward.pipeline.wire import alongside, receive, send


def gather(learner: AbstractLearner, ranks: Ranks) -> None:
    """Give rank 0 the whole learner, to be called by all ranks alike; what others hold stays with them.

    Raises:
        ValueError: a rule that `fit` would refuse.
        RankLost: a rank has ended before its work.
    """
    rule = holding.local(learner)
    key = f"gather/{ranks.runs}"
    ranks.runs += 1
    blocks = range(len(rule.net.blocks))
    here = [block for block in blocks if holding.held(rule, block)]
    ranks.note(f"{key}/{ranks.rank}", json.dumps(here))
    there = {rank: json.loads(ranks.read(f"{key}/{rank}")) for rank in range(ranks.size)}
    device = next((one.device for one in learner.parameters() if one.device.type != "meta"), torch.device("cpu"))
    for block in blocks:
        owner = next((rank for rank in range(ranks.size) if block in there[rank]), None)
        if owner is None:
            raise ValueError(f"no rank holds block {block}")
        if ranks.rank == owner != 0:
            values = [value.detach().cpu() for value in holding.tensors(rule, block).values()]
            alongside(ranks.watch, 0, lambda values=values: [send(_bytes(one), 0) for one in values if one.numel()])
        elif ranks.first and owner != 0:
            for part in rule.parts(block).values():
                part.to_empty(device=device)
            found = {
                name: torch.empty(value.shape, dtype=value.dtype) for name, value in holding.tensors(rule, block).items()
            }
            arriving = [one for one in found.values() if one.numel()]
            alongside(
                ranks.watch, owner, lambda arriving=arriving, owner=owner: [receive(_bytes(one), owner) for one in arriving]
            )
            holding.load(rule.parts(block), found)


def _bytes(tensor: Tensor) -> Tensor:
    """The numbers of a tensor as a run of bytes; of a contiguous one a view."""
    return tensor.contiguous().flatten().view(torch.uint8)
