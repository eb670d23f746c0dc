"""What the package offers at its top, with scikit-learn and without."""

import subprocess
import sys

import pytest

import onward

WITHOUT = """
import sys
sys.modules["sklearn"] = None
import onward
onward.MeshNet(onward.graphs.mesh(2, 3, 2), 3)
try:
    onward.MeshClassifier
except ImportError as error:
    print(error)
"""


def test_the_core_does_without_scikit_learn_and_says_what_needs_it() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert "onward.MeshClassifier needs scikit-learn; pip install 'onward[app]' brings it" in done.stdout


def test_names_are_listed_and_others_refused() -> None:
    assert {"MeshClassifier", "MeshNet", "LevenbergMarquardt", "save"} <= set(dir(onward))
    assert onward.MeshRegressor.__name__ == "MeshRegressor"
    with pytest.raises(AttributeError, match="module 'onward' has no attribute 'MeshClasifier'"):
        _ = onward.MeshClasifier  # pyright: ignore[reportAttributeAccessIssue]
