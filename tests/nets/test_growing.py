"""Projections that grow keep what they say of the old classes."""

from functools import partial

import pytest
import torch
from torch import nn

from onward.nets import projections
from onward.nets.growing import grown
from onward.nets.projections import Projection

KINDS: list[Projection] = [
    projections.linear,
    partial(projections.linear, bias=True),
    projections.pooled,
    projections.two_layer,
    projections.frozen,
]
SHAPE = (3, 4, 4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("drawn", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_old_classes_keep_their_scores_and_rows(
    generator: torch.Generator, kind: Projection, drawn: bool, dtype: torch.dtype
) -> None:
    old = kind(SHAPE, 5, generator=generator).to(dtype)
    new = grown(old, 8, generator=torch.Generator().manual_seed(1) if drawn else None)
    x = torch.randn(6, *SHAPE, generator=generator, dtype=dtype)
    assert new(x).shape == (6, 8)
    torch.testing.assert_close(new(x)[:, :5], old(x))
    assert bool(new(x)[:, 5:].any()) == drawn
    for before, after in zip(old.parameters(), new.parameters(), strict=True):
        assert torch.equal(after[: len(before)], before)
        assert after.dtype == dtype
        assert after.requires_grad == before.requires_grad
        assert after.data_ptr() != before.data_ptr()


def test_new_rows_are_as_large_as_first_weights(generator: torch.Generator) -> None:
    old = projections.linear((100,), 5, generator=generator)
    new = grown(old, 400, generator=generator)
    rows = new.get_parameter("weight").detach()[5:]
    assert rows.abs().max() <= 0.1
    assert rows.std() == pytest.approx(0.1 / 3**0.5, rel=0.05)


def test_what_cannot_grow_is_refused(generator: torch.Generator) -> None:
    with pytest.raises(ValueError, match="a projection of 5 outputs can only grow to more, got 5"):
        grown(projections.linear((4,), 5, generator=generator), 5)
    for wrong in (nn.ReLU(), nn.Sequential(nn.Linear(3, 2), nn.ReLU()), nn.Sequential()):
        with pytest.raises(ValueError, match="only a projection that ends with nn.Linear can grow, got"):
            grown(wrong, 8)
