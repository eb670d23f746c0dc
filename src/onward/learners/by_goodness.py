"""What rules that learn by goodness share: how a batch goes through the blocks, and how one block is given its credit.

Before every block an input is normalised, the first one's too. Nothing is differentiated across blocks. Axes: n rows (each an
example with a label in it), b examples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from numbers import Integral

import torch
from jaxtyping import Float
from torch import Tensor, nn

from onward.kernels.goodness import goodness, normalise
from onward.learners.base import Credit
from onward.nets.labelled import Labelled
from onward.nets.layered import LayeredNet, check_apart
from onward.nets.modes import run as run_module

Goodness = Callable[[Tensor], Tensor]  # of the activity of every row
Judge = Callable[[Tensor], tuple[Tensor, Tensor]]  # activity -> (loss, derivative at the activity)


def without_head(net: LayeredNet) -> LayeredNet:
    """Give the blocks of a net alone; they are shared."""
    check_apart(net)
    return net.truncate(len(net.blocks), None)


def number_of_classes(net: LayeredNet, classes: int | None) -> int:
    """Give the number of classes, that of the outputs of the net's head if none is given.

    Raises:
        ValueError: neither a number nor a head, or something else, as a loss.
    """
    if classes is not None and (not isinstance(classes, Integral) or isinstance(classes, bool)):
        raise ValueError(
            f"rules that learn by goodness have a loss of their own and take a number of classes in its place, got {classes!r}"
        )
    if classes is None and net.head is None:
        raise ValueError("this net has no head to tell the number of classes, so `classes` must be given")
    return net.outputs if classes is None else classes


def blocks_to_read(net: LayeredNet, read: Sequence[int] | None, default: Sequence[int]) -> tuple[int, ...]:
    """Give the numbers of the blocks that predictions read.

    Raises:
        ValueError: none, or one that the net does not have.
    """
    chosen = tuple(sorted(set(default if read is None else read)))
    if not chosen or chosen[0] < 0 or chosen[-1] >= len(net.blocks):
        raise ValueError(f"expected blocks between 0 and {len(net.blocks) - 1} to read, got {list(chosen)}")
    return chosen


def all_but_the_first(net: LayeredNet) -> range:
    """The blocks that Forward-Forward reads; of a net of one block, that one."""
    return range(min(1, len(net.blocks) - 1), len(net.blocks))


def activities(net: LayeredNet, x: Float[Tensor, "n ..."]) -> Iterator[Float[Tensor, "n ..."]]:
    """Give the activity of one block after another, not normalised; each is computed when it is asked for."""
    for block in net.blocks:
        x = run_module(block, entering(block, x))
        yield x


def teach(net: LayeredNet, k: int, x: Float[Tensor, "n ..."], judge: Judge) -> tuple[Tensor, Credit | None]:
    """Give the activity of a block, before it is updated, and its credit."""
    activity = run(net, k, x)
    with torch.no_grad():
        value, blame = judge(activity)
    return activity.detach(), parcel(net, k, activity, value, blame)


def run(net: LayeredNet, k: int, x: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """Give the activity of a block from that of the one before, with a graph that reaches no further back."""
    block = net.blocks[k]
    with torch.enable_grad():
        return run_module(block, entering(block, x.detach()))


def entering(block: nn.Module, x: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """Give what goes into a block: an activity, normalised, in the dtype of the weights that take it."""
    reads, weight = normalise(x), next(block.parameters(), None)
    return reads if weight is None else reads.to(weight.dtype)


def parcel(
    net: LayeredNet, k: int, activity: Float[Tensor, "n ..."], value: Float[Tensor, ""], blame: Float[Tensor, "n ..."]
) -> Credit | None:
    """Give the credit of a block from its loss and the derivative at its activity; None if nothing in it learns."""
    named = net.blocks[k].named_parameters(prefix=f"net.blocks.{k}")
    own = {name: parameter for name, parameter in named if parameter.requires_grad}
    if not own:
        return None
    gradients = torch.autograd.grad(activity, list(own.values()), blame.to(activity.dtype))
    return Credit(value, dict(zip(own, gradients, strict=True)))


def of_every_label(
    net: LayeredNet, labelled: Labelled, x: Float[Tensor, "b ..."], read: Sequence[int], goodness: Goodness = goodness
) -> Float[Tensor, "b classes"]:
    """Give the goodness of some blocks together, with each label in turn in the inputs."""
    columns = []
    for rows in labelled.every(x):
        passing = zip(range(max(read) + 1), activities(net, rows), strict=False)
        parts = [goodness(activity) for k, activity in passing if k in read]
        columns.append(torch.stack(parts).sum(0).view(len(x), -1))
    return torch.cat(columns, 1)
