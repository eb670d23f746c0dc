"""What the system says of a process."""

from pathlib import Path

import pytest
import torch

from onward.meters import process


def test_the_resident_set_is_what_the_system_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert process.peak_resident() >= sum(process.resident().values()) * 0.9 > 50e6
    (tmp_path / "status").write_text("VmHWM:\t  12 kB\nRssAnon: 3 kB\nRssFile:\t4 kB\nRssShmem: 5 kB\n")
    monkeypatch.setattr(process, "STATUS", tmp_path / "status")
    assert process.peak_resident() == 12 * 1024
    assert process.resident() == {"anonymous": 3072, "mapped": 4096, "shared": 5120}
    monkeypatch.setattr(process, "STATUS", tmp_path / "none")
    with pytest.raises(ValueError, match="does not tell its memory"):
        process.peak_resident()


def test_available_memory_is_what_the_system_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 30 kB\nMemAvailable:   21 kB\n")
    monkeypatch.setattr(process, "MEMORY", tmp_path / "meminfo")
    assert process.available() == 21 * 1024
    monkeypatch.setattr(process, "MEMORY", tmp_path / "none")
    assert process.available() is None


def test_only_an_accelerator_has_an_allocator_that_tells_its_peak() -> None:
    with pytest.raises(ValueError, match="only an accelerator's allocator keeps its peak, got cpu"):
        process.allocator_peak(torch.device("cpu"))
