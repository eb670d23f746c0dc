"""Change the graph of a mesh while it is trained: between two epochs, or between two steps, of the one loop.

    run = Training(learner, data, recipe, generator=generator)
    for epoch in run.epochs():
        change_graph(run, by_magnitude(net, cubic(epoch.number, first=900, last=90, begin=5, end=60)))

Edges that stay keep their weights and what the optimiser remembers of them; new ones begin with zeros. Axes: e edges before; `*nets` nets
side by side.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from onward.graphs.changes import Change
from onward.learners.base import AbstractLearner
from onward.learners.online import Online
from onward.nets.changing import weights
from onward.nets.mesh import MeshNet
from onward.training.belonging import forget
from onward.training.fit import Training
from onward.training.steps import GradientSteps


def change_graph(run: Training, change: Change, new: Float[Tensor, "*nets k"] | None = None) -> None:
    """Give the mesh of a run, which stands between two steps, another graph; the run goes on with it.

    Args:
        run: one without `patience`, whose best weights would be those of another graph.
        change: what comes of the graph, of `nets.pruning`, `training.regrowing`, `graphs.changes` or your own.
        new: weights of the new edges, in the order of `change.new`; zero if left out.

    Raises:
        ValueError: a run with patience, a learner of no mesh, of a stream that is under way or by L-BFGS, a change of another
            topology, or one that leaves an output out of reach. The run is unchanged.
    """
    net = mesh_of(run.learner)
    optimiser = optimiser_of(run)
    if isinstance(run.learner, Online) and run.learner.past is not None:
        raise ValueError("the influence that a stream carries is of the edges as they were; reset() ends the stream")
    net.become(change.after, weights(net, change, new))
    if optimiser is not None:
        carry(optimiser, net.weight, change)
    forget(run)


def optimiser_of(run: Training) -> torch.optim.Optimizer | None:
    """Give the optimiser of a run whose edges are to change; None if it takes other steps than an optimiser's.

    Raises:
        ValueError: a run with patience, whose best weights would be of other edges, or by L-BFGS.
    """
    if run.best is not None:
        raise ValueError("patience keeps the weights of the best epoch, which would be of another graph; leave it out")
    if not isinstance(run.stepper, GradientSteps):
        return None
    _check(run.stepper.optimiser)
    return run.stepper.optimiser


def mesh_of(learner: AbstractLearner) -> MeshNet:
    """Give the mesh that a learner teaches; one that teaches another net is refused: `ValueError`."""
    net = getattr(learner, "net", None)
    if not isinstance(net, MeshNet):
        raise ValueError(f"only the graph of a mesh can change, and {type(learner).__name__} teaches {type(net).__name__}")
    return net


@torch.no_grad()
def carry(optimiser: torch.optim.Optimizer, weight: Tensor, change: Change) -> None:
    """Carry what an optimiser remembers of each edge (momentum, moments of Adam) over to the edges as they are to be.

    What it remembers of a new edge is zero, as at its first step; numbers that are not one an edge, as the count of steps, stay.

    Args:
        optimiser: of `torch.optim`, not L-BFGS.
        weight: the parameter that holds one weight an edge.
        change: what came of the graph.

    Raises:
        ValueError: L-BFGS, whose memory is of steps through the weights as they were.
    """
    _check(optimiser)
    state: dict[str, Any] = optimiser.state.get(weight, {})
    for name, value in state.items():
        if isinstance(value, Tensor) and value.ndim and value.shape[-1] == change.before.edges:
            state[name] = change.carry(value)


def _check(optimiser: torch.optim.Optimizer) -> None:
    if isinstance(optimiser, torch.optim.LBFGS):
        raise ValueError(
            "L-BFGS remembers steps through the weights of one graph; Adam, SGD and their like can be carried over"
        )
