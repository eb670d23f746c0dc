"""What is derived of the products of a gradient is what is multiplied when it is run, to the last one."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from onward import graphs
from onward.kernels import pattern
from onward.kernels.dynamics import wiring_of
from onward.nets.cost import counted
from onward.papers.mesh_neural_networks.complexity import WAYS, sparse_mesh
from onward.papers.mesh_neural_networks.gradient_costs import live_edges
from onward.papers.mesh_neural_networks.gradient_tasks import Task, task
from onward.papers.mesh_neural_networks.gradients import MAKERS
from onward.papers.mesh_neural_networks.products import derived, into_outputs, walked
from onward.topology import Topology

PRUNED = graphs.random(6, 9, 4, 0.3, generator=torch.Generator().manual_seed(0))
LAST = PRUNED.inputs + PRUNED.hidden - 1
NETS = {
    "full": graphs.mesh(2, 5, 3),
    "pruned": PRUNED,
    "a hidden neuron feeds nobody": replace(PRUNED, source=PRUNED.source[PRUNED.source != LAST], target=PRUNED.target[PRUNED.source != LAST]),
    "of the experiment": sparse_mesh(0, hidden=12, edges=80),
}  # fmt: skip


def given(name: str, ticks: int, batch: int = 5) -> Task:
    return task(NETS[name], ticks=ticks, batch=batch, seed=1)


@pytest.mark.parametrize("ticks", [2, 3, 4, 7])
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("way", WAYS)
def test_products_that_are_derived_are_those_that_are_run(way: str, name: str, ticks: int) -> None:
    one = given(name, ticks)
    assert counted(MAKERS[way](one)) == derived(one)[way] > 0


def test_nets_differ_in_what_the_derivation_leaves_out() -> None:
    """Or the test above would not see it."""
    assert live_edges(given("pruned", 3)) < PRUNED.edges
    apart = {name: net.free - net.speaking - net.outputs for name, net in NETS.items()}
    assert apart == {"full": -3, "pruned": 0, "a hidden neuron feeds nobody": 1, "of the experiment": 0}


def test_up_to_three_ticks_factored_multiplies_as_much_as_backpropagation() -> None:
    for ticks, more in ((2, 0), (3, 0), (4, 1), (5, 3)):
        one = given("pruned", ticks)
        found = {way: counted(MAKERS[way](one)) for way in ("factored", "by_hand")}
        assert found["factored"] - found["by_hand"] == more * 5 * NETS["pruned"].speaking ** 3


@pytest.mark.parametrize("ticks", [2, 3, 6])
@pytest.mark.parametrize("name", NETS)
def test_walks_that_meet_go_on_as_one(name: str, ticks: int) -> None:
    """Counted as the sparse engine lays them out."""
    found = pattern.count(wiring_of(NETS[name]), ticks)
    assert found.exact
    pushed = sum((ticks - 1 - hop) * products for hop, (products, _) in enumerate(found.hops))
    assert walked(NETS[name], ticks) == pushed + sum(entries for _, entries in found.hops[1:])
    assert into_outputs(NETS[name]) == found.outward


def test_walks_of_a_full_mesh_have_a_closed_form() -> None:
    f, ticks = 7, 5
    assert walked(graphs.mesh(3, 5, 2), ticks) == (
        (ticks - 2) * f**2 + (ticks - 3) * (ticks - 2) // 2 * f**3 + (ticks - 2) * f**2
    )


def test_walks_of_a_chain_are_followed_one_by_one() -> None:
    """Of free neurons 0 feeds 1 and 2, 1 feeds 2, and 2 the output."""
    chain = Topology(1, 3, 1, np.array([0, 1, 2, 3, 1]), np.array([1, 2, 3, 4, 3]))
    pushed = 3 * 3 + 2 * 1  # three edges at hop 1, taken at three ticks; 0 -> 1 -> 2 at hop 2, taken at two
    assert walked(chain, 5) == pushed + 3 + 1  # and the pairs that these have made
    assert into_outputs(chain) == 1


def test_nothing_is_derived_of_one_tick() -> None:
    with pytest.raises(ValueError, match="products are derived for 2 ticks or more, got 1"):
        derived(given("full", 1))
