"""Blocks plugged in and out of a net that Mono-Forward taught: each function gives a new learner that shares the modules.

No block was taught by a later one, so what stays before the change predicts as it did, bitwise (paper, section 3.3).
Blocks that learned go on learning and blocks that rested go on resting; new ones learn, and where none would, all do. Blocks are
counted from 0. All refuse a learner of another rule: `ValueError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

import torch
from torch import nn

from onward.blocks.taught import check_taught
from onward.learners.mono_forward import MonoForward
from onward.nets import projections
from onward.nets.growing import grown
from onward.nets.layered import LayeredNet, check_count, emitted
from onward.nets.projections import Projection


def cut(learner: MonoForward, blocks: int) -> MonoForward:
    """Give the learner of the first blocks alone.

    Raises:
        ValueError: not between 1 and the number of blocks.
    """
    check_taught(learner)
    own = [learner.projection_of(k) for k in range(check_count(learner.net, blocks))]
    return _learner(learner.net.truncate(blocks, own[-1]), own, learner)


def add(
    learner: MonoForward,
    block: nn.Module,
    *,
    at: int | None = None,
    projection: Projection = projections.linear,
    generator: torch.Generator | None = None,
) -> MonoForward:
    """Give the learner with a block more.

    The third block of `mlp(...)` of a seed, added to the net of two blocks of that seed, gives the net of three, bitwise.

    Args:
        learner: stays as it is.
        block: maps the activity of the block before it to its own; held, not copied.
        at: its number; left out, the last.
        projection: what is put on it.
        generator: draws the projection; left out, the net's own generator of the first block that it does not have.

    Raises:
        ValueError: a number out of range, or a block that does not fit its neighbours.
    """
    blocks, own = _parts(learner)
    number = len(blocks) if at is None else at
    if not isinstance(number, Integral) or number not in range(len(blocks) + 1):
        raise ValueError(f"a block can be added at 0 to {len(blocks)}, got {number!r}")
    drawn = _projection(learner, blocks[:number], block, projection, generator)
    return _put_together(learner, [*blocks[:number], block, *blocks[number:]], [*own[:number], drawn, *own[number:]])


def remove(learner: MonoForward, block: int) -> MonoForward:
    """Give the learner without a block and its projection.

    Raises:
        ValueError: no such block, the only one, or neighbours that do not fit each other without it.
    """
    blocks, own = _parts(learner)
    _check(learner, block)
    if len(blocks) == 1:
        raise ValueError("the only block of a net cannot be removed")
    kept = {f"without block {block}, block {k}": one for k, one in enumerate(blocks) if k != block}
    emitted(kept, learner.net.shapes[0])
    return _put_together(learner, list(kept.values()), [*own[:block], *own[block + 1 :]])


def replace(
    learner: MonoForward,
    block: int,
    by: nn.Module,
    *,
    projection: Projection = projections.linear,
    generator: torch.Generator | None = None,
) -> MonoForward:
    """Give the learner with another block, and a new projection on it, in the place of one; arguments and errors as for `add`."""
    blocks, own = _parts(learner)
    _check(learner, block)
    drawn = _projection(learner, blocks[:block], by, projection, generator)
    return _put_together(learner, [*blocks[:block], by, *blocks[block + 1 :]], [*own[:block], drawn, *own[block + 1 :]])


def with_classes(learner: MonoForward, outputs: int, *, generator: torch.Generator | None = None) -> MonoForward:
    """Give the learner with more classes: the blocks are shared, the projections are copies with rows added.

    Old rows are kept bitwise. A net without this learner, such as one of backpropagation, grows by
    `net.truncate(len(net.blocks), grown(net.head, outputs))`.

    Args:
        learner: stays as it is, but for what its blocks learn from now on.
        outputs: how many classes there are to be.
        generator: draws the new rows, block by block; left out, they are zero.

    Raises:
        ValueError: not more classes than before, or projections that cannot grow.
    """
    blocks, own = _parts(learner)
    return _put_together(learner, blocks, [grown(one, outputs, generator=generator) for one in own])


def _parts(learner: MonoForward) -> tuple[list[nn.Module], list[nn.Module]]:
    check_taught(learner)
    blocks = list(learner.net.blocks)
    return blocks, [learner.projection_of(k) for k in range(len(blocks))]


def _check(learner: MonoForward, block: int) -> None:
    if not isinstance(block, Integral) or block not in range(len(learner.net.blocks)):
        raise ValueError(f"the blocks of this net are 0 to {len(learner.net.blocks) - 1}, got {block!r}")


def _projection(
    learner: MonoForward,
    before: Sequence[nn.Module],
    block: nn.Module,
    projection: Projection,
    generator: torch.Generator | None,
) -> nn.Module:
    """Draw a projection for a block that is to stand behind others."""
    net = learner.net
    reached = LayeredNet([*before, block], None, features=net.shapes[0]).shapes[-1]
    drawn = projections.checked(projection)(reached, net.outputs, generator=generator or net.generator(len(net.blocks)))
    like = next(learner.parameters())
    return drawn.to(like.device, like.dtype)


def _put_together(learner: MonoForward, blocks: Sequence[nn.Module], own: Sequence[nn.Module]) -> MonoForward:
    net = LayeredNet(blocks, own[-1], features=learner.net.shapes[0], seed=learner.net.seed)
    return _learner(net, own, learner)


def _learner(net: LayeredNet, own: Sequence[nn.Module], like: MonoForward) -> MonoForward:
    """Give a learner of a net with these projections, the last of which is its head, and all else like another.

    Blocks of the other that rest do so here too; if that would leave none, all learn.
    """
    made = MonoForward(net, like.loss)
    made.readout = like.readout  # one of a person's own may read other numbers of blocks than these
    made.projections = nn.ModuleList(own[:-1])
    resting = {id(block) for k, block in enumerate(like.net.blocks) if k not in like.learning}
    learning = frozenset(k for k, block in enumerate(net.blocks) if id(block) not in resting)
    made.learning = learning or made.learning
    return made.train(like.training)
