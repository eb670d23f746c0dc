"""Is the gradient right? Forward-only propagation beside autograd and finite differences, per block of weights.

The check works on a float64 copy of the net. Autograd differentiates backwards through the ticks and finite differences
differentiate nothing, so the three share no derivation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from onward.kernels import losses
from onward.kernels.forward_only import ENGINES
from onward.kernels.losses import Loss
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet

STEP = 1e-6  # of the central differences; their own error is about 1e-9 of the gradient
PROBES = 25  # edges a block, at most, that finite differences are taken of


@dataclass(frozen=True)
class BlockCheck:
    """The check of one block of the adjacency matrix.

    Attributes:
        block: which, as "input-hidden"; "all" for the whole gradient.
        edges: weights in it.
        norm: of the true gradient (autograd's).
        errors: for each engine, the norm of its difference to autograd over the norm of the *whole* gradient.
        finite_difference: the same for central differences and the factored engine, over the edges probed.
    """

    block: str
    edges: int
    norm: float
    errors: dict[str, float]
    finite_difference: float


@dataclass(frozen=True)
class GradientCheck:
    """What `check_gradients` found; print it to read it.

    Attributes:
        blocks: one entry a block of weights, the whole gradient last.
        alive: part of the free neurons that are active (not zero) for some example at some tick.
    """

    blocks: Sequence[BlockCheck]
    alive: float

    @property
    def error(self) -> float:
        """The largest error of any engine on the whole gradient."""
        return max(self.blocks[-1].errors.values())

    def __str__(self) -> str:
        engines = list(self.blocks[-1].errors)
        head = ["block", "edges", "norm", *(f"{engine} - autograd" for engine in engines), "finite differences"]
        rows = [
            [
                one.block,
                str(one.edges),
                f"{one.norm:.2e}",
                *(f"{one.errors[engine]:.1e}" for engine in engines),
                f"{one.finite_difference:.1e}",
            ]
            for one in self.blocks
        ]
        widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
        aligned = [
            [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
            for row in (head, *rows)
        ]
        last = f"errors are relative to the norm of the whole gradient; {self.alive:.0%} of the free neurons are active"
        return "\n".join([*("  ".join(row) for row in aligned), last])


def check_gradients(
    net: MeshNet,
    batch: tuple[Float[Tensor, "b ..."], Tensor],
    loss: Loss | str = losses.cross_entropy,
    *,
    generator: torch.Generator | None = None,
) -> GradientCheck:
    """Compare the gradients of all engines with autograd and with central finite differences, in float64.

    A ReLU net whose drive passes within `STEP` of zero can disagree with finite differences there, and with nothing else.

    Args:
        net: one mesh (not a stack).
        batch: inputs and targets, as for a learner.
        loss: read at the last tick or at every one.
        generator: picks the edges for finite differences in blocks that have more than `PROBES`.

    Raises:
        ValueError: a stack of nets, or data that do not fit the net.
    """
    if net.nets:
        raise ValueError(f"the gradients of one net can be checked, got {net.nets[0]} side by side; unstack() gives them")
    loss = losses.find(loss)
    exact = net.with_weight(net.weight.detach().double())
    x, y = batch[0].double(), batch[1].double() if batch[1].is_floating_point() else batch[1]
    if not x.isfinite().all():
        raise ValueError(f"inputs must be finite, got {x[~x.isfinite()][0].item()}")
    loss.check_target(y, (len(x), net.topology.outputs))
    true = next(Backprop(exact, loss).credit(x, y)).gradients["net.weight"]
    ours = {name: next(ForwardOnly(exact, loss, engine=name).credit(x, y)).gradients["net.weight"] for name in ENGINES}
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    probed = np.concatenate(
        [edges[torch.randperm(len(edges), generator=generator)[:PROBES].numpy()] for edges in net.topology.blocks.values()]
    )
    differences = _finite_differences(exact, loss, x, y, probed)
    whole = max(true.norm().item(), np.finfo(np.float64).tiny)
    blocks = []
    for name, members in (*net.topology.blocks.items(), ("all", np.arange(net.topology.edges))):
        edges = torch.from_numpy(members)
        seen = torch.from_numpy(np.flatnonzero(np.isin(probed, members)))
        off = differences[seen] - ours["factored"][torch.from_numpy(probed)[seen]]
        errors = {engine: (gradient[edges] - true[edges]).norm().item() / whole for engine, gradient in ours.items()}
        blocks.append(BlockCheck(name, len(members), true[edges].norm().item(), errors, off.norm().item() / whole))
    states = exact.states(x).detach()[:, 1:]
    alive = (states != 0).flatten(0, 1).any(0).double().mean().item()
    return GradientCheck(blocks, alive)


@torch.no_grad()
def _finite_differences(net: MeshNet, loss: Loss, x: Tensor, y: Tensor, edges: np.ndarray) -> Float[Tensor, " probed"]:
    def value(weight: Tensor) -> Tensor:
        return loss.over_ticks(net.with_weight(weight).states(x)[:, 1:, -net.topology.outputs :], y)

    found = []
    for edge in edges.tolist():
        step = torch.zeros_like(net.weight)
        step[edge] = STEP
        found.append((value(net.weight + step) - value(net.weight - step)) / (2 * STEP))
    return torch.stack(found)
