"""An independent derivation: a mesh as a dense adjacency matrix, run in a loop, differentiated backwards by autograd.

Nothing here calls the library's dynamics, engines or losses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from onward.topology import Topology

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": functional.cross_entropy,
    "mean squared error": functional.mse_loss,
    "binary cross-entropy": functional.binary_cross_entropy_with_logits,
}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": functional.gelu,
    "identity": lambda z: z,
}


@dataclass
class Truth:
    """What the dense mesh comes to."""

    loss: Tensor
    gradient: Tensor  # one an edge
    outputs: Tensor  # t b o
    alive: bool  # whether some hidden neuron is active, or there is none


def truth(
    topology: Topology,
    weight: Tensor,
    x: Tensor,
    y: Tensor,
    ticks: int,
    *,
    hidden: str,
    output: str,
    loss: str,
    every_tick: bool = False,
    initial: Tensor | None = None,
) -> Truth:
    """Run a mesh by its definition. `x` is static (b i) or a sequence (b t i)."""
    n, o = topology.neurons, topology.outputs
    a = torch.zeros(n, n, dtype=weight.dtype)
    for e in range(topology.edges):
        a[topology.source[e], topology.target[e]] = weight[e]
    a.requires_grad_()
    sequence = x.ndim == 3
    state = torch.zeros(len(x), n, dtype=weight.dtype)
    if initial is not None:
        state = torch.cat([torch.zeros(len(x), topology.fixed, dtype=weight.dtype), initial], dim=1)
    outputs, active = [], torch.zeros(n, dtype=torch.bool)
    for t in range(ticks):
        given = x[:, t] if sequence else x
        if topology.bias:
            given = torch.cat([given, torch.ones(len(x), 1, dtype=weight.dtype)], dim=1)
        if topology.clamped:
            state = torch.cat([given, state[:, topology.inputs :]], dim=1)
        elif t == 0:
            state = torch.cat([given + state[:, : topology.inputs], state[:, topology.inputs :]], dim=1)
        z = state @ a
        state = torch.cat([ACTIVATIONS[hidden](z[:, : n - o]), ACTIVATIONS[output](z[:, n - o :])], dim=1)
        active |= (state != 0).any(0)
        outputs.append(state[:, n - o :])
    read = range(ticks) if every_tick else [ticks - 1]
    value = torch.stack([LOSSES[loss](outputs[t], y) for t in read]).mean()
    (dense,) = torch.autograd.grad(value, a)
    inner = active[topology.inputs : n - o]
    gradient = dense[torch.tensor(topology.source), torch.tensor(topology.target)]
    return Truth(value.detach(), gradient, torch.stack(outputs).detach(), bool(inner.any()) or not len(inner))


def targets(loss: str, batch: int, outputs: int, generator: torch.Generator) -> Tensor:
    """Random targets of the kind that a loss takes."""
    if loss == "cross-entropy":
        return torch.randint(outputs, (batch,), generator=generator)
    values = torch.rand(batch, outputs, generator=generator, dtype=torch.float64)
    return values.round() if loss == "binary cross-entropy" else values


def relative(found: Tensor, true: Tensor) -> float:
    """Normwise relative difference."""
    return ((found - true).norm() / true.norm()).item()
