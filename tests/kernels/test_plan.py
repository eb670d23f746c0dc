"""The plan counts what the engines do, and its choice is the cheaper one."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from onward import graphs
from onward.kernels import reach
from onward.kernels.plan import plan
from onward.learners.forward_only import ForwardOnly
from onward.nets.mesh import MeshNet

NETS = {
    "full": graphs.mesh(6, 30, 4),
    "outputs feed nobody": graphs.random(6, 30, 4, 0.5, generator=torch.Generator().manual_seed(0)),
    "inputs are free": graphs.from_mask(np.ones((12, 12)), range(4), [10, 11], clamped=False),
}


@pytest.mark.parametrize("engine", ["influence", "factored"])
@pytest.mark.parametrize("ticks", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("still", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_counted_flops_agree_with_torchs_counter_on_products(engine: str, ticks: int, still: bool, name: str) -> None:
    """Torch counts matrix products only; what the plan adds is elementwise work: no more than what is touched, or exactly that."""
    topology = NETS[name]
    if not topology.clamped and not still:
        pytest.skip("free inputs are given once")
    net = MeshNet(topology, ticks)
    x, y = torch.randn(8, *([] if still else [ticks]), topology.features), torch.zeros(8, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter:
        next(ForwardOnly(net, engine=engine).credit(x, y))
    products = counter.get_total_flops()
    live = int(reach.live(topology, ticks).sum())
    counted = plan(topology, ticks, 8, live=live, still=still).costs[engine].flops
    f, o, s = topology.free, topology.outputs, topology.speaking
    if engine == "influence":
        assert products <= counted <= products + 3 * 8 * live * ((ticks - 1) * f + o)
    else:
        assert counted == products + 8 * (sum(range(ticks - 1)) * s * s + (ticks - 1) * s + o)


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
