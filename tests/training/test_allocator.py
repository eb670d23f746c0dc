"""Memory that is kept when it is freed."""

import subprocess
import sys

KEEPS = """
import torch
from onward.meters.process import resident
from onward.training.allocator import keep_freed_memory

def after(size):
    tensor = torch.ones(size)
    del tensor
    return resident()["anonymous"]

before = after(1)
given_back = after(64_000_000) - before
assert given_back < 10_000_000, given_back
if keep_freed_memory():
    kept = after(64_000_000) - before
    assert kept > 200_000_000, kept
"""


def test_what_is_freed_stays_with_the_process_once_it_is_asked_to() -> None:
    done = subprocess.run([sys.executable, "-c", KEEPS], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
