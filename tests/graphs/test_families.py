"""Named graphs have the edges that their names promise."""

import numpy as np
import pytest
import torch

from onward import graphs
from onward.topology import Topology


def pairs(topology: Topology) -> set[tuple[int, int]]:
    return set(zip(topology.source.tolist(), topology.target.tolist(), strict=True))


def test_layered_feeds_the_next_layer_only() -> None:
    found = graphs.layered(2, [2, 1], 1)
    layers = {(0, 3), (1, 3), (0, 4), (1, 4), (3, 5), (4, 5), (5, 6)}
    assert pairs(found) == layers | {(2, k) for k in (3, 4, 5, 6)}
    assert pairs(graphs.layered(2, [2, 1], 1, bias=False)) == {(s - (s > 2), t - 1) for s, t in layers}


def test_layered_without_hidden_layers_is_a_linear_map() -> None:
    assert pairs(graphs.layered(2, [], 1, bias=False)) == {(0, 2), (1, 2)}


def test_recurrent_feeds_hidden_back_with_self_loops() -> None:
    found = graphs.recurrent(1, 2, 1, bias=False)
    assert pairs(found) == {(0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (2, 3)}


def test_cascade_feeds_everything_later() -> None:
    found = graphs.cascade(1, 3, 2, bias=False)
    n, outputs = 6, (4, 5)
    assert pairs(found) == {(s, t) for s in range(n) for t in range(1, n) if s < t and s not in outputs}


def test_mesh_is_full_but_for_edges_into_inputs() -> None:
    found = graphs.mesh(2, 3, 2)
    assert pairs(found) == {(s, t) for s in range(8) for t in range(3, 8)}
    assert found.density == 1


def test_paper_counts_its_parameters_differently() -> None:
    """The paper's "100" and "324" parameters include the 30 and 90 weights into inputs, which do nothing."""
    assert graphs.mesh(2, 5, 2).edges == 100 - 30
    assert graphs.mesh(4, 10, 3).edges == 324 - 90


@pytest.mark.parametrize(("density", "edges"), [(0.15, 798), (0.20, 1044)])
def test_random_keeps_the_papers_number_of_connections(density: float, edges: int, generator: torch.Generator) -> None:
    found = graphs.random(32, 50, 10, density, generator=generator)
    assert found.edges == edges
    assert len(found.blocks["bias-hidden"]) == 50
    assert len(found.blocks["bias-output"]) == 10
    assert "output-hidden" not in found.blocks


def test_random_takes_a_density_for_each_block_and_redraws_with_its_generator(generator: torch.Generator) -> None:
    density = {"input-hidden": 1.0, "hidden-hidden": 0.5, "output-hidden": 0.25, "hidden-output": 1.0}
    one = graphs.random(3, 4, 2, density, generator=generator, bias=False)
    sizes = {name: len(edges) for name, edges in one.blocks.items()}
    assert sizes == {"input-hidden": 12, "hidden-hidden": 8, "hidden-output": 8, "output-hidden": 2}
    assert one != graphs.random(3, 4, 2, density, generator=generator, bias=False)
    again = torch.Generator().manual_seed(0)
    assert one == graphs.random(3, 4, 2, density, generator=again, bias=False)


@pytest.mark.parametrize(
    ("density", "words"),
    [
        (1.5, "density of input-hidden must be between 0 and 1, got 1.5"),
        ({"hidden-hiden": 0.5}, "unknown block 'hidden-hiden'.*did you mean 'hidden-hidden'"),
    ],
)
def test_random_refuses_bad_densities(density: float | dict, words: str, generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match=words):
        graphs.random(2, 2, 2, density, generator=generator)


def test_sizes_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="features must be a whole number of at least 1, got 0"):
        graphs.mesh(0, 3, 2)
    with pytest.raises(ValueError, match=r"hidden must be at least 1, got \[3, 0\]"):
        graphs.layered(2, [3, 0], 2)
    for family in (graphs.mesh, graphs.cascade):
        with pytest.raises(ValueError, match="hidden must be a whole number of at least 0, got -1"):
            family(2, -1, 2)


def test_random_edges_are_spread_over_the_block(generator: torch.Generator) -> None:
    counts = np.zeros((6, 6))
    for _ in range(400):
        found = graphs.random(6, 6, 1, {"input-hidden": 0.25, "hidden-output": 1.0}, generator=generator, bias=False)
        counts += found.mask[:6, 6:12]
    assert counts.sum() == 400 * 9
    assert counts.min() > 60
    assert counts.max() < 145


def test_a_few_edges_of_a_huge_block_are_drawn_without_a_permutation_of_all(generator: torch.Generator) -> None:
    """Ten thousand million pairs; a permutation of them would take 80 GB."""
    topology = graphs.random(5, 100_000, 2, {"hidden-hidden": 1e-6, "input-hidden": 1e-4}, generator=generator, bias=False)
    assert topology.edges == 10_000 + 50
    assert len(np.unique(topology.source * topology.neurons + topology.target)) == topology.edges
    inner = topology.source >= 5
    assert 0.45 < (topology.target[inner] < 50_000).mean() < 0.55
    assert 0.45 < (topology.source[inner] < 50_000).mean() < 0.55


@pytest.mark.parametrize("rewired", [0.0, 0.1, 1.0])
def test_a_lattice_gives_every_neuron_eight_targets_one_input_and_one_output(rewired: float) -> None:
    topology = graphs.lattice(4, (5, 6), 3, generator=torch.Generator().manual_seed(1), rewired=rewired)
    inner = (topology.source >= 4) & (topology.target < 34)
    feeds = topology.target[inner].reshape(30, 8)
    assert (np.bincount(topology.source[inner], minlength=34)[4:] == 8).all()
    assert all(len(set(row)) == 8 for row in feeds.tolist())
    assert (np.bincount(topology.target[topology.source < 4], minlength=34)[4:] == 1).all()
    assert np.bincount(topology.source[topology.target >= 34], minlength=34)[4:].tolist() == [1] * 30
    sides = np.array([5, 6])
    apart = np.abs(np.stack(np.divmod(feeds - 4, 6), -1) - np.stack(np.divmod(np.arange(30), 6), -1)[:, None])
    far = (np.minimum(apart, sides - apart) > 1).any(-1).mean()
    assert far == 0 if rewired == 0 else 0.03 < far / rewired < 1


def test_a_lattice_that_is_none_is_refused() -> None:
    generator = torch.Generator()
    with pytest.raises(ValueError, match="both sides are at least 3, got 2 x 9"):
        graphs.lattice(4, (2, 9), 3, generator=generator)
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.5"):
        graphs.lattice(4, (3, 9), 3, generator=generator, rewired=1.5)
