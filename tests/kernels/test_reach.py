"""Which edges are live: none that matters is left out, and none that cannot matter is counted."""

from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from onward import graphs
from onward.kernels import reach
from onward.topology import Topology
from tests.oracle import truth


def random_graph(seed: int, *, clamped: bool, density: float) -> Topology:
    mask = np.random.default_rng(seed).random((9, 9)) < density
    mask[:, : 3 * clamped] = False
    return Topology(3, 4, 2, *np.nonzero(mask), bias=seed % 2 == 0, clamped=clamped)


def reaching_graph(seed: int, ticks: int, *, clamped: bool, density: float) -> Topology:
    """The first random graph from a seed on in which an input reaches every output within some ticks."""
    drawn = (random_graph(seed + more, clamped=clamped, density=density) for more in count())
    return next(topology for topology in drawn if missed(topology, ticks) is None)


def moved(topology: Topology, ticks: int, activation: str, *, every_tick: bool, from_zero: bool = True) -> np.ndarray:
    """The edges whose gradient is not zero for random smooth nets and data: the ones that can matter."""
    found = np.zeros(topology.edges, dtype=bool)
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        weight = torch.randn(topology.edges, generator=generator, dtype=torch.float64)
        x = torch.randn(4, topology.features, generator=generator, dtype=torch.float64)
        y = torch.randn(4, 2, generator=generator, dtype=torch.float64)
        initial = None if from_zero else torch.randn(4, topology.free, generator=generator, dtype=torch.float64)
        true = truth(
            topology, weight, x, y, ticks, hidden=activation, output=activation, loss="mean squared error",
            every_tick=every_tick, initial=initial,
        )  # fmt: skip
        found |= (true.gradient != 0).numpy()
    return found


@given(
    st.integers(0, 10**6),
    st.booleans(),
    st.sampled_from([0.15, 0.3, 0.6]),
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
)
def test_live_edges_are_just_those_with_a_gradient(
    seed: int, clamped: bool, density: float, ticks: int, every_tick: bool, from_zero: bool
) -> None:
    topology = random_graph(seed, clamped=clamped, density=density)
    for activation, silent in (("tanh", True), ("sigmoid", False)):
        live = reach.live(topology, ticks, silent_at_zero=silent, from_zero=from_zero, every_tick=every_tick)
        found = moved(topology, ticks, activation, every_tick=every_tick, from_zero=from_zero)
        np.testing.assert_array_equal(live, found)


@pytest.mark.parametrize(("density", "ticks", "mean"), [(0.15, 2, 366), (0.20, 2, 505), (0.15, 3, 725), (0.20, 3, 990)])
def test_of_the_papers_connections_so_many_are_live(
    density: float, ticks: int, mean: int, generator: torch.Generator
) -> None:
    """Of 798 and 1044 connections about 366 and 505 act at 2 updates, 725 and 990 at 3."""
    counts = [reach.live(graphs.random(32, 50, 10, density, generator=generator), ticks).sum() for _ in range(60)]
    assert np.mean(counts) == pytest.approx(mean, rel=0.02)


@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.1, 0.2, 0.4]), st.booleans())
def test_on_streams_edges_are_live_that_are_so_for_some_number_of_ticks(
    seed: int, clamped: bool, density: float, silent: bool
) -> None:
    topology = random_graph(seed, clamped=clamped, density=density)
    long = 2 * topology.neurons
    every = reach.live(topology, long, silent_at_zero=silent, every_tick=True)
    np.testing.assert_array_equal(reach.live_on_streams(topology, silent_at_zero=silent), every)
    active = reach.active(topology, long, silent_at_zero=silent).any(0)
    np.testing.assert_array_equal(reach.ever_active(topology, silent_at_zero=silent), active)


def test_distances_leave_the_bias_out() -> None:
    assert reach.distances(graphs.layered(2, [3, 3], 2)) == [3, 3]
    assert reach.distances(graphs.mesh(2, 3, 2)) == [1, 1]
    cut = Topology(2, 1, 2, np.array([0, 1, 1]), np.array([2, 2, 4]), bias=True)
    assert reach.distances(cut) == [None, None]


@pytest.mark.parametrize(
    ("topology", "ticks", "words"),
    [
        (graphs.layered(2, [3, 3], 2), 2, "no input can reach output 0 within 2 ticks: the shortest path takes 3"),
        (graphs.layered(2, [3], 2), 1, "within 1 tick: the shortest path takes 2"),
        (Topology(1, 1, 1, np.array([0]), np.array([1])), 5, "reach output 0 within 5 ticks: there is no path to it"),
        (
            graphs.from_mask(np.triu(np.ones((3, 3)), 1) - np.eye(3, k=2), [0], [2], clamped=False),
            3,
            "free inputs speak only once, and no path to it has exactly that length",
        ),
    ],
)
def test_outputs_out_of_reach_are_refused(topology: Topology, ticks: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        reach.check_outputs(topology, ticks)
    reach.check_outputs(graphs.mesh(2, 3, 2), 1)


def test_the_bias_is_no_input_that_reaches() -> None:
    only_bias = Topology(2, 0, 1, np.array([1]), np.array([2]), bias=True)
    with pytest.raises(ValueError, match="there is no path"):
        reach.check_outputs(only_bias, 4)


def missed(topology: Topology, ticks: int) -> int | None:
    """The first output out of reach, following every tick."""
    arrived = np.zeros(topology.neurons, dtype=bool)
    arrived[: topology.features] = True
    for _ in range(ticks):
        arrived = topology.mask.T @ arrived
        if topology.clamped:
            arrived[: topology.features] = True
    out = np.flatnonzero(~arrived[-topology.outputs :])
    return int(out[0]) if out.size else None


@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.05, 0.1, 0.15, 0.3]), st.integers(1, 40))
def test_outputs_out_of_reach_are_those_of_following_every_tick(
    seed: int, clamped: bool, density: float, ticks: int
) -> None:
    topology = random_graph(seed, clamped=clamped, density=density)
    first = missed(topology, ticks)
    if first is None:
        reach.check_outputs(topology, ticks)
    else:
        with pytest.raises(ValueError, match=f"no input can reach output {first} within {ticks} tick"):
            reach.check_outputs(topology, ticks)


def test_many_ticks_are_not_followed_once_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter(range(10))
    zeros_like = np.zeros_like
    monkeypatch.setattr(np, "zeros_like", lambda array: (next(left), zeros_like(array))[1])
    reach.check_outputs(graphs.mesh(2, 3, 2), 10**12)
    reach.check_outputs(graphs.from_mask(np.ones((4, 4)), [0, 1], [3], clamped=False), 10**12)


def width_of_paths(topology: Topology, ticks: int, strength: np.ndarray, kept: np.ndarray) -> list[float]:
    """For each output, how strong the weakest edge can be of a walk from an input, found by trying thresholds."""
    found = []
    for output in range(topology.outputs):
        widths = [-np.inf]
        for least in np.unique(strength[kept]):
            some = kept & (strength >= least)
            fewer = Topology(
                topology.inputs, topology.hidden, topology.outputs, topology.source[some], topology.target[some],
                bias=topology.bias, clamped=topology.clamped,
            )  # fmt: skip
            arrived = np.zeros(topology.neurons, dtype=bool)
            arrived[: topology.features] = True
            for _ in range(ticks):
                arrived = fewer.mask.T @ arrived
                if topology.clamped:
                    arrived[: topology.features] = True
            if arrived[topology.neurons - topology.outputs + output]:
                widths.append(float(least))
        found.append(max(widths))
    return found


@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([0.3, 0.6, 1.0]), st.integers(1, 4))
def test_the_widest_paths_reach_every_output_and_none_is_wider(
    seed: int, clamped: bool, density: float, ticks: int
) -> None:
    topology = reaching_graph(seed, ticks, clamped=clamped, density=density)
    strength = np.random.default_rng(seed).random(topology.edges)
    path = reach.widest(topology, ticks, strength)
    assert path.sum() <= ticks * topology.outputs
    every = np.ones(topology.edges, dtype=bool)
    assert width_of_paths(topology, ticks, strength, path) == width_of_paths(topology, ticks, strength, every)


@given(st.integers(0, 10**6), st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0.08, 0.15, 0.3]))
def test_many_ticks_are_followed_as_if_every_one_were(
    seed: int, clamped: bool, silent: bool, every_tick: bool, density: float
) -> None:
    """Sets of neurons by products with the adjacency matrix, a tick at a time."""
    topology, ticks = random_graph(seed, clamped=clamped, density=density), 40
    feeds = topology.mask
    inputs = np.arange(topology.neurons) < topology.inputs
    says, hears = [inputs], [np.arange(topology.neurons) >= topology.neurons - topology.outputs]
    for _ in range(ticks):
        says.append((says[-1] @ feeds) | (inputs & clamped))
        if not silent:
            says[-1] |= np.arange(topology.neurons) >= topology.fixed
        hears.append(feeds @ hears[-1])
    np.testing.assert_array_equal(reach.active(topology, ticks, silent_at_zero=silent), says)
    np.testing.assert_array_equal(reach.influential(topology, ticks), hears)
    found = np.zeros(topology.edges, dtype=bool)
    for tick in range(ticks):
        left = ticks - 1 - tick
        to = np.any(hears[: left + 1], axis=0) if every_tick else hears[left]
        found |= says[tick][topology.source] & to[topology.target]
    np.testing.assert_array_equal(reach.live(topology, ticks, silent_at_zero=silent, every_tick=every_tick), found)


def test_many_ticks_are_followed_no_further_than_until_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    lattice = graphs.lattice(3, (4, 4), 2, generator=torch.Generator().manual_seed(0))
    walked = []

    class Counted(np.ndarray):
        def __getitem__(self, key: Any) -> Any:
            walked.append(1)
            return np.asarray(self)[key]

    after = lattice.target.view(Counted)
    found = reach.followed(np.arange(lattice.neurons) < 3, lattice.source, after, 10_000)
    assert found.shape == (10_001, lattice.neurons)
    assert found[-1].any()
    assert len(walked) < 20
