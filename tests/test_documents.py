"""What the documents show works as it is printed."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def example(document: str, part: str = "") -> str:
    found = re.search(r"```python\n(.*?)```", (ROOT / document).read_text().split(part or "#", 1)[1], re.DOTALL)
    assert found is not None
    return found[1]


def run(code: str, folder: Path) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder).stdout


def test_the_example_of_mono_forward_runs_and_learns(tmp_path: Path) -> None:
    said = run(example("docs/rules/mono-forward.md"), tmp_path)
    found = [float(right) for right in re.findall(r"test accuracy ([\d.]+)", said)]
    assert len(found) == 2
    assert min(found) > 0.9
    assert len(re.findall(r"^\d+ \d", said, re.MULTILINE)) == 15


def test_the_example_of_large_maps_says_how_much_smaller_a_pooled_projection_is(tmp_path: Path) -> None:
    said = run(example("docs/rules/mono-forward.md", "## Projections of large maps"), tmp_path)
    assert said.splitlines() == ["1310720 20480"]


def test_the_example_of_meshes_pruned_each_in_its_own_way_counts_their_edges(tmp_path: Path) -> None:
    said = run(example("docs/rules/forward-only.md", "## Meshes that are pruned"), tmp_path)
    assert said.split() == ["4980", *str([1044] * 10).split()]


def test_the_example_of_blocks_in_threads_runs(tmp_path: Path) -> None:
    said = run(example("docs/pipeline.md", "## In threads"), tmp_path).splitlines()
    assert [line.split()[0] for line in said] == ["1", "2", "3"]
    assert float(said[-1].split()[2]) > 0.85


def test_the_example_of_keeping_runs(tmp_path: Path) -> None:
    run(example("docs/exports.md", "# Keeping it"), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"learner.onward", "net.onward", "weights.onward"}


def test_the_example_of_a_net_of_ones_own_says_what_came_of_it(tmp_path: Path) -> None:
    script = ROOT / "examples" / "own_cnn.py"
    command = [sys.executable, script, tmp_path / "own.png"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.count("block ") >= 3
    chosen, best = (
        re.search(r"block (\d) .*best block", said),
        re.search(r"best of them, block (\d), has ([\d.]+) of", said),
    )
    assert chosen is not None
    assert best is not None
    assert best[1] == chosen[1]
    assert float(best[2]) > 0.95
    left = re.search(r"left at block \[(\d+), (\d+), (\d+)\] accuracy ([\d.]+)", said)
    assert left is not None
    *counts, right = left.groups()
    assert sum(map(int, counts)) == 540
    assert float(right) > 0.95
    assert "as it was saved: True" in said
    exported = re.search(r"two blocks, exported: ([\d.]+) of the test digits", said)
    assert exported is not None
    assert float(exported[1]) > 0.95


def test_the_example_of_a_budget_gives_the_gradient_and_prints_the_plan_that_is_shown(tmp_path: Path) -> None:
    page = (ROOT / "docs/rules/forward-only.md").read_text().split("## Within a budget", 1)[1]
    shown = re.search(r"```\n(Plan .*?)```", page, re.DOTALL)
    assert shown is not None
    assert run(example("docs/rules/forward-only.md", "## Within a budget"), tmp_path) == shown[1]


def test_the_example_of_a_large_mesh_goes_by_the_sparse_engine(tmp_path: Path) -> None:
    said = run(example("docs/rules/forward-only.md", "## Large sparse meshes"), tmp_path)
    assert "10794 neurons (784 inputs, 10000 hidden, 10 outputs), 100000 edges" in said
    assert said.splitlines()[-1] == "sparse torch.Size([100000])"


def test_the_examples_of_streams_run_learn_and_go_on(tmp_path: Path) -> None:
    page = (ROOT / "docs/rules/forward-only.md").read_text().split("## Streams", 1)[1].split("## ", 1)[0]
    said = run("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), tmp_path)
    found = re.search(r"first 100 ticks ([\d.e-]+) last 100 ticks ([\d.e-]+)", said)
    assert found is not None
    assert float(found[2]) < 0.1 * float(found[1])
    assert "goes on alike True" in said


def test_the_example_of_a_stream_learns_and_is_not_told_by_its_interruption(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "examples" / "stream.py", tmp_path / "stream.png"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    kept = set(re.findall(r"(\d+) bytes kept of the past", said))
    assert len(kept) == 1
    ours, persistence = map(float, re.findall(r"learning: ([\d.]+), by persistence ([\d.]+)", said)[0])
    assert ours < 0.6 * persistence


def test_the_example_of_changing_graphs_prunes_and_learns(tmp_path: Path) -> None:
    said = run(example("docs/changing-graphs.md"), tmp_path)
    found = re.search(r"60 of 528 edges, test accuracy ([\d.]+)", said)
    assert found is not None
    assert float(found[1]) > 0.9


def test_the_example_of_a_mesh_whose_graph_changes_says_what_came_of_it(tmp_path: Path) -> None:
    script = ROOT / "examples" / "changing_graphs.py"
    command = [sys.executable, script, tmp_path / "graphs.png"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"150 of 1088 edges, test accuracy ([\d.]+)", said)
    assert found is not None
    assert float(found[1]) > 0.9
    apart = re.search(r"with 5 more the outputs differ by (\S+)", said)
    assert apart is not None
    assert float(apart[1]) < 1e-4
    assert (tmp_path / "graphs.png").stat().st_size > 10_000
