"""An exported program runs on batches of any size, in a Python that has torch and no onward."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from onward import graphs
from onward.exports import save_program, to_program
from onward.nets.mesh import MeshNet
from tests.exports.meshes import SWISH, data, kinds, net, scaled, scalings

KINDS = list(kinds())


@pytest.mark.parametrize(("topology", "hidden", "output"), [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS])
def test_outputs_are_those_of_the_net_for_any_batch(topology, hidden: str, output: str) -> None:
    one = net(topology, hidden=hidden, output=output, dtype=torch.float64)
    both = scalings(one)
    program = to_program(one, **both).module()
    for examples in (1, 2, 9):
        x = data(one, examples)
        torch.testing.assert_close(program(x), scaled(one, x, **both), rtol=1e-14, atol=1e-14)


def test_activations_of_ones_own_are_traced() -> None:
    one = net(graphs.mesh(2, 3, 2), hidden=SWISH)
    x = data(one, 3)
    assert torch.equal(to_program(one).module()(x), one(x))


WITHOUT_ONWARD = """
import sys, torch
sys.modules["onward"] = None
program = torch.export.load(sys.argv[1]).module()
print(program(torch.tensor([[0.5, -1.0], [2.0, 0.25], [0.0, 0.0]], dtype=torch.float64)).tolist())
"""


def test_a_saved_program_runs_without_onward_and_names_no_files_of_this_machine(tmp_path: Path) -> None:
    one = net(graphs.mesh(2, 3, 2), hidden="gelu", dtype=torch.float64)
    path = save_program(one, tmp_path / "net.pt2")
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_ONWARD, str(path)], capture_output=True, text=True, check=True
    )
    x = torch.tensor([[0.5, -1.0], [2.0, 0.25], [0.0, 0.0]], dtype=torch.float64)
    assert said.stdout.strip() == str(one(x).tolist())
    with zipfile.ZipFile(path) as parts:
        content = b"".join(parts.read(name) for name in parts.namelist())
    assert b"module.py" not in content
    assert [found.name for found in tmp_path.iterdir()] == ["net.pt2"]


def test_stacks_are_refused() -> None:
    with pytest.raises(ValueError, match="only a single net"):
        to_program(MeshNet.stack([net(graphs.mesh(2, 3, 2))] * 2))
