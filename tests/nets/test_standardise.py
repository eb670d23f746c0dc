import pytest
import torch

from onward.nets.standardise import Standardise

X = torch.tensor([[1.0, 7.0], [3.0, 7.0], [8.0, 7.0]], dtype=torch.float64)


def test_columns_get_mean_0_and_deviation_1_and_constant_ones_keep_their_scale() -> None:
    found = Standardise.of(X)
    z = found.apply(X)
    torch.testing.assert_close(z.mean(0), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(z[:, 0].std(correction=0), torch.tensor(1.0, dtype=torch.float64))
    assert found.scale[1] == 1
    torch.testing.assert_close(found.undo(z), X)


def test_a_weight_of_two_is_the_example_twice() -> None:
    weighted = Standardise.of(X, torch.tensor([1.0, 2.0, 0.0], dtype=torch.float64))
    repeated = Standardise.of(X[[0, 1, 1]])
    torch.testing.assert_close(weighted.shift, repeated.shift)
    torch.testing.assert_close(weighted.scale, repeated.scale)


def test_nothing_changes_nothing() -> None:
    assert torch.equal(Standardise.nothing(2).apply(X), X)


def test_values_too_large_to_be_scaled_are_refused() -> None:
    with pytest.raises(ValueError, match="column 1 cannot be scaled in torch.float64: its values reach 1e.200"):
        Standardise.of(torch.tensor([[1.0, 1e200], [2.0, -1e200]], dtype=torch.float64))
