"""Edges that are left out of nets side by side in the middle of training: each goes on as it would alone, on its own graph."""

from functools import partial

import numpy as np
import pytest
import torch

from onward import graphs
from onward.graphs.changes import keep_edges
from onward.learners.backprop import Backprop
from onward.learners.forward_only import ForwardOnly
from onward.learners.masked import Masked
from onward.nets.mesh import MeshNet
from onward.training import datasets
from onward.training.changing import change_graph
from onward.training.data import stack
from onward.training.fit import Recipe, Training
from onward.training.masking import mask_edges
from tests.training.test_changing import OPTIMISERS

MESH = graphs.mesh(4, 5, 3)
SEEDS = (1, 2)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net(seed: int) -> MeshNet:
    return MeshNet(MESH, 3, generator=seeded(seed), dtype=torch.float64)


def masks() -> torch.Tensor:
    kept = torch.rand(len(SEEDS), MESH.edges, generator=seeded(7)) < 0.8
    kept[:, MESH.edges - 3 :] = True
    return kept


@pytest.mark.parametrize("name", OPTIMISERS)
def test_nets_side_by_side_go_on_as_each_does_alone(name: str) -> None:
    data = [datasets.iris(seed).to(torch.float64) for seed in SEEDS]
    recipe = Recipe(OPTIMISERS[name], 4, 32)
    learner = Masked(ForwardOnly(MeshNet.stack([net(seed) for seed in SEEDS])), torch.ones(2, MESH.edges, dtype=torch.bool))
    run = Training(learner, stack(data), recipe, generator=[seeded(seed) for seed in SEEDS])
    for epoch in run.epochs():
        if epoch.number == 2:
            mask_edges(run, masks())
    for row, (seed, one) in enumerate(zip(SEEDS, data, strict=True)):
        alone = net(seed)
        single = Training(ForwardOnly(alone), one, recipe, generator=seeded(seed))
        for epoch in single.epochs():
            if epoch.number == 2:
                change_graph(single, keep_edges(MESH, masks()[row].numpy()))
        torch.testing.assert_close(learner.weight[row][masks()[row]], alone.weight, rtol=1e-9, atol=1e-11)
        assert not learner.weight[row][~masks()[row]].any()
        assert np.array_equal(alone.topology.source, MESH.source[masks()[row].numpy()])


def test_edges_that_come_back_begin_with_zeros() -> None:
    learner = Masked(ForwardOnly(net(1)), torch.ones(MESH.edges, dtype=torch.bool))
    run = Training(learner, datasets.iris(1).to(torch.float64), Recipe(OPTIMISERS["adam"], 3, 32), generator=seeded(1))
    epochs = run.epochs()
    next(epochs)
    mask_edges(run, masks()[0])
    next(epochs)
    assert not learner.weight[~masks()[0]].any()
    mask_edges(run, torch.ones(MESH.edges, dtype=torch.bool))
    assert not learner.weight[~masks()[0]].any()
    next(epochs)
    assert learner.weight[~masks()[0]].any()


def test_what_cannot_be_masked_is_refused() -> None:
    data, edges = datasets.iris(1).to(torch.float64), torch.ones(MESH.edges, dtype=torch.bool)
    recipe = Recipe(partial(torch.optim.Adam, lr=0.01), 3, 32)

    def run(learner: object, recipe: Recipe = recipe) -> Training:
        return Training(learner, data, recipe, generator=seeded(1))  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="left out of a Masked learner, got Backprop"):
        mask_edges(run(Backprop(net(1))), edges)
    masked = Masked(ForwardOnly(net(1)), edges)
    with pytest.raises(ValueError, match="whether it is there, got .5,."):
        mask_edges(run(masked), edges[:5])
    with pytest.raises(ValueError, match="patience keeps the weights of the best epoch"):
        mask_edges(run(masked, Recipe(OPTIMISERS["adam"], 3, 32, patience=2)), ~edges)
    with pytest.raises(ValueError, match="L-BFGS remembers"):
        mask_edges(run(masked, Recipe(torch.optim.LBFGS, 3)), ~edges)
    assert masked.edges.all()
    torch.testing.assert_close(masked.weight, net(1).weight, rtol=0, atol=0)
