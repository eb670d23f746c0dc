"""Every method gives the same gradient, and one that does not is noticed."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from onward import graphs
from onward.kernels import forward_only
from onward.kernels.plan import SLOWER, Cost, plan
from onward.papers.mesh_neural_networks import naive
from onward.papers.mesh_neural_networks.automatic import jacobian, outputs_by_hand
from onward.papers.mesh_neural_networks.gradient_costs import chosen_engine, costs, dense_engine, fits, live_edges
from onward.papers.mesh_neural_networks.gradient_tasks import Task, task
from onward.papers.mesh_neural_networks.gradients import MAKERS, OURS, checked, reference
from tests.oracle import truth


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    with torch.compiler.set_stance("force_eager"):
        yield


def tasks(dtype: torch.dtype = torch.float64) -> dict[str, Task]:
    pruned = graphs.random(6, 9, 4, 0.4, generator=torch.Generator().manual_seed(0))
    speaks = pruned.source != pruned.inputs + pruned.hidden - 1
    silent = replace(pruned, source=pruned.source[speaks], target=pruned.target[speaks])
    return {
        "full": task(graphs.mesh(2, 5, 3), ticks=4, batch=6, seed=1, dtype=dtype),
        "pruned": task(pruned, ticks=3, batch=5, seed=2, dtype=dtype),
        "one tick": task(graphs.mesh(3, 2, 4), ticks=1, batch=7, seed=3, dtype=dtype),
        "two ticks": task(graphs.mesh(3, 4, 2), ticks=2, batch=7, seed=4, dtype=dtype),
        "a hidden neuron feeds nobody": task(silent, ticks=5, batch=6, seed=5, dtype=dtype),
    }


KINDS = tuple(tasks())


def right(given: Task) -> torch.Tensor:
    """By definition, through a dense adjacency matrix; shares nothing with the methods."""
    net = given.net
    found = truth(
        net.topology, net.weight.detach().double(), given.x.double(), given.y, net.ticks, hidden="relu", output="relu", loss="cross-entropy"
    )  # fmt: skip
    assert found.gradient.norm() > 1e-3
    return found.gradient


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", sorted(MAKERS))
def test_every_method_gives_the_gradient(way: str, kind: str) -> None:
    given = tasks()[kind]
    step = MAKERS[way](given)
    tolerance = 1e-5 if way == "numpy_single" else 1e-12
    for _ in range(2):
        assert_close(step().double(), right(given), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("way", sorted(MAKERS))
def test_every_method_works_in_single_precision_but_numpys_own(way: str) -> None:
    given = tasks(torch.float32)["pruned"]
    found = MAKERS[way](given)()
    assert found.dtype == (torch.float64 if way == "numpy" else torch.float32)
    assert checked(way, found, reference(given)) < 1e-5


def test_numpy_keeps_the_dtype_of_its_weights_and_leaves_its_arguments_alone() -> None:
    given = tasks()["full"]
    for dtype in (np.float32, np.float64):
        a, x, y = (
            given.net.topology.adjacency(given.net.weight).astype(dtype),
            given.x.numpy().astype(dtype),
            given.y.numpy(),
        )
        before = a.copy(), x.copy(), y.copy()
        assert naive.gradient(a, x, y, outputs=3, ticks=4).dtype == dtype
        assert all((old == new).all() for old, new in zip(before, (a, x, y), strict=True))


@pytest.mark.parametrize("transform", [torch.func.jacfwd, torch.func.jacrev])
def test_the_jacobian_that_is_met_with_the_error_is_that_of_the_engines(transform: Any) -> None:
    from onward.learners.forward_only import ForwardOnly

    given = tasks()["pruned"]
    ours = ForwardOnly(given.net).jacobian(given.x)
    run = outputs_by_hand(given.net)
    theirs = torch.func.vmap(partial(transform)(run), in_dims=(None, 0))(given.net.weight.detach(), given.x)
    assert_close(theirs, ours, rtol=1e-12, atol=1e-12)
    assert_close(jacobian(given, transform=transform)(), right(given), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_run_by_hand_is_that_of_the_net_for_a_batch_and_for_one_example(kind: str) -> None:
    given = tasks()[kind]
    run, weight = outputs_by_hand(given.net), given.net.weight.detach()
    assert_close(run(weight, given.x), given.net(given.x).detach())
    assert_close(run(weight, given.x[0]), given.net(given.x)[0].detach())


def test_a_wrong_gradient_is_refused_by_name() -> None:
    found = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)
    assert checked("mine", found, found) == 0
    assert checked("mine", (found + 1e-5).float(), found) > 1e-6
    with pytest.raises(
        ValueError, match="the gradient of mine differs from backpropagation's by 1.0e[+]00 of its norm, allowed are 1e-10"
    ):
        checked("mine", 2 * found, found)
    with pytest.raises(ValueError, match="allowed are 0.0001"):
        checked("mine", (found * 1.001).float(), found)
    with pytest.raises(ValueError, match="by nan"):
        checked("mine", found * float("nan"), found)


def test_a_gradient_of_zero_is_nothing_to_check_by() -> None:
    given = tasks()["full"]
    with pytest.raises(ValueError, match="whose norm is 0.0"):
        reference(Task(given.net.with_weight(0 * given.net.weight.detach()), given.x, given.y))


def test_what_is_counted_beforehand_is_about_what_is_run() -> None:
    """Products of the Jacobians of automatic differentiation, on a net where they outweigh the rest."""
    from onward.nets.cost import counted

    given = task(graphs.mesh(20, 20, 10), ticks=4, batch=3, seed=0)
    needs = costs(given)
    assert set(needs) >= set(MAKERS) - {"chosen"}
    for way in ("jacfwd", "jacfwd_of_loss", "jacrev", "backprop", "by_hand"):
        products = counted(MAKERS[way](given))
        assert 2 * products == pytest.approx(needs[way].flops, rel=0.4)
    assert counted(MAKERS["bptt"](given)) == counted(MAKERS["backprop"](given))
    assert needs["compiled"] == needs[dense_engine(given)]


def test_backpropagation_by_hand_asks_nothing_of_autograd(monkeypatch: pytest.MonkeyPatch) -> None:
    """It saves nothing for a sweep that autograd would make, and calls none; the same by autograd does both."""
    given = tasks()["full"]
    by_hand, recorded = MAKERS["by_hand"](given), MAKERS["bptt"](given)
    saved: list[torch.Tensor] = []

    def noted(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor)
        return tensor

    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(noted, lambda tensor: tensor):
        recorded()
        assert saved
        saved.clear()
        monkeypatch.setattr(torch.autograd, "grad", lambda *a, **k: pytest.fail("autograd was called"))
        assert not by_hand().requires_grad
        assert not saved


def test_backpropagation_by_hand_leaves_everything_as_it_was() -> None:
    given = tasks()["pruned"]
    before = given.net.weight.detach().clone(), given.x.clone(), given.y.clone()
    step = MAKERS["by_hand"](given)
    assert torch.equal(step(), step())
    assert all(torch.equal(old, new) for old, new in zip(before, (given.net.weight, given.x, given.y), strict=True))
    assert given.net.weight.grad is None


@pytest.mark.parametrize("ticks", [3, 40])
def test_the_engine_that_is_named_is_the_one_that_is_run(ticks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a mesh with dead edges, which the influence engine leaves out."""
    taken = []
    for name, engine in list(forward_only.ENGINES.items()):
        watched = engine._replace(
            propagate=lambda *a, engine=engine, **k: taken.append(engine.name) or engine.propagate(*a, **k)
        )
        monkeypatch.setitem(forward_only.ENGINES, name, watched)
    mesh = graphs.random(20, 12, 3, 0.1, generator=torch.Generator().manual_seed(1))
    given = task(mesh, ticks=ticks, batch=4, seed=0)
    assert live_edges(given) < mesh.edges
    assert costs(given)["influence"].flops < plan(mesh, ticks, 4, static=True).costs["influence"].flops
    MAKERS["chosen"](given)()
    assert taken == [chosen_engine(given)] == ["factored" if ticks == 3 else "influence"]


def test_what_the_sparse_engine_multiplies_counts_more_often_towards_a_limit() -> None:
    needs = Cost(100, 8)
    assert fits("factored", needs, 100, 8)
    assert not fits("factored", needs, 99, 8)
    assert not fits("factored", needs, 100, 7)
    assert fits("sparse", needs, 100 * SLOWER, 8)
    assert not fits("sparse", needs, 100 * SLOWER - 1, 8)
    assert set(OURS) == set(forward_only.ENGINES)
