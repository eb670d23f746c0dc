"""The paper's own formulation: exact where it is exact, wrong where it is wrong, and repaired by one line."""

import pytest
import torch

from onward.kernels.activations import identity, relu
from onward.kernels.losses import cross_entropy
from onward.papers.mesh_neural_networks import numerical_test, published
from onward.papers.mesh_neural_networks.numerical_test import MESH, by_autograd, by_tensor, draw

INPUTS, OUTPUTS = MESH.inputs, MESH.outputs
FULL = slice(INPUTS, None)


def errors(ticks: int, seed: int = 0) -> dict[str, torch.Tensor]:
    case = draw(torch.Generator().manual_seed(seed), ticks)
    _, true = by_autograd(case)
    assert true.norm() > 1e-6
    _, wrong = by_tensor(case, published.algorithm_1, case.inputs)
    _, repaired = by_tensor(case, published.algorithm_1_repaired, case.inputs)
    return {"true": true, "published": wrong - true, "repaired": repaired - true}


@pytest.mark.parametrize("ticks", range(1, 7))
def test_repaired_algorithm_1_is_exact(ticks: int) -> None:
    found = errors(ticks)
    assert found["repaired"].norm() / found["true"].norm() < 1e-13


def test_published_algorithm_1_is_right_at_one_tick() -> None:
    found = errors(1)
    assert found["published"].norm() / found["true"].norm() < 1e-13


def test_at_two_ticks_only_weights_into_inputs_are_wrong() -> None:
    found = errors(2)
    assert found["published"][:, :INPUTS].norm() > 0.01 * found["true"].norm()
    assert found["published"][:, FULL].norm() / found["true"].norm() < 1e-13


def test_at_three_ticks_the_weights_that_leave_inputs_are_wrong_and_the_published_mask_hides_it() -> None:
    found = errors(3)
    assert found["published"][:INPUTS, FULL].norm() > 0.01 * found["true"].norm()
    assert found["published"][FULL, FULL].norm() / found["true"].norm() < 1e-13


@pytest.mark.parametrize("ticks", [4, 5, 6])
def test_from_four_ticks_on_all_weights_are_wrong(ticks: int) -> None:
    found = errors(ticks)
    assert found["published"][FULL, FULL].norm() > 0.001 * found["true"].norm()


def test_without_edges_into_inputs_algorithm_1_is_exact() -> None:
    """Why the authors' MNIST program is not affected: there no edge enters an input, and ReLU is flat at zero."""
    case = draw(torch.Generator().manual_seed(0), 5)
    case.a[:, :INPUTS] = 0
    _, true = by_autograd(case)
    _, found = by_tensor(case, published.algorithm_1, case.inputs)
    useful = (slice(None), FULL)
    assert (found[useful] - true[useful]).norm() / true.norm() < 1e-13


@pytest.mark.parametrize("ticks", range(1, 7))
def test_equation_17_is_exact_under_equation_3(ticks: int) -> None:
    case = draw(torch.Generator().manual_seed(1), ticks)
    state, true = by_autograd(case, clamped=False)
    start = torch.cat([case.inputs[0], torch.zeros(10, 13, dtype=torch.float64)], dim=1)
    found, derivative = published.equation_3(case.a, start, ticks, relu)
    _, error = cross_entropy(found[:, -OUTPUTS:], case.labels)
    torch.testing.assert_close(found, state)
    gradient = published.gradient(derivative, error)
    assert (gradient - true).norm() / true.norm() < 1e-13


def test_engines_equal_the_repaired_formulation() -> None:
    case = draw(torch.Generator().manual_seed(2), 4)
    state, repaired = by_tensor(case, published.algorithm_1_repaired, case.inputs)
    for engine in ("influence", "factored"):
        found_state, found = numerical_test.by_onward(case, engine, torch.float64)
        assert (found - repaired)[:, FULL].norm() / repaired.norm() < 1e-13
        torch.testing.assert_close(found_state, state, rtol=1e-12, atol=1e-12)
        assert (found[:, :INPUTS] == 0).all()


def test_worked_example_of_the_docs() -> None:
    """`docs/algorithm-1.md`: input x, hidden h and g, output y, identity activations; its numbers are checked here."""
    x, h, g, y = range(4)
    weights = {(x, h): 2.0, (h, g): 3.0, (g, y): 7.0, (x, y): 11.0, (h, x): 5.0}
    a = torch.zeros(4, 4, dtype=torch.float64)
    for edge, weight in weights.items():
        a[edge] = weight
    inputs = torch.ones(3, 1, 1, dtype=torch.float64)
    leaf, state = a.clone().requires_grad_(), torch.zeros(1, 4, dtype=torch.float64)
    for _ in range(3):
        state = torch.cat([inputs[0], state[:, 1:]], dim=1) @ leaf
    (true,) = torch.autograd.grad(state[0, y], leaf)
    found, stale = published.algorithm_1(a, inputs, identity)
    _, right = published.algorithm_1_repaired(a, inputs, identity)
    assert found[0, y].item() == state[0, y].item() == 53
    assert [true[edge].item() for edge in weights] == [21, 14, 6, 1, 0]
    assert [right[0, *edge, y].item() for edge in weights] == [21, 14, 6, 1, 0]
    assert [stale[0, *edge, y].item() for edge in weights] == [76, 14, 6, 1, 22]


def test_differences_of_the_numerical_test_are_what_they_claim() -> None:
    found = numerical_test.compare([100], lambda part: None, mesh=MESH, batch=10, ticks=3, trials=3)[0].metrics
    assert found["factored-64 relative"] < 1e-14
    assert found["influence-64 relative"] < 1e-14
    assert 1e-9 < found["factored-32 relative"] < 1e-5
    assert found["repaired relative"] < 1e-14
    assert found["published relative"] > 0.01
    assert found["published-useful relative"] > 1e-3
    assert found["published-masked relative"] < 1e-14
    assert found["equation-3 relative"] < 1e-14
    assert MESH.edges == 18 * 13
