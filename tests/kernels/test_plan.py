"""The plan counts what the engines do, and its choice is the cheaper one."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from onward import graphs
from onward.kernels import reach
from onward.kernels.plan import plan
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet


@pytest.mark.parametrize("engine", ["influence", "factored"])
@pytest.mark.parametrize("ticks", [1, 2, 3, 4, 6])
def test_counted_flops_agree_with_torchs_counter_on_products(engine: str, ticks: int) -> None:
    """Torch counts matrix products only; what the plan adds is elementwise work, at most a few times what is carried."""
    net = MeshNet(graphs.mesh(6, 30, 4), ticks)
    x, y = torch.randn(8, 6), torch.zeros(8, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        next(ForwardOnly(net, engine=engine).credit(x, y))
    live = int(reach.live(net.topology, ticks).sum())
    counted = plan(net.topology, ticks, 8, live=live).costs[engine].flops
    e, f, o = live, net.topology.free, net.topology.outputs
    elementwise = 3 * 8 * e * ((ticks - 1) * f + o) if engine == "influence" else 2 * 8 * ticks**2 * f * f
    assert counter.get_total_flops() <= counted <= counter.get_total_flops() + elementwise


def test_few_ticks_are_for_the_factored_engine_and_many_for_influence() -> None:
    topology = graphs.random(20, 40, 5, 0.05, generator=torch.Generator().manual_seed(0))
    assert plan(topology, 3, 32).engine == "factored"
    assert plan(topology, 400, 32).engine == "influence"


def test_bytes_of_influence_do_not_grow_with_the_ticks() -> None:
    topology = graphs.mesh(4, 10, 3)
    few, many = (plan(topology, ticks, 32) for ticks in (3, 1000))
    assert few.costs["influence"].bytes == many.costs["influence"].bytes == 2 * 4 * 32 * topology.edges * topology.free
    assert many.costs["factored"].bytes > 100 * few.costs["factored"].bytes
    assert plan(topology, 3, 32, itemsize=8).costs["factored"].bytes == 2 * few.costs["factored"].bytes


def test_published_formulation_has_the_size_that_its_authors_paid_for() -> None:
    """93 neurons, batch 32, float64: 206 MB for one tensor of derivatives."""
    published = plan(graphs.mesh(32, 50, 10), 3, 32, itemsize=8).others["as published (N x N x N)"]
    assert published.bytes == 2 * 32 * 93**3 * 8
    assert published.bytes / 2 == pytest.approx(206e6, rel=0.01)
