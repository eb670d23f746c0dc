"""Every method gives the same gradient, and one that does not is noticed."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from onward import graphs
from onward.papers.mesh_neural_networks import naive
from onward.papers.mesh_neural_networks.gradient_costs import chosen_engine, costs
from onward.papers.mesh_neural_networks.gradients import MAKERS, Task, checked, jacobian, outputs_by_hand, reference, task
from tests.oracle import truth


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    with torch.compiler.set_stance("force_eager"):
        yield


def tasks(dtype: torch.dtype = torch.float64) -> dict[str, Task]:
    pruned = graphs.random(6, 9, 4, 0.4, generator=torch.Generator().manual_seed(0))
    return {
        "full": task(graphs.mesh(2, 5, 3), ticks=4, batch=6, seed=1, dtype=dtype),
        "pruned": task(pruned, ticks=3, batch=5, seed=2, dtype=dtype),
        "one tick": task(graphs.mesh(3, 2, 4), ticks=1, batch=7, seed=3, dtype=dtype),
    }


def right(given: Task) -> torch.Tensor:
    """By definition, through a dense adjacency matrix; shares nothing with the methods."""
    net = given.net
    found = truth(
        net.topology, net.weight.detach().double(), given.x.double(), given.y, net.ticks, hidden="relu", output="relu", loss="cross-entropy"
    )  # fmt: skip
    assert found.gradient.norm() > 1e-3
    return found.gradient


@pytest.mark.parametrize("kind", ["full", "pruned", "one tick"])
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


@pytest.mark.parametrize("kind", ["full", "pruned", "one tick"])
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
    for way in ("jacfwd", "jacrev", "backprop"):
        products = counted(MAKERS[way](given))
        assert 2 * products == pytest.approx(needs[way].flops, rel=0.4)
    assert counted(MAKERS["bptt"](given)) == counted(MAKERS["backprop"](given))
    assert chosen_engine(given) in needs
