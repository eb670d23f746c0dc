"""Streams are what their makers say: sums of marked numbers, marked symbols, a delay equation, an EEG."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from onward.datasets import streams
from onward.datasets.errors import DataUnavailable


def _drawn(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_adding_marks_two_numbers_one_in_either_half_and_gives_their_sum() -> None:
    x, y = streams.adding(4000, 11, generator=_drawn())
    value, mark = x.unbind(2)
    assert set(mark.unique().tolist()) == {0.0, 1.0}
    assert (mark[:, :5].sum(1) == 1).all()
    assert (mark[:, 5:].sum(1) == 1).all()
    assert (mark.sum(0) > 0).all()
    assert_close(y.squeeze(1), torch.where(mark == 1, value, 0).sum(1))
    assert (y - 1).square().mean().item() == pytest.approx(1 / 6, rel=0.1)


def test_recall_asks_for_the_symbol_that_was_shown_and_says_nothing_of_it_later() -> None:
    x, y = streams.delayed_recall(4000, 7, symbols=3, noise=0.5, generator=_drawn())
    assert x.shape == (4000, 8, 4)
    assert (x[:, 0, :3].argmax(1) == y).all()
    assert (x[:, 0, :3].sum(1) == 1).all()
    assert (x[:, 1:, :3] == 0).all()
    assert x[..., 3].std().item() == pytest.approx(0.5, rel=0.05)
    assert torch.corrcoef(torch.cat([x[..., 3].T, y.unsqueeze(0).float()]))[-1, :-1].abs().max() < 0.06
    assert y.bincount().min() > 1200


def test_streams_follow_from_the_generator_alone() -> None:
    for make in (
        lambda drawn: streams.adding(3, 5, generator=drawn),
        lambda drawn: streams.delayed_recall(3, 5, generator=drawn),
        lambda drawn: streams.mackey_glass(5, skipped=1, generator=drawn),
    ):
        assert_close(make(_drawn(1)), make(_drawn(1)), rtol=0, atol=0)
        one, other = (make(_drawn(seed)) for seed in (1, 2))
        assert any(not torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_mackey_glass_solves_its_equation() -> None:
    """Against the integral of its right side, by Simpson's rule on the points that are given."""
    (x,) = streams.mackey_glass(6001, every=0.1, skipped=100, generator=_drawn()).numpy()
    late = x[:-170]
    right = 0.2 * late / (1 + late**10) - 0.1 * x[170:]
    whole = 0.1 / 3 * (right[0:-2:2] + 4 * right[1:-1:2] + right[2::2])
    assert_close(x[172::2] - x[170:-2:2], whole, rtol=0, atol=1e-6)
    assert np.abs(np.diff(x)).max() > 0.005


def test_a_halved_delay_of_sampling_reads_the_same_series() -> None:
    dense = streams.mackey_glass(51, every=0.1, skipped=50, generator=_drawn())
    sparse = streams.mackey_glass(6, every=1.0, skipped=50, generator=_drawn())
    assert_close(sparse, dense[:, ::10], rtol=0, atol=0)


def test_mackey_glass_is_the_series_that_is_known() -> None:
    """Chaotic around 0.92 with a deviation of about 0.23, between 0.2 and 1.4, and no two beginnings stay together."""
    x = streams.mackey_glass(1500, streams=2, skipped=500, generator=_drawn())
    assert x.mean().item() == pytest.approx(0.92, abs=0.04)
    assert x.std().item() == pytest.approx(0.23, abs=0.03)
    assert 0.2 < x.min() < 0.5
    assert 1.2 < x.max() < 1.4
    assert (x[0] - x[1]).abs().max() > 0.3


def test_the_eeg_is_read_without_loading_what_draws() -> None:
    x = streams.eeg()
    assert x.shape == (800, 4)
    assert x.isfinite().all()
    assert (x.std(0) > 0).all()
    code = "import sys; from onward.datasets import eeg; eeg(); assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_where_there_is_no_eeg_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "find_spec", lambda name: None)
    with pytest.raises(DataUnavailable, match="the EEG comes with matplotlib, which is not installed"):
        streams.eeg()


def test_what_lies_ahead() -> None:
    x, y = streams.ahead(torch.arange(5.0).unsqueeze(1), 2)
    assert_close(x.squeeze(1), torch.tensor([0.0, 1, 2]))
    assert_close(y.squeeze(1), torch.tensor([2.0, 3, 4]))
    with pytest.raises(ValueError, match="a series of 2 ticks has nothing 2 ticks ahead"):
        streams.ahead(torch.zeros(2, 1), 2)


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="ticks must be a whole number of at least 2, got 1"):
        streams.adding(3, 1, generator=_drawn())
    with pytest.raises(ValueError, match="delay must be a whole number of at least 1, got 0"):
        streams.delayed_recall(3, 0, generator=_drawn())
    with pytest.raises(ValueError, match="symbols must be a whole number of at least 2, got 1"):
        streams.delayed_recall(3, 4, symbols=1, generator=_drawn())
    with pytest.raises(ValueError, match="read at multiples of 0.1, got every 0.25"):
        streams.mackey_glass(3, every=0.25, generator=_drawn())
