"""The rates of a disk: what is moved over the time it took, and nothing left behind."""

import time
from pathlib import Path

import pytest

from onward.offload import disk, rates


def test_rates_are_bytes_over_seconds_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("write", 0.02), ("read", 0.01)):
        monkeypatch.setattr(disk, name, lambda *_, seconds=seconds: time.sleep(seconds))
    monkeypatch.setattr(disk, "synchronise", lambda *_: None)
    found = rates.rates(tmp_path, 1_000_000, count=3)
    size = disk.pages(1_000_000)
    for measured, most in zip(found, (size / 0.02, size / 0.01, 2 * size / 0.02), strict=True):  # sleeping may take longer
        assert 0.05 * most < measured < 1.01 * most
    assert list(tmp_path.iterdir()) == []


def test_a_real_disk_has_rates(tmp_path: Path) -> None:
    assert min(rates.rates(tmp_path, 100_000, count=1)) > 0
