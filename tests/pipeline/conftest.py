"""One launcher for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.pipeline.launch import Launcher


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    made = Launcher()
    yield made
    made.close()
