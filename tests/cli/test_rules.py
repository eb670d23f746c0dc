"""Rules for layered nets on the command line: compared on a person's table, shown from a model file, in the demonstration."""

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.datasets import load_diabetes, load_iris

from onward import MonoForwardClassifier, models
from onward.cli import app, demo_layers, ruled
from onward.models import TableModel, rivals
from onward.tables import Schema, read_csv


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = app.run(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err.strip()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    for name, load in (("iris", load_iris), ("diabetes", load_diabetes)):
        data: Any = load()
        with Path(f"{name}.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([*data.feature_names, "y"])
            rows = zip(data.data, data.target, strict=True)
            writer.writerows([*x, f"kind {y}" if name == "iris" else y] for x, y in list(rows)[::4])
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train layered nets for two epochs, and nobody else but the baseline."""

    def named(name: str, task: str) -> rivals.Contestant:
        return replace(rivals.baseline(task), name=name)

    monkeypatch.setattr(rivals, "EPOCHS", 2)
    monkeypatch.setattr(rivals, "mesh", lambda task, name, **_: named(name, task))
    monkeypatch.setattr(rivals, "linear", lambda task, **_: named("linear", task))
    monkeypatch.setattr(rivals, "perceptron", lambda task, **_: named("perceptron", task))


@pytest.mark.usefixtures("quick")
def test_rules_stand_in_the_table_between_meshes_and_rivals(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--rule", "mf", "--rule", "ff", "--layers", "5,4", "--splits", "2")
    code, out, err = call(capsys, "compare", "iris.csv", "--target", "y", *asked)
    assert (code, err) == (0, "")
    for name, learned in (("mf", (4 + 1) * 5 + 3 * 5 + 6 * 4 + 3 * 4), ("ff", (7 + 1) * 5 + 6 * 4)):
        line = rf"^{name} +\d\.\d{{3}} ± \d\.\d{{3}} .* [+-]\d\.\d{{3}} ± \d\.\d{{3}} +{learned} +\d+\.\d\d"
        assert re.search(line, out, re.MULTILINE), name
    assert "Rules: mf (Mono-Forward), ff (Forward-Forward); all teach the same net of 5-4 ReLU neurons" in out
    assert "learning rates 0.001, 0.003, 0.01 by the same folds" in out
    assert "The scores of ff are no log-odds" in out
    page = Path("onward-compare/index.html").read_text()
    assert "<td>mf</td>" in page
    assert "by Adam for 2 epochs" in page


@pytest.mark.usefixtures("quick")
def test_rules_on_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "compare", "diabetes.csv", "--target", "y", "--rule", "dfa", "--splits", "1")
    assert code == 0
    assert re.search(r"^dfa +-?\d", out, re.MULTILINE)
    assert "the same net of 64-64 ReLU neurons" in out
    assert "log-odds" not in out


@pytest.mark.parametrize(
    ("table", "asked", "words"),
    [
        ("iris", ("--rule", "mff"), "unknown rule 'mff', expected one of bp, mf, .*deep-supervision; did you mean 'mf'"),
        ("iris", ("--rule", "mf", "--rule", "mf"), "--rule mf is asked for twice"),
        ("iris", ("--layers", "8"), "--layers is for nets that a --rule teaches, but none is asked for, got --layers 8"),
        (
            "iris",
            ("--rule", "mf", "--layers", "8,x"),
            "--layers takes whole numbers from 1 to 10000, or one of them so many times, as 64,64 or 64.3, got '8,x'",
        ),
        ("iris", ("--rule", "mf", "--layers", "8,0"), "as 64,64 or 64.3, got '8,0'"),
        ("iris", ("--rule", "mf", "--layers", ""), "as 64,64 or 64.3, got ''"),
        ("iris", ("--rule", "mf", "--layers", "99999"), "as 64,64 or 64.3, got '99999'"),
        (
            "diabetes",
            ("--rule", "ff"),
            "--rule ff predicts classes only, but 'y' is a number; numbers are predicted by bp,",
        ),
    ],
)
def test_mistakes_end_in_one_sentence_and_leave_nothing(
    capsys: pytest.CaptureFixture[str], table: str, asked: tuple[str, ...], words: str
) -> None:
    before = set(Path().iterdir())
    code, _, err = call(capsys, "compare", f"{table}.csv", "--target", "y", *asked)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert re.search(words, err), err
    assert set(Path().iterdir()) == before


def test_help_names_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "compare", "--help")
    assert code == 0
    flat = re.sub(r"[│\s]+", " ", out)
    for name in ruled.RULES:
        assert name in flat


def test_a_model_file_is_shown_and_predicts_but_is_no_mesh(capsys: pytest.CaptureFixture[str]) -> None:
    table = read_csv(Path("iris.csv"))
    schema = Schema.learn(table, "y")
    model = MonoForwardClassifier((5, 4), max_iter=2).fit(schema.encode(table), schema.encode_target(table))
    models.save(TableModel(schema, model), "m.onward")
    code, out, _ = call(capsys, "show", "m.onward")
    assert code == 0
    assert "Net: layers 4-5-4-3 (relu, linear projections, taught by Mono-Forward, readout last)" in out
    assert "Training: 2 epochs of adam, penalty 0.0001, loss" in out
    code, out, _ = call(capsys, "predict", "m.onward", "iris.csv")
    assert code == 0
    assert out.startswith("y,probability of kind 0,")
    code, _, err = call(capsys, "export", "m.onward", "m.c")
    assert code == 2
    assert "the export of layers takes a name that ends in .pt2 or .onnx, got 'm.c'" in err
    assert not Path("m.c").exists()


def test_the_demonstration_shows_every_block_and_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_layers, "EPOCHS", 3)
    monkeypatch.setattr(demo_layers, "BLOCKS", (128, 128, 128))
    from rich.progress import Progress

    with Progress(disable=True) as bars:
        local, whole = demo_layers.taught(0, bars)
    assert [len(one.right) for one in (local, whole)] == [3, 1]
    assert [len(curve) for curve in local.curves] == [3, 3, 3]
    assert local.curves[-1][-1] > 0.3
    assert 0 < local.kept < whole.kept
    rows = demo_layers.rows([local, whole])
    assert [len(row) for row in rows] == [len(demo_layers.HEADER)] * 2
    assert rows[1][:3] == ["backpropagation", "-", "-"]
    assert rows[0][3] == f"{local.right[2]:.3f}"
