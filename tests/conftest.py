"""Set-up of all tests: one thread, so that small nets are fast; no network; the same examples each time, `make soak` looks for new ones."""

import os

import hypothesis
import pytest
import torch

for size in ("COLUMNS", "LINES"):  # which a process that runs tests side by side has, and rich would keep to
    os.environ.pop(size, None)
hypothesis.settings.register_profile("test", max_examples=60, deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("soak", max_examples=2000, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "test"))
torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(autouse=True)
def _without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: object) -> None:
        raise AssertionError(f"a test tried to reach {address}")

    monkeypatch.setattr("socket.socket.connect", refuse)
