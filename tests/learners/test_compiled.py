"""A learner whose blocks were compiled gives the credit that it gave before.

torch.compile does not see through the checks of shapes that all tests run with, so these run in a process without them.
"""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("chosen", ["not slow", pytest.param("slow", marks=pytest.mark.slow)])
def test_compiled_blocks(chosen: str) -> None:
    cases = Path(__file__).with_name("compiled.py")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-o", "addopts=", "-p", "no:cacheprovider", "-m", chosen]
    run = subprocess.run([*command, str(cases)], capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stdout[-3000:]
    assert "passed" in run.stdout
