"""Weights alone come back into a module that was built alike; into any other they are refused, and it is unchanged."""

from pathlib import Path

import pytest
import torch
from torch import nn

from onward import ForwardForward, load_weights, mlp, save, save_weights
from onward.files.sealed import FileDamaged


class Own(nn.Module):
    def __init__(self, width: int = 4, seed: int = 0) -> None:
        super().__init__()
        self.map = nn.Linear(3, width)
        self.norm = nn.BatchNorm1d(width)
        with torch.no_grad():
            self.map.weight.normal_(generator=torch.Generator().manual_seed(seed))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.map(x))


def test_weights_and_statistics_come_back_into_a_module_of_ones_own(tmp_path: Path) -> None:
    before, after = Own(seed=1), Own(seed=2)
    before(torch.randn(9, 3, generator=torch.Generator().manual_seed(0)))
    save_weights(before, tmp_path / "w")
    load_weights(after, tmp_path / "w")
    torch.testing.assert_close(after.state_dict(), before.state_dict(), rtol=0, atol=0)
    assert after.training


def test_all_that_a_rule_keeps_comes_back(tmp_path: Path) -> None:
    before, after = (ForwardForward(mlp(6, (5, 4), 2), generator=torch.Generator().manual_seed(k)) for k in range(2))
    list(before.train().credit(torch.ones(2, 6), torch.tensor([0, 1])))
    save_weights(before, tmp_path / "w")
    load_weights(after, tmp_path / "w")
    torch.testing.assert_close(after.state_dict(), before.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Own(5), r"holds 'map.bias' as \[4\] in torch.float32, but this Own has \[5\] in torch.float32"),
        (Own().double(), r"holds 'map.bias' as .*float32, but this Own has \[4\] in torch.float64"),
        (nn.Linear(3, 4), "holds the weights of another Linear: 'bias' is missing in it"),
        (nn.Sequential(), "holds the weights of another Sequential: 'map.bias' is in the file only"),
    ],
)
def test_another_module_is_refused_and_unchanged(other: nn.Module, words: str, tmp_path: Path) -> None:
    save_weights(Own(seed=1), tmp_path / "w")
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(ValueError, match=words):
        load_weights(other, tmp_path / "w")
    torch.testing.assert_close(dict(other.state_dict()), before, rtol=0, atol=0)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    broken = Own()
    broken.map.weight.data.fill_(torch.nan)
    save_weights(broken, tmp_path / "w")
    with pytest.raises(FileDamaged, match="is whole, but 'map.weight' in it is not finite"):
        load_weights(Own(), tmp_path / "w")


def test_a_model_file_holds_more_than_weights(tmp_path: Path) -> None:
    save(mlp(3, (4,), 2), tmp_path / "m")
    with pytest.raises(FileDamaged, match="holds a model, expected a weights"):
        load_weights(mlp(3, (4,), 2), tmp_path / "m")
