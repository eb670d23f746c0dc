"""What the README shows works: its example, its commands, its links, its tree."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from onward import datasets
from onward.datasets.sources import SOURCES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])


def test_the_example_runs_and_learns() -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    lines = [line for line in code[1].splitlines() if line.strip()]
    assert len(lines) <= 15
    done = subprocess.run([sys.executable, "-c", code[1]], capture_output=True, text=True, check=True)
    assert "hidden-hidden" in done.stdout
    accuracy = re.search(r"test accuracy ([\d.]+)", done.stdout)
    assert accuracy is not None
    assert float(accuracy[1]) > 0.9


def test_the_example_of_layers_learns_and_keeps_fewer_bytes() -> None:
    code = re.search(r"## Layers that learn alone\n\n```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    done = subprocess.run([sys.executable, "-c", code[1]], capture_output=True, text=True, check=True)
    found = re.findall(r"(\w+): ([\d.]+) of the test digits, ([\d,]+) bytes", done.stdout)
    assert [name for name, _, _ in found] == ["MonoForward", "Backprop"]
    assert all(float(right) > 0.95 for _, right, _ in found)
    ours, theirs = (int(kept.replace(",", "")) for _, _, kept in found)
    assert ours < theirs


def test_the_examples_of_blocks_run(tmp_path: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / "docs/blocks.md").read_text(), re.DOTALL))
    code = f"from onward.reports import figures\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    again = re.search(r"trained again: ([\d.]+)", done.stdout)
    assert again is not None
    assert float(again[1]) > 0.9
    assert {path.name for path in tmp_path.iterdir()} == {"blocks.png", "early-exit.png"}
    left = re.search(r"left at block \[(\d+), (\d+)\]", done.stdout)
    assert left is not None
    assert sum(map(int, left.groups())) == 540
    assert done.stdout.count("block 1") == 2
    assert done.stdout.count("block 2") == 1


def test_the_example_with_scikit_learn_runs(tmp_path: Path) -> None:
    code = re.search(r"## With scikit-learn\n\n```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    done = subprocess.run([sys.executable, "-c", code[1]], capture_output=True, text=True, check=True, cwd=tmp_path)
    score, *probabilities = done.stdout.split("\n", 1)
    assert float(score) > 0.9
    assert probabilities[0].count("[") == 4
    assert (tmp_path / "wine.onward").exists()


def test_the_examples_of_data_run_and_print_what_they_say(tmp_path: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / "docs/data.md").read_text(), re.DOTALL))
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    *said, right = done.stdout.splitlines()
    assert said == re.findall(r"^print\(.*\)  # (.+)$", code, re.MULTILINE)
    assert len(said) == 4
    assert float(right.removeprefix("right: ")) > 0.85


def test_every_loader_of_the_page_about_data_is_there() -> None:
    page = (ROOT / "docs/data.md").read_text()
    named = set(re.findall(r"datasets\.(\w+)", page)) - {"crop", "crop_and_flip"}
    assert {"mnist", "cifar100", "imdb_counts", "arrays", "image_folder", "breast_cancer"} <= named
    assert all(hasattr(datasets, name) for name in named)
    for name in SOURCES:
        assert f"`{name}`" in page


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_tree_names_every_part_of_the_package() -> None:
    tree = README.split("## The tree")[1].split("```")[1]
    parts = [path for path in (ROOT / "src/onward").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    for part in parts:
        name = part.name if part.suffix else f"{part.name}/"
        if not name.startswith("__"):
            assert name in tree
    for folder in ("results/", "docs/", "tests/", "benchmarks/", "examples/"):
        assert folder in tree


def test_every_command_of_the_readme_exists() -> None:
    block = README.split("## On the command line")[1].split("```")[1]
    verbs = {line.split()[1] for line in block.strip().splitlines()}
    shown = subprocess.run([sys.executable, "-m", "onward.cli", "--help"], capture_output=True, text=True)
    for verb in verbs:
        assert verb in shown.stdout


def test_examples_run(tmp_path: Path) -> None:
    for script in (ROOT / "examples").glob("*.py"):
        picture = tmp_path / f"{script.stem}.png"
        subprocess.run([sys.executable, script, picture], check=True, capture_output=True)
        assert picture.stat().st_size > 10_000
