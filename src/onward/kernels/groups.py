"""Group lasso over neurons: all edges of a hidden neuron, entering and leaving, shrink together, so that neurons vanish whole.

    w[e] <- w[e] * prod over the neurons j of e of  max(0, 1 - c sqrt(n_j) / |w of j|)

with `n_j` edges of neuron `j` and the norms as they were before. Where no edge joins two hidden neurons, groups are disjoint and this is
the proximal step of `c sum_j sqrt(n_j) |w of j|` (Yuan and Lin, J. R. Statist. Soc. B 68, 2006); an edge of two groups is shrunk by
both, which is that step to first order in `c`. In either case a group that is small enough is zero exactly. Axes: e edges, h hidden
neurons; `*nets` nets side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from onward.topology import Topology


class Groups(NamedTuple):
    """Which hidden neurons an edge belongs to.

    Attributes:
        leaves: the hidden neuron that it leaves, counted from 0; the number of hidden neurons where it leaves another.
        enters: the one that it enters, likewise; a self-loop is counted as leaving only.
        size: edges of each.
    """

    leaves: Int[Tensor, " e"]
    enters: Int[Tensor, " e"]
    size: Int[Tensor, " h"]


def groups_of(topology: Topology, device: torch.device | str | None = None) -> Groups:
    """Give the groups of a topology, those of its hidden neurons."""

    def hidden(neurons: np.ndarray) -> np.ndarray:
        inside = (neurons >= topology.inputs) & (neurons < topology.inputs + topology.hidden)
        return np.where(inside, neurons - topology.inputs, topology.hidden)

    leaves = hidden(topology.source)
    enters = np.where(topology.source == topology.target, topology.hidden, hidden(topology.target))
    size = np.bincount(np.concatenate([leaves, enters]), minlength=topology.hidden + 1)[: topology.hidden]
    return Groups(*(torch.tensor(part, device=device) for part in (leaves, enters, size)))


def norms(weight: Float[Tensor, "*nets e"], groups: Groups) -> Float[Tensor, "*nets h"]:
    """Give the Euclidean norm of the weights of each hidden neuron."""
    total = weight.new_zeros(*weight.shape[:-1], len(groups.size) + 1)
    for ends in (groups.leaves, groups.enters):
        total.index_add_(-1, ends, weight.square())
    return total[..., :-1].sqrt()


def shrink(weight: Float[Tensor, "*nets e"], groups: Groups, strength: float) -> Float[Tensor, "*nets e"]:
    """Take one step towards smaller groups; edges of no hidden neuron stay as they are."""
    size = norms(weight, groups)
    bound = strength * groups.size.to(weight.dtype).sqrt()
    factor = torch.where(size > bound, 1 - bound / size, torch.zeros_like(size))
    factor = torch.cat([factor, factor.new_ones(*factor.shape[:-1], 1)], dim=-1)
    return weight * factor[..., groups.leaves] * factor[..., groups.enters]
