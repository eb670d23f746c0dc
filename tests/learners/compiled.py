"""What test_compiled runs: a learner that was compiled gives the credit that it gave before."""

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from torch._dynamo.utils import counters
from torch.testing import assert_close

from onward import ForwardOnly, MeshNet, MonoForward, Recipe, cnn, datasets, fit, graphs, mlp
from onward.nets.layered import LayeredNet
from onward.pipeline.threads import fit_in_threads


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    torch.compiler.reset()
    counters.clear()
    yield
    torch.compiler.reset()


def _nets() -> dict[str, LayeredNet]:
    generator = torch.Generator().manual_seed(1)
    return {
        "perceptron": mlp(6, (5, 4, 3), 3, generator=generator).double(),
        "convolutional": cnn((2, 8, 8), 3, channels=(3, 4), generator=generator).double(),
    }


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["perceptron", "convolutional"])
def test_credit_is_what_it_was(name: str, backend: str) -> None:
    learner = MonoForward(_nets()[name])
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(7, *learner.net.shapes[0], generator=generator, dtype=torch.float64)
    y = torch.randint(3, (7,), generator=generator)
    importance = torch.rand(7, generator=generator, dtype=torch.float64)
    for weights in (None, importance):
        before = list(learner.credit(x, y, importance=weights))
        fresh = MonoForward(learner.net)
        fresh.load_state_dict(learner.state_dict())
        fresh.compile(backend=backend)
        for ours, theirs in zip(fresh.credit(x, y, importance=weights), before, strict=True):
            assert_close(ours.loss, theirs.loss, rtol=1e-12, atol=1e-12)
            assert list(ours.gradients) == list(theirs.gradients)
            for key, gradient in ours.gradients.items():
                assert_close(gradient, theirs.gradients[key], rtol=1e-11, atol=1e-12)


def test_every_block_is_compiled_whole_and_once() -> None:
    learner = MonoForward(_nets()["perceptron"])
    learner.compile(backend="aot_eager")
    x, y = torch.randn(7, 6, dtype=torch.float64), torch.randint(3, (7,))
    for _ in range(3):
        for _ in learner.credit(x, y):
            pass
    assert counters["stats"]["unique_graphs"] == 3
    assert not counters["graph_break"]


@pytest.mark.parametrize("threads", [1, 2])
def test_training_is_what_it_was(threads: int) -> None:
    data = datasets.digits(seed=0)
    recipe = Recipe(partial(torch.optim.SGD, lr=0.1), 2, batch=200)
    found = []
    for compiled in (False, True):
        learner = MonoForward(mlp(64, (16, 16), 10, generator=torch.Generator().manual_seed(1)))
        if compiled:
            learner.compile(backend="aot_eager")
        run = partial(fit_in_threads, threads=2) if threads == 2 else fit
        found.append([epoch.loss for epoch in run(learner, data, recipe, generator=torch.Generator().manual_seed(2))])
    assert_close(found[1], found[0], rtol=1e-5, atol=1e-6)
    assert counters["stats"]["unique_graphs"] >= 2


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
@pytest.mark.parametrize("engine", ["influence", "factored", "sparse"])
def test_gradient_of_a_mesh_is_what_it_was(engine: str, backend: str) -> None:
    generator = torch.Generator().manual_seed(1)
    topology = graphs.random(4, 9, 3, 0.4, generator=generator)
    net = MeshNet(topology, 3, hidden="tanh", generator=generator, dtype=torch.float64)
    x = torch.randn(7, 4, generator=generator, dtype=torch.float64)
    y = torch.randint(3, (7,), generator=generator)
    (before,) = ForwardOnly(net, engine=engine).credit(x, y)
    learner = ForwardOnly(net, engine=engine)
    learner.compile(backend=backend)
    for _ in range(2):
        (after,) = learner.credit(x, y)
        assert_close(after.loss, before.loss, rtol=1e-12, atol=1e-12)
        assert_close(after.gradients["net.weight"], before.gradients["net.weight"], rtol=1e-11, atol=1e-12)
    assert counters["stats"]["unique_graphs"] == (engine != "sparse")
    assert not counters["graph_break"]
