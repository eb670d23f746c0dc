"""Leave edges out of meshes side by side while they are trained, each its own: what `training.changing` does for one mesh.

    run = Training(Masked(ForwardOnly(stack), edges), data, recipe, generator=generators)
    for epoch in run.epochs():
        mask_edges(run, fewer)

The edges stay where they are; weights of those that are left out, and what the optimiser remembers of them, become zero and stay so.
Which they are is not in a checkpoint: give the learner that is to resume it the edges of its weights that are not zero.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from onward.learners.masked import Masked
from onward.training.changing import optimiser_of
from onward.training.fit import Training


@torch.no_grad()
def mask_edges(run: Training, edges: Bool[Tensor, "*nets e"]) -> None:
    """Give the meshes of a run, which stands between two steps, other edges; the run goes on with them.

    Edges that come back begin with zeros, those that stay keep weight and memory.

    Args:
        run: of a `Masked` learner, without `patience`, whose best weights would be those of other edges.
        edges: True where there is one, shaped like the weights.

    Raises:
        ValueError: a run with patience, by L-BFGS, of another learner, or edges of another shape. The run is unchanged.
    """
    learner = run.learner
    if not isinstance(learner, Masked):
        raise ValueError(f"edges are left out of a Masked learner, got {type(learner).__name__}")
    if edges.shape != learner.edges.shape:
        raise ValueError(
            f"expected for each of the weights {tuple(learner.edges.shape)} whether it is there, got {tuple(edges.shape)}"
        )
    optimiser, weight = optimiser_of(run), learner.weight
    learner.edges.copy_(edges)
    weight.mul_(learner.edges)
    remembered = {} if optimiser is None else optimiser.state.get(weight, {})
    for value in remembered.values():
        if isinstance(value, Tensor) and value.shape == weight.shape:
            value.mul_(learner.edges)
