"""A projection on every block: drawn for all but the last, whose projection is the head of the net.

Rules that give every block a loss of its own share what is here, so that those of one net start from the same projections,
bitwise. `early` are the projections of all blocks but the last, in order.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from onward.kernels.losses import single
from onward.nets import projections
from onward.nets.layered import LayeredNet, check_layered
from onward.nets.projections import Projection
from onward.nets.readouts import Readout, last


def early_projections(net: LayeredNet, projection: Projection) -> nn.ModuleList:
    """Draw a projection for all blocks but the last, each from the generator of its block.

    Raises:
        ValueError: a net without a head.
    """
    check_layered(net)
    outputs, early = net.outputs, range(len(net.blocks) - 1)
    shapes, generators = [net.shapes[k + 1] for k in early], [net.generator(k) for k in early]
    drawn = projections.of_every_block(projection, shapes, outputs, generators)
    like = next(net.parameters())
    return nn.ModuleList(drawn).to(like.device, like.dtype)


def projection_of(net: LayeredNet, early: Sequence[nn.Module] | nn.ModuleList, block: int) -> nn.Module:
    """Give the projection of a block, counted from 0."""
    if block < len(early):
        return early[block]
    assert net.head is not None  # noqa: S101
    return net.head


def goodness(
    net: LayeredNet, early: Sequence[nn.Module] | nn.ModuleList, x: Float[Tensor, "b ..."]
) -> list[Float[Tensor, "b o"]]:
    """Give the class scores of every block."""
    return [single(projection_of(net, early, k)(activity)) for k, activity in enumerate(net.activities(x))]


def read(
    net: LayeredNet, early: Sequence[nn.Module] | nn.ModuleList, readout: Readout, x: Float[Tensor, "b ..."]
) -> Float[Tensor, "b o"]:
    """Give scores by a readout; earlier projections are not computed where they are not read."""
    return single(net(x)) if readout is last else readout(goodness(net, early, x))


def learning_parameters(net: LayeredNet, early: Sequence[nn.Module] | nn.ModuleList, block: int) -> dict[str, nn.Parameter]:
    """Give the parameters of a block and its projection that learn, in the order of the modules.

    They are named as in a learner that holds the net as `net` and the early projections as `projections`.
    """
    return {
        f"{prefix}.{name}": parameter
        for prefix, part in parts(net, early, block).items()
        for name, parameter in part.named_parameters()
        if parameter.requires_grad
    }


def parts(net: LayeredNet, early: Sequence[nn.Module] | nn.ModuleList, block: int) -> dict[str, nn.Module]:
    """Give a block and its projection, by the prefix of their names in a learner that holds them as above."""
    prefix = f"projections.{block}" if block < len(early) else "net.head"
    return {f"net.blocks.{block}": net.blocks[block], prefix: projection_of(net, early, block)}
