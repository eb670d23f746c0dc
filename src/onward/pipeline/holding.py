"""What a rank holds of a learner: the blocks of its part, and what no block has for itself. The rest has no memory here.

A learner keeps its form: parts that live elsewhere stand on the `meta` device, with names, shapes and dtypes but no numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from onward.learners.base import AbstractLearner
from onward.learners.local import LocalRule


def local(learner: object) -> LocalRule:
    """Give a learner as the rule that teaches block by block.

    Raises:
        ValueError: it needs later blocks, or has parameters that belong to no block.
    """
    if not isinstance(learner, AbstractLearner):
        raise ValueError(f"a learner teaches a net, as MonoForward(net); got {type(learner).__name__}")
    if not isinstance(learner, LocalRule):
        raise ValueError(
            f"only rules whose blocks learn without a later one, such as MonoForward, can have them on several ranks, got "
            f"{type(learner).__name__}"
        )
    apart = {name for block in range(len(learner.net.blocks)) for name in tensors(learner, block)}
    for name, _ in learner.named_parameters():
        if name not in apart:
            raise ValueError(
                f"the parameter {name} of {type(learner).__name__} belongs to no block, so no rank can hold it"
            )
    return learner


def tensors(rule: LocalRule, block: int) -> dict[str, Tensor]:
    """Give the parameters and persistent buffers of a block, by their names in the learner."""
    return {
        f"{prefix}.{name}": value
        for prefix, part in rule.parts(block).items()
        for name, value in part.state_dict(keep_vars=True).items()
    }


def parameters(learner: AbstractLearner, rule: LocalRule, block: int) -> dict[str, Tensor]:
    """Give the parameters of a block, named and ordered as in the learner."""
    own = {id(one) for part in rule.parts(block).values() for one in part.parameters()}
    return {name: one for name, one in learner.named_parameters() if id(one) in own}


def shared(learner: AbstractLearner, rule: LocalRule) -> dict[str, Tensor]:
    """Give the persistent buffers that belong to no block, such as counts of batches, which every rank keeps for itself."""
    apart = {name for block in range(len(rule.net.blocks)) for name in tensors(rule, block)}
    return {name: value for name, value in learner.state_dict(keep_vars=True).items() if name not in apart}


def held(rule: LocalRule, block: int) -> bool:
    """Whether a block has its numbers here."""
    return not any(value.device.type == "meta" for value in tensors(rule, block).values())


def release(rule: LocalRule, blocks: Iterable[int]) -> None:
    """Free the memory of blocks that live elsewhere; until they are loaded again, running one is refused by a sentence."""
    gone = list(blocks)
    for block in gone:
        for part in rule.parts(block).values():
            part.to("meta")
            part.forward = partial(_refuse, gone)


def _refuse(gone: Sequence[int], *_: Any, **__: Any) -> Tensor:
    raise ValueError(
        f"the block{'s' * (len(gone) > 1)} {', '.join(map(str, gone))} of this net (counted from 0) are on other ranks since they were "
        "trained there; call pipeline.gather(learner, ranks) on all ranks first, which brings the whole learner to rank 0"
    )


def load(parts: Mapping[str, nn.Module], values: Mapping[str, Tensor]) -> None:
    """Put the numbers of a block into its parts, by their names in the learner."""
    for prefix, part in parts.items():
        part.__dict__.pop("forward", None)  # of `release`
        begin = f"{prefix}."
        part.load_state_dict({name[len(begin) :]: value for name, value in values.items() if name.startswith(begin)})


def digest(values: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors with their names, shapes and dtypes, in hexadecimal digits."""
    seal = hashlib.sha256()
    for name, value in values.items():
        seal.update(f"{name} {value.dtype} {list(value.shape)};".encode())
        seal.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return seal.hexdigest()
