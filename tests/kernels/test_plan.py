"""The plan counts what the engines do, and its choice is the cheapest."""

import re
import time

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from onward import graphs
from onward.kernels import losses, reach
from onward.kernels.plan import plan, si
from onward.learners.forward_only import ForwardOnly
from onward.meters.over_time import course
from onward.nets.mesh import MeshNet

NETS = {
    "full": graphs.mesh(6, 30, 4),
    "outputs feed nobody": graphs.random(6, 30, 4, 0.5, generator=torch.Generator().manual_seed(0)),
    "inputs are free": graphs.from_mask(np.ones((12, 12)), range(4), [10, 11], clamped=False),
}


@pytest.mark.parametrize("engine", ["influence", "factored"])
@pytest.mark.parametrize("ticks", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("every_tick", [False, True])
@pytest.mark.parametrize("name", NETS)
def test_counted_flops_agree_with_torchs_counter_on_products(
    engine: str, ticks: int, static: bool, every_tick: bool, name: str
) -> None:
    """Torch counts matrix products only; what the plan adds is elementwise work: no more than what is touched, or exactly that."""
    topology = NETS[name]
    if not topology.clamped and not static:
        pytest.skip("free inputs are given once")
    net = MeshNet(topology, ticks)
    x, y = torch.randn(8, *([] if static else [ticks]), topology.features), torch.zeros(8, dtype=torch.int64)
    loss = losses.every_tick(losses.cross_entropy) if every_tick else losses.cross_entropy
    with FlopCounterMode(display=False) as counter:
        next(ForwardOnly(net, loss, engine=engine).credit(x, y))
    products = counter.get_total_flops()
    live = int(reach.live(topology, ticks, every_tick=every_tick).sum())
    counted = plan(topology, ticks, 8, live=live, static=static, every_tick=every_tick).costs[engine].flops
    f, o, s = topology.free, topology.outputs, topology.speaking
    if engine == "influence":
        assert products <= counted <= products + 3 * 8 * live * ((ticks - 1) * f + o)
    else:
        read = range(ticks) if every_tick else [ticks - 1]  # each of which scales what it reached
        assert counted == products + 8 * (sum(range(2, ticks - 1)) * s * s + sum(earlier * s + o for earlier in read))


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


def test_a_plan_says_why_by_how_much_and_what_stands_beside() -> None:
    found = plan(graphs.mesh(5, 40, 3), 3, 16)
    assert found.engine == "factored"
    laid_out = 200 * found.entries
    much = (laid_out + found.costs["influence"].flops) / (laid_out + found.costs["factored"].flops)
    assert found.why.startswith("the least work; sparse takes ")
    assert f"; influence takes {round(much)} times as much; " in found.why
    assert found.why.endswith("a FLOP of sparse counts 16 times, its start 10 MFLOP, and an entry of a dense matrix 200")
    head, why, carried, beside = str(found).splitlines()
    assert head == f"Plan of a gradient of 16 examples in 3 ticks: factored, {si(found.costs['factored'].flops)}FLOP"
    assert why == f"why: {found.why}"
    assert carried == f"carried at a time: {si(found.costs['factored'].bytes)}B, not cut"
    there = found.standing["factored"]
    assert beside.startswith(f"beside it: {si(there.total)}B (graph {si(40 * 2107)}B, weights ")
    assert found.needed == found.costs["factored"].bytes + there.graph + there.weights + there.working
    assert str(plan(graphs.mesh(5, 40, 3), 1, 1)).startswith("Plan of a gradient of 1 example in 1 tick: ")


def test_a_plan_says_how_it_is_cut_and_what_cannot_be() -> None:
    cut = plan(graphs.mesh(5, 40, 3), 4, 16, budget=10_000, threads=2)
    assert cut.engine == "influence"
    assert cut.why == "the only one that fits; factored and sparse cannot be cut to fit 10 kB"
    parts = cut.parts["influence"]
    assert cut.cut("influence") == f"1 of 16 examples at a time, {parts.edges} of 2107 edges at a time, on 2 threads"
    assert f"B, {cut.cut('influence')}\n" in str(cut)
    some = plan(graphs.mesh(5, 40, 3), 3, 16, live=100, budget=500_000)
    assert some.cut("influence") == f"{some.parts['influence'].examples} of 16 examples at a time"


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("batch", [1, 4, 9])
@pytest.mark.parametrize("nets", [1, 5])
def test_the_budget_that_is_named_does(threads: int, batch: int, nets: int) -> None:
    mesh = graphs.mesh(20, 60, 5)
    given: dict = {"threads": threads, "nets": nets, "live": mesh.edges // 2}
    cut = plan(mesh, 8, batch, budget=60_000, **given)
    assert cut.engine == "influence"
    assert cut.advice is not None
    (named,) = (int(number.replace(",", "")) for number in re.findall(r"one of ([\d,]+) bytes", cut.advice))
    enough = plan(mesh, 8, batch, budget=named, **given)
    assert f"times the work of {enough.engine}, which one of" in cut.advice
    assert enough.engine != "influence"
    assert enough.advice is None
    assert enough.costs[enough.engine].bytes <= named
    with pytest.raises(ValueError, match="takes at least") as refused:
        plan(mesh, 8, batch, budget=1000, engine="factored", **given)
    (least,) = (int(number) for number in re.findall(r"at least (\d+)", str(refused.value)))
    assert plan(mesh, 8, batch, budget=least, engine="factored", **given).costs["factored"].bytes == least
    with pytest.raises(ValueError, match="takes at least"):
        plan(mesh, 8, batch, budget=least - 1, engine="factored", **given)


def test_nets_side_by_side_are_planned_within_one_budget() -> None:
    mesh = graphs.mesh(5, 40, 3)
    one, five = plan(mesh, 4, 8), plan(mesh, 4, 8, nets=5)
    for name in one.costs:
        assert five.costs[name].bytes == 5 * one.costs[name].bytes
        assert five.work(name) == 5 * one.work(name)
    assert five.standing["factored"].graph == one.standing["factored"].graph
    assert five.standing["factored"].weights == 5 * one.standing["factored"].weights
    stack = MeshNet.stack([MeshNet(graphs.mesh(20, 60, 5), 8) for _ in range(5)])
    learner = ForwardOnly(stack).within(300_000)
    with pytest.warns(UserWarning, match="a budget of 300,000 bytes takes influence, .* one of 1,"):
        next(learner.credit(torch.zeros(5, 1, 20), torch.zeros(5, 1, dtype=torch.int64)))


def test_a_long_sequence_is_planned_at_once() -> None:
    begun = time.perf_counter()
    plan(graphs.recurrent(1, 12, 1), 20_000, 4, every_tick=True, budget=10**8)
    plan(graphs.recurrent(1, 12, 1), 10**8, 4)
    assert time.perf_counter() - begun < 2


def test_a_budget_that_leaves_an_engine_of_far_more_work_is_told_what_would_do() -> None:
    topology = graphs.lattice(5, (12, 12), 3, generator=torch.Generator().manual_seed(0))
    least = plan(topology, 5, 4).costs["sparse"].bytes
    cut = plan(topology, 5, 4, budget=200_000)
    assert cut.engine == "influence"
    wanted = cut.costs["sparse"].bytes
    assert wanted < least, "of one example"
    times = round(cut.work("influence") / cut.work("sparse"))
    assert cut.advice is not None
    assert cut.advice.startswith(
        f"a budget of 200,000 bytes takes influence, at {si(times).strip()} times the work of sparse, which one of {wanted:,} bytes would take"
    )
    assert str(cut).endswith(f"\nbut: {cut.advice}")
    enough = plan(topology, 5, 4, budget=wanted)
    assert (enough.engine, enough.advice) == ("sparse", None)
    assert plan(topology, 5, 4, budget=200_000, engine="influence").advice is None
    learner = ForwardOnly(MeshNet(topology, 5)).within(200_000)
    with pytest.warns(UserWarning, match="takes influence"):
        next(learner.credit(torch.zeros(4, 5), torch.zeros(4, dtype=torch.int64)))


def test_what_is_no_plan_is_refused_in_a_sentence() -> None:
    mesh = graphs.mesh(2, 5, 2)
    with pytest.raises(ValueError, match="no more edges can be live than there are, 70, got 71"):
        plan(mesh, 3, 8, live=71)
    with pytest.raises(ValueError, match="unknown engine 'fast', expected one of influence, factored, sparse"):
        plan(mesh, 3, 8, engine="fast")
    with pytest.raises(ValueError, match="ticks must be a whole number of at least 1, got 0"):
        plan(mesh, 0, 8)
    with pytest.raises(ValueError, match="batch must be a whole number of at least 1, got 0"):
        plan(mesh, 3, 0)
    with pytest.raises(ValueError, match="threads must be a whole number of at least 1, got 0"):
        plan(mesh, 3, 8, threads=0)


def test_an_engine_that_was_asked_for_is_not_said_to_be_the_least_work() -> None:
    asked = plan(graphs.mesh(5, 40, 3), 3, 16, engine="influence")
    assert asked.why.startswith("asked for; factored takes 0.")
    assert asked.engine == "influence"


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 "), (206, "206 "), (999, "999 "), (1000, "1 k"), (999_499, "999 k"), (999_501, "1 M"), (3_112_000, "3.11 M")],
)
def test_counts_are_written_to_three_digits(count: int, words: str) -> None:
    assert si(count) == words


@pytest.mark.parametrize(("ticks", "matrices"), [(3, 0), (4, 2)])
def test_factored_writes_a_matrix_an_example_from_the_fourth_tick_on(ticks: int, matrices: int) -> None:
    net = MeshNet(graphs.mesh(6, 60, 4), ticks)
    x, y = torch.randn(50, 6), torch.zeros(50, dtype=torch.int64)
    learner = ForwardOnly(net, engine="factored")
    one = 4 * 50 * net.topology.speaking**2
    followed = course(lambda mark: next(learner.credit(x, y)), [net.weight, *net.buffers(), x, y])
    assert matrices * one <= followed.peak - followed.standing < (matrices + 0.5) * one


@pytest.mark.parametrize("engine", ["influence", "factored", "sparse"])
@pytest.mark.parametrize("ticks", [2, 4])
def test_what_is_said_to_be_needed_is_about_what_lives_at_its_most(
    engine: str, ticks: int, generator: torch.Generator
) -> None:
    if engine == "sparse":
        topology = graphs.lattice(5, (40, 50), 3, generator=generator, rewired=0.1)
    else:
        topology = graphs.mesh(20, 60, 5)
    net = MeshNet(topology, ticks, generator=generator)
    x, y = torch.randn(16, topology.features, generator=generator), torch.zeros(16, dtype=torch.int64)
    learner = ForwardOnly(net, engine=engine)
    if engine != "sparse":
        next(learner.credit(x, y))  # plans, once
    followed = course(lambda mark: next(learner.credit(x, y)), [net.weight, *net.buffers(), x, y])
    lives = followed.peak + topology.source.nbytes + topology.target.nbytes
    live = int(reach.live(topology, ticks).sum())
    needed = plan(topology, ticks, 16, live=live, engine=engine).needed
    assert lives <= 1.1 * needed
    assert needed <= 2.5 * lives
