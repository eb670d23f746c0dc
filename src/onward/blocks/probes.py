"""Linear probes (Alain and Bengio, 2016): what a linear classifier can read from every block of a net that rests.

They are Mono-Forward with blocks that do not learn: each projection is a multinomial logistic regression on the activity
of its block. So the blocks of a net of any rule, as backpropagation, are measured as those of Mono-Forward measure themselves.
"""

from __future__ import annotations

import copy

from onward import given
from onward.kernels import losses
from onward.kernels.losses import Loss
from onward.learners.mono_forward import MonoForward
from onward.nets import projections
from onward.nets.layered import LayeredNet, check_layered
from onward.nets.projections import Projection


def linear_probes(
    net: LayeredNet,
    outputs: int | None = None,
    loss: Loss | str = losses.cross_entropy,
    *,
    projection: Projection = projections.linear,
) -> MonoForward:
    """Put a new projection on every block of a copy of a net; training it moves the projections alone.

    Args:
        net: trained by any rule; it stays as it is, and its head is not read.
        outputs: of the probes; left out, those of the net.
        loss: of every probe.
        projection: what they are, each drawn from the generator of its block.

    Raises:
        ValueError: no layered net, one without a head and no `outputs`, fewer than 1, or an unknown loss.
    """
    check_layered(net)
    last = len(net.blocks) - 1
    outputs = net.outputs if outputs is None else given.whole("outputs", outputs)
    head = projections.checked(projection)(net.shapes[-1], outputs, generator=net.generator(last))
    like = next(net.parameters())
    blocks = [copy.deepcopy(block).requires_grad_(False) for block in net.blocks]
    frozen = LayeredNet(blocks, head.to(like.device, like.dtype), features=net.shapes[0], seed=net.seed)
    return MonoForward(frozen, loss, projection=projection)
