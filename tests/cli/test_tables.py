"""From a table to a model and its predictions on the command line; what cannot be used is refused, and nothing is written."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from sklearn.datasets import load_diabetes, load_iris

from onward import MeshNet, graphs, models
from onward.cli import app, comparing, files, structures
from onward.models import TableModel, rivals
from onward.models.parted import part
from onward.models.scores import score
from onward.reports import figures
from onward.reports.artefact import Table
from onward.tables import read_csv
from onward.training.fit import TrainingFailed

Rows = list[list[Any]]
SMALL = ("--hidden", "2")


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = app.run(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err.strip()


def write(path: Path, rows: Rows) -> None:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def flowers() -> Rows:
    """Iris with classes as text, and a column of colours of which some are missing."""
    data: Any = load_iris()
    colours = ["red", "blue", "", "violet"]
    rows = [[*x, colours[k % 4], data.target_names[y]] for k, (x, y) in enumerate(zip(data.data, data.target, strict=True))]
    return [["sepal length", "sepal width", "petal length", "petal width", "colour", "species"], *rows]


def patients() -> Rows:
    data: Any = load_diabetes(scaled=False)
    return [[*data.feature_names, "progression"], *([*x, y] for x, y in zip(data.data, data.target, strict=True))]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tables, and models of them."""
    folder = tmp_path_factory.mktemp("made")
    write(folder / "iris.csv", flowers())
    write(folder / "diabetes.csv", patients())
    for name, target in (("iris", "species"), ("diabetes", "progression")):
        asked = ("--target", target, "--no-rivals", "--to", f"{folder / name}.onward")
        assert app.run(["train", f"{folder / name}.csv", *asked, *SMALL]) == 0
    models.save(MeshNet(graphs.mesh(2, 2, 2), 3), folder / "bare.onward")
    return folder


@pytest.fixture(autouse=True)
def _elsewhere(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    threads = torch.get_num_threads()
    for source in made.iterdir():
        shutil.copy(source, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    yield
    torch.set_num_threads(threads)


def few_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train meshes for three epochs, where it does not matter what they learn."""
    monkeypatch.setattr(rivals, "mesh", partial(rivals.mesh, max_iter=3))


def contents() -> dict[str, bytes | None]:
    """Everything under the working folder, hidden files and folders included."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in Path().rglob("*")}


def model_of(path: str) -> Any:
    found = models.load(path)
    assert isinstance(found, TableModel)
    return found


def table_of(text: str) -> dict[str, list[str]]:
    header, *rows = list(csv.reader(io.StringIO(text)))
    return {name: [row[k] for row in rows] for k, name in enumerate(header)}


def test_training_says_what_it_recognised_and_judges_the_rivals_on_the_same_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = call(capsys, "train", "iris.csv", "--target", "species", "--to", "new.onward", *SMALL)
    assert (code, err) == (0, "")
    flat = " ".join(out.split())
    assert "sepal length number 1 feature" in flat
    assert "colour text: blue, red, violet 4 features, one of them for missing values" in flat
    assert "species target, 3 classes setosa, versicolor, virginica" in flat
    assert "120 rows to learn from, 30 held out" in flat
    for name in ("mesh, lm", "logistic regression", "MLPClassifier", "most frequent class"):
        assert re.search(rf"^{name} +[01]\.\d{{3}} +[01]\.\d{{3}} +\d\.\d{{3}} +\d+ +\d+\.\d\d", out, re.MULTILINE), name
    assert "new.onward" in flat
    assert "trained on the 120 training rows" in flat


def test_the_model_that_is_kept_is_the_one_that_was_judged(capsys: pytest.CaptureFixture[str]) -> None:
    model, table = model_of("iris.onward"), read_csv("iris.csv")
    parted = part(table, model.schema.target, held=0.2, seed=0)
    assert model.schema == parted.schema
    (judged,) = model.report["judged"]
    found = score(model.estimator, parted.test_x, parted.test_y)
    assert judged["scores"] == pytest.approx(found)
    assert model.report["rows"] == {"training": 120, "held out": 30}
    chosen = judged["chosen"]
    assert chosen["penalty"] in rivals.PENALTIES
    again = model.estimator.__class__(2, random_state=0, **chosen).fit(parted.train_x, parted.train_y)
    torch.testing.assert_close(again.net_.weight, model.estimator.net_.weight, rtol=0, atol=0)


@pytest.mark.parametrize("hidden", [1, 3, 8])
def test_edges_are_counted_before_they_are_made(hidden: int) -> None:
    families = {"mesh": graphs.mesh, "cascade": graphs.cascade, "recurrent": graphs.recurrent}
    made = {kind: family(4, hidden, 3).edges for kind, family in families.items()}
    made["layered"] = graphs.layered(4, [hidden], 3).edges
    assert {kind: structures.edges(kind, hidden, "lm", features=4, outputs=3) for kind in structures.KINDS} == made
    assert structures.edges("layered", 0, "lm", features=4, outputs=3) == graphs.layered(4, [], 3).edges


@pytest.mark.parametrize("kind", structures.KINDS)
def test_every_kind_is_trained(capsys: pytest.CaptureFixture[str], kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    few_epochs(monkeypatch)
    options = ("--kind", kind, "--hidden", "3", "--no-rivals", "--starts", "2")
    assert call(capsys, "train", "iris.csv", "--target", "species", "--to", "k.onward", *options)[0] == 0
    net = model_of("k.onward").estimator.net_
    assert net.topology.edges == structures.edges(kind, 3, "lm", features=8, outputs=3)
    assert model_of("k.onward").estimator.starts == 2


def test_options_reach_the_model(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    few_epochs(monkeypatch)
    options = ("--solver", "adam", "--ticks", "5", "--seed", "4", "--held-out", "0.9", "--penalty", "0.5", "--hidden", "0")
    drop = ("--drop", "sex", "--drop", "s1")
    assert (
        call(capsys, "train", "diabetes.csv", "--target", "progression", *options, *drop, "--force", "--no-rivals")[0] == 0
    )
    model = model_of("diabetes.onward")
    assert (model.estimator.solver, model.estimator.net_.ticks, model.estimator.penalty) == ("adam", 5, 0.5)
    assert model.schema.feature_names == ["age", "bmi", "bp", "s2", "s3", "s4", "s5", "s6"]
    assert model.report["seed"] == 4
    assert model.report["rows"] == {"training": 44, "held out": 398}


def test_predictions_are_those_of_the_model_whatever_the_order_of_the_columns(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "predict", "iris.onward", "iris.csv")
    assert code == 0
    found, expected = table_of(out), model_of("iris.onward").predict(read_csv("iris.csv"))
    assert list(found) == list(expected)
    assert found["species"] == list(expected["species"])
    assert [float(p) for p in found["probability of setosa"]] == list(expected["probability of setosa"])
    right = np.mean([a == row[-1] for a, row in zip(found["species"], flowers()[1:], strict=True)])
    assert re.fullmatch(rf"On 150 rows: accuracy {right:.3f}, balanced accuracy {right:.3f}, log loss \d\.\d\d\d", err)
    rows = [[*row[:-1][::-1], "extra"] for row in flowers()]
    write(Path("turned.csv"), rows)
    code, again, err = call(capsys, "predict", "iris.onward", "turned.csv")
    assert (code, again, err) == (0, out, "")


def test_numbers_are_predicted_into_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "predict", "diabetes.onward", "diabetes.csv", "--to", "p.csv")
    assert (code, out) == (0, "")
    assert "442 predictions: p.csv" in err
    assert re.search(r"On 442 rows: R2 0\.\d+, RMSE \d+\.\d+, MAE \d+\.\d+", err)
    ((name, values),) = table_of(Path("p.csv").read_text()).items()
    assert name == "progression"
    assert [float(value) for value in values] == model_of("diabetes.onward").predict(read_csv("diabetes.csv"))[
        "progression"
    ]


def test_rows_without_a_target_are_predicted_and_not_scored(capsys: pytest.CaptureFixture[str]) -> None:
    header, *rows = flowers()
    write(Path("some.csv"), [header, rows[0], [*rows[60][:-1], ""]])
    code, out, err = call(capsys, "predict", "iris.onward", "some.csv")
    assert (code, len(out.splitlines())) == (0, 3)
    assert "the 1 of 2 rows that have a target" in err
    write(Path("some.csv"), [header, [*rows[0][:-1], ""]])
    assert "no row has a value of 'species'" in call(capsys, "predict", "iris.onward", "some.csv")[2]
    write(Path("some.csv"), [header, [*rows[0][:-1], "tulip"]])
    code, out, err = call(capsys, "predict", "iris.onward", "some.csv")
    assert (code, len(out.splitlines())) == (0, 2)
    assert "Not scored: line 2 of some.csv has 'tulip'" in err


def test_texts_not_seen_in_training_are_refused_or_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    header, *rows = flowers()
    write(Path("new.csv"), [header, [*rows[0][:4], "green", "setosa"]])
    code, out, err = call(capsys, "predict", "iris.onward", "new.csv")
    assert (code, out) == (2, "")
    assert "line 2 of new.csv has 'green' in column 'colour'" in err
    code, out, _ = call(capsys, "predict", "iris.onward", "new.csv", "--unknown", "ignore")
    assert (code, len(out.splitlines())) == (0, 2)


class Unread(io.StringIO):
    """A standard output whose reader has gone away."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.buffer = self  # pyright: ignore[reportAttributeAccessIssue]

    def write(self, text: object) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def fileno(self) -> int:
        return self.descriptor


def test_a_reader_that_stops_is_no_error(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    descriptor = os.open("out", os.O_CREAT | os.O_WRONLY)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", Unread(descriptor))
        code = app.run(("predict", "iris.onward", "iris.csv"))
    os.write(descriptor, b"what Python still writes at its end goes nowhere")
    os.close(descriptor)
    assert code == 0
    assert Path("out").stat().st_size == 0
    assert re.fullmatch(r"On 150 rows: .*", capsys.readouterr().err.strip())


def test_show_says_what_a_model_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "show", "iris.onward")
    flat = " ".join(out.split())
    assert code == 0
    for words in (
        "a model of 'species', classification",
        "petal width number",
        "14 neurons",
        "70 edges",
        "held out of iris.csv",
    ):
        assert words in flat, words
    score = model_of("iris.onward").report["judged"][0]["scores"]
    assert f"mesh, lm {score['accuracy']:.3f} {score['balanced accuracy']:.3f} {score['log loss']:.3f}" in flat
    code, out, _ = call(capsys, "show", "bare.onward")
    assert "a MeshNet, which does not know the columns of a table" in out
    assert "7 neurons" in out


@pytest.mark.parametrize("report", [{}, {"judged": 3}, {"judged": [3, {"scores": 4}, {"scores": {"R2": "x"}}], "rows": []}])
def test_show_takes_any_report(capsys: pytest.CaptureFixture[str], report: dict[str, Any]) -> None:
    found = model_of("diabetes.onward")
    models.save(TableModel(found.schema, found.estimator, report), "odd.onward")
    code, out, _ = call(capsys, "show", "odd.onward")
    assert code == 0
    assert "a model of 'progression', regression" in out


def test_exports_are_written_with_the_model_and_later(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few_epochs(monkeypatch)
    wanted = ["net.c", "net.onnx", "net.json", "net.graphml", "net.svg"]
    options = [word for name in wanted for word in ("--export", name)]
    assert call(capsys, "train", "iris.csv", "--target", "species", "--no-rivals", "--force", *SMALL, *options)[0] == 0
    for name in wanted:
        first = Path(name).read_bytes()
        code, out, _ = call(capsys, "export", "iris.onward", f"again-{name}")
        assert code == 0
        assert f"again-{name}" in out
        if not name.endswith("svg"):  # drawings hold their date
            assert Path(f"again-{name}").read_bytes() == first
            assert "'petal width', 'colour=blue', 'colour=red', 'colour=violet', 'colour is missing'" in out
            assert "'setosa', 'versicolor', 'virginica', in this order" in out
    assert json.loads(Path("net.json").read_text())
    assert "<svg" in Path("net.svg").read_text()
    assert call(capsys, "export", "bare.onward", "bare.c")[0] == 0


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_exported_c_says_what_the_model_says(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert call(capsys, "export", f"{name}.onward", f"{name}.c")[0] == 0
    strict = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-DMESH_MAIN"]
    subprocess.run(["cc", *strict, f"{name}.c", "-o", "net", "-lm"], check=True)
    model, table = model_of(f"{name}.onward"), read_csv(f"{name}.csv")
    for feature in model.schema.feature_names:
        assert json.dumps(feature) in Path(f"{name}.c").read_text()
    rows = "\n".join(" ".join(map(repr, row)) for row in model.schema.encode(table).tolist())
    said = subprocess.run(["./net"], input=rows, capture_output=True, text=True, check=True).stdout.splitlines()
    expected = model.predict(table)[model.schema.target.name]
    if name == "iris":
        assert [line.split()[-1] for line in said] == expected
    else:
        assert [float(line) for line in said] == pytest.approx(expected, rel=1e-9)


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_names_of_columns_cannot_leave_their_comment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few_epochs(monkeypatch)
    header, *rows = patients()
    write(Path("odd.csv"), [["*/ #error", "/* \\", "é\n", *header[3:]], *rows])
    options = ("--target", "progression", "--no-rivals", "--hidden", "0", "--export", "odd.c")
    assert call(capsys, "train", "odd.csv", *options)[0] == 0
    subprocess.run(["cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-c", "odd.c"], check=True)


def test_compare_judges_everybody_and_writes_a_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few_epochs(monkeypatch)
    header, *rows = flowers()
    write(Path("few.csv"), [header, *rows[::4]])
    code, out, err = call(
        capsys, "compare", "few.csv", "--target", "species", "--splits", "2", "--to", "a/page", "--hidden", "0"
    )
    assert (code, err) == (0, "")
    arms = (
        "mesh, lm",
        "mesh, adam",
        "mesh, sgd",
        "cascade, lm",
        "logistic regression",
        "MLPClassifier",
        "most frequent class",
    )
    for arm in arms:
        assert re.search(rf"^{arm} +\d\.\d{{3}} ± \d\.\d{{3}} ", out, re.MULTILINE), arm
    assert re.search(r"^most frequent class .* -0\.\d{3} ± ", out, re.MULTILINE), "less than the mesh"
    assert [path.name for path in Path("a/page").iterdir()] == ["index.html"]
    page = Path("a/page/index.html").read_text()
    assert page.count("<img") == 1
    assert "http" not in page
    for arm in arms:
        assert f"<td>{arm}</td>" in page
    before = contents()
    code, _, err = call(capsys, "compare", "few.csv", "--target", "species", "--to", "a/page")
    assert code == 2
    assert "--force replaces it" in err
    assert contents() == before


def test_compare_of_numbers(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    few_epochs(monkeypatch)
    header, *rows = patients()
    write(Path("few.csv"), [header, *rows[::12]])
    code, out, _ = call(capsys, "compare", "few.csv", "--target", "progression", "--splits", "1", "--hidden", "0")
    assert code == 0
    for arm in ("mesh, lm", "ridge regression", "MLPRegressor", "mean"):
        assert re.search(rf"^{arm} +-?\d", out, re.MULTILINE), arm
    assert Path("onward-compare/index.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "target", "rival"), [("iris", "species", "logistic"), ("diabetes", "progression", "ridge")]
)
def test_compare_of_real_tables(capsys: pytest.CaptureFixture[str], name: str, target: str, rival: str) -> None:
    code, out, _ = call(capsys, "compare", f"{name}.csv", "--target", target, "--splits", "2", *SMALL)
    assert code == 0
    (mesh,) = re.findall(r"^mesh, lm +(\S+)", out, re.MULTILINE)
    (other,) = re.findall(rf"^{rival} regression +(\S+)", out, re.MULTILINE)
    assert abs(float(mesh) - float(other)) < 0.15


def test_arms_are_drawn_with_their_splits() -> None:
    axes = figures.draw_arms({"a": [0.1, 0.3], "b": [0.5]}, x="accuracy").axes[0]
    dots = [one for one in axes.collections if isinstance(one, PathCollection)]
    assert [np.asarray(one.get_offsets()).tolist() for one in dots] == [[[0.1, 0.22], [0.3, 0.22]], [[0.5, 1.22]]]
    means = [np.asarray(line.get_xdata(), float).tolist() for line in axes.lines if line.get_marker() == "o"]
    assert np.allclose([mean[0] for mean in means], [0.2, 0.5])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert interval(axes, 0) == pytest.approx((0.2 - 1.27062, 0.2 + 1.27062))
    low, high = axes.get_ylim()
    assert low > high, "the first arm is on top"


def interval(axes: Axes, arm: int) -> tuple[float, float]:
    """The ends of an arm's interval as it is drawn."""
    bars = [one for one in axes.collections if isinstance(one, LineCollection)]
    low, high = bars[arm].get_segments()[0][:, 0]
    return float(low), float(high)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([0.9, 1.0], 0.95 - 0.635310, 1.0), ([0.0, 0.1], 0.0, 0.05 + 0.635310), ([1.0, 1.0], 1.0, 1.0), ([0.5], 0.5, 0.5)],
)
def test_an_interval_is_drawn_no_further_than_the_metric_goes(values: list[float], low: float, high: float) -> None:
    axes = figures.draw_arms({"a": values}, x="accuracy", ends=(0.0, 1.0)).axes[0]
    assert interval(axes, 0) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize(("task", "ends"), [("classification", (0.0, 1.0)), ("regression", (-np.inf, 1.0))])
def test_compare_draws_no_score_that_cannot_be(
    task: str, ends: tuple[float, float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []
    monkeypatch.setattr(figures, "draw_arms", lambda arms, **options: seen.append(options["ends"]) or Figure())
    metrics = comparing.METRICS[task]
    arms = {name: [comparing.Judged(name, dict.fromkeys(metrics, 0.5), 1, 0.1, None)] for name in ("mesh", "mean")}
    comparing._page("t", "how", task, arms, Table("words", ("", "x"), []), tmp_path / "index.html")
    assert seen == [ends]


TRAIN = ("train", "bad.csv", "--target", "y")
COMPARE = ("compare", "bad.csv", "--target", "y")
GOOD = [["a", "b", "y"], *([k, k * k % 7, ("no", "yes")[k % 2]] for k in range(20))]


def changed(row: int, column: int, value: object) -> Rows:
    rows = [list(one) for one in GOOD]
    rows[row][column] = value
    return rows


BAD_TABLES: list[tuple[Callable[[], bytes | Rows], str]] = [
    (lambda: b"", "bad.csv is empty"),
    (lambda: b"a,b,y\n", "has a header of 3 fields but no rows"),
    (lambda: b"a,b,y\n1,2\n", "line 2 of bad.csv has 2 fields, the header has 3"),
    (lambda: "a,b,y\n1,ü,3\n".encode("latin-1"), "bad.csv is not UTF-8: byte 0xfc"),
    (lambda: [["a", "b", "yy"], *GOOD[1:]], "has no column 'y'; did you mean 'yy'"),
    (lambda: [GOOD[0], *([k, k, "yes"] for k in range(20))], "the target 'y' is 'yes' in all 20 rows"),
    (
        lambda: [GOOD[0], *([k, "", ("no", "yes")[k % 2]] for k in range(20))],
        "column 'b' of bad.csv has no value in any row",
    ),
    (lambda: GOOD[:7], "at least 10 rows|fewer than 5 rows"),
    (lambda: changed(3, 2, ""), "1 row has no value of the target 'y', the first at line 4"),
    (lambda: changed(3, 2, "once"), "class 'once' of the target 'y' has fewer than"),
    (lambda: [["a", "a", "y"], *GOOD[1:]], "both named 'a'"),
    (lambda: [["y"], *([row[2]] for row in GOOD[1:])], "nothing is left to predict 'y' from"),
]


@pytest.mark.parametrize(("make", "words"), BAD_TABLES)
@pytest.mark.parametrize("verb", [TRAIN, COMPARE])
def test_tables_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], verb: tuple[str, ...], make: Callable[[], bytes | Rows], words: str
) -> None:
    content = make()
    if isinstance(content, bytes):
        Path("bad.csv").write_bytes(content)
    else:
        write(Path("bad.csv"), content)
    refused(capsys, verb, words)


def refused(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str) -> None:
    """Check that a command ends in one sentence and exit code 2, and leaves everything as it was."""
    before = contents()
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert len(err.splitlines()) == 1, err
    assert "Traceback" not in err
    assert re.search(words, err), err
    assert contents() == before


IRIS = ("train", "iris.csv", "--target", "species", "--to", "x.onward")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "nowhere.csv", "--target", "y"), "there is no file 'nowhere.csv'"),
        (("train", "iris.csv"), "Missing option '--target'"),
        (("train", "iris.csv", "--target", "specis", "--to", "x.onward"), "no column 'specis'; did you mean 'species'"),
        (("train", "iris.csv", "--target", "species"), "iris.onward is there already; --force replaces it"),
        ((*IRIS[:-1], "x.model"), "--to takes a name that ends in .onward, got 'x.model'"),
        ((*IRIS[:-1], "missing/x.onward"), "missing is missing, expected a folder"),
        ((*IRIS[:-1], "iris.csv/x.onward"), "iris.csv is a file, expected a folder"),
        ((*IRIS[:-1], "/proc/x.onward"), "no file can be made in /proc"),
        ((*IRIS, "--export", "x.doc"), "--export takes a name that ends in .*, got 'x.doc'"),
        ((*IRIS, "--export", "x.c", "--export", "x.c"), "x.c is asked for twice"),
        ((*IRIS, "--export", "missing/x.c"), "missing is missing"),
        ((*IRIS, "--export", "iris.onward", "--export", "x.c"), "--export takes a name"),
        ((*IRIS, "--solver", "lmm"), "--solver is one of lm, adam, sgd, got 'lmm'; did you mean 'lm'"),
        ((*IRIS, "--kind", "mash"), "--kind is one of .*; did you mean 'mesh'"),
        ((*IRIS, "--task", "clasification"), "got 'clasification'; did you mean 'classification'"),
        ((*IRIS, "--task", "regression"), "'setosa' in the target 'species'; expected a finite number"),
        ((*IRIS, "--missing", "drop"), "missing is 'impute' or 'refuse', got 'drop'"),
        ((*IRIS, "--missing", "refuse"), "have no value in column 'colour'"),
        ((*IRIS, "--drop", "color"), "no column 'color' that could be dropped; did you mean 'colour'"),
        ((*IRIS, "--held-out", "1.5"), "between 0 and 1, got 1.5"),
        ((*IRIS, "--hidden", "1000000"), "--hidden 1000000 makes a mesh of 1000015000036 edges .* lm trains at most 2000"),
        ((*IRIS, "--hidden", "100000", "--solver", "adam"), "adam trains at most 50000; take fewer hidden neurons$"),
        ((*IRIS, "--hidden", "-1"), "Invalid value for '--hidden'"),
        ((*IRIS, "--starts", "0"), "Invalid value for '--starts'"),
        ((*IRIS, "--seed", "-1"), "Invalid value for '--seed'"),
        ((*IRIS, "--kind", "layered", "--ticks", "1", "--no-rivals"), "no input can reach output 0 within 1 tick"),
        (("predict", "nowhere.onward", "iris.csv"), "nowhere.onward was not found"),
        (("predict", "iris.csv", "iris.csv"), "iris.csv is not a file of onward"),
        (("predict", "bare.onward", "iris.csv"), "bare.onward holds a MeshNet that does not know the columns of a table"),
        (("predict", "iris.onward", "diabetes.csv"), "diabetes.csv lacks the columns 'sepal length', 'sepal width'"),
        (("predict", "iris.onward", "nowhere.csv"), "there is no file 'nowhere.csv'"),
        (("predict", "iris.onward", "iris.csv", "--unknown", "guess"), "unknown is 'refuse' or 'ignore', got 'guess'"),
        (("predict", "iris.onward", "iris.csv", "--to", "iris.csv", "--force"), "iris.csv is what is read"),
        (("predict", "iris.onward", "iris.csv", "--to", "bare.onward"), "bare.onward is there already"),
        (("predict", "iris.onward", "iris.csv", "--to", "missing/p.csv"), "missing is missing"),
        (("show", "iris.csv"), "iris.csv is not a file of onward"),
        (("export", "iris.onward", "x.doc"), "export takes a name that ends in .*, got 'x.doc'"),
        (("export", "iris.onward", "iris.csv"), "got 'iris.csv'"),
        (("export", "nowhere.onward", "x.c"), "nowhere.onward was not found"),
        (("export", "iris.onward", "missing/x.c"), "missing is missing"),
        (("compare", "iris.csv", "--target", "species", "--to", "iris.csv/page"), "iris.csv is a file, expected a folder"),
        (("compare", "iris.csv", "--target", "species", "--to", "iris.csv"), "iris.csv is a file, expected a folder"),
        (("compare", "iris.csv", "--target", "species", "--to", "/proc/page"), "no file can be made in /proc"),
        (("compare", "iris.csv", "--target", "species", "--splits", "0"), "Invalid value for '--splits'"),
        (("compare", "iris.csv", "--target", "species", "--hidden", "70"), "lm trains at most 2000"),
    ],
)
def test_mistakes_end_in_one_sentence_and_leave_nothing(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    refused(capsys, arguments, words)


def test_text_where_numbers_were(capsys: pytest.CaptureFixture[str]) -> None:
    header, *rows = flowers()
    write(Path("text.csv"), [header, rows[0], ["long", *rows[1][1:]]])
    refused(capsys, ("predict", "iris.onward", "text.csv"), "line 3 of text.csv has 'long' in column 'sepal length'")


@pytest.mark.parametrize(
    "verb", [("predict", "iris.onward", "iris.csv"), ("show", "iris.onward"), ("export", "iris.onward", "x.c")]
)
def test_damaged_models(capsys: pytest.CaptureFixture[str], verb: tuple[str, ...]) -> None:
    whole = Path("iris.onward").read_bytes()
    for damage in (b"", whole[:-5], whole[:-1] + bytes([whole[-1] ^ 1])):
        Path("iris.onward").write_bytes(damage)
        refused(capsys, verb, "iris.onward ")


def test_what_fails_or_is_stopped_while_it_trains_leaves_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, expected in (
        (KeyboardInterrupt(), (130, "onward: stopped; nothing was written")),
        (TrainingFailed("the loss became nan in epoch 3"), (1, "onward: the loss became nan in epoch 3")),
    ):

        def judge(*arguments: object, error: BaseException = error, **others: object) -> None:
            raise error

        monkeypatch.setattr("onward.models.judging.judge", judge)
        for verb in (IRIS, ("compare", "iris.csv", "--target", "species")):
            before = contents()
            code, _, err = call(capsys, *verb)
            assert (code, err) == expected
            assert contents() == before


def test_what_fails_while_it_is_written_leaves_what_was_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    few_epochs(monkeypatch)
    monkeypatch.setattr("onward.cli.tables.export_model", fail)
    refused(capsys, (*IRIS, *SMALL, "--no-rivals", "--export", "x.c"), "No space left on device")
    monkeypatch.setattr("onward.reports.page.to_html", fail)
    monkeypatch.setattr(
        "onward.cli.comparing.contestants", lambda task, *sizes: [rivals.linear(task, rows=120), rivals.baseline(task)]
    )
    refused(capsys, ("compare", "iris.csv", "--target", "species", "--to", "a/b"), "No space left on device")


def test_files_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    old, new = Path("old"), Path("deep/er/new")
    old.write_text("old")

    def fail(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    before = contents()
    with pytest.raises(KeyboardInterrupt):
        files.write_together({old: lambda path: path.write_text("other"), new: fail})
    assert contents() == before
    files.write_together({old: lambda path: path.write_text("other"), new: lambda path: path.write_text("new")})
    assert (old.read_text(), new.read_text()) == ("other", "new")
    assert len(contents()) == len(before) + 3


def test_a_mesh_that_learned_nothing_for_other_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    write(Path("noise.csv"), [["a", "b", "y"], *random.normal(size=(40, 3)).tolist()])
    code, out, _ = call(capsys, "train", "noise.csv", "--target", "y")
    assert code == 0
    assert "no better than 'mean', which looks at no column: try fewer --hidden." in " ".join(out.split())


def test_names_are_no_markup_and_steer_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few_epochs(monkeypatch)
    write(Path("odd.csv"), [["[bold]a", "\x1b[31mb", "y"], *GOOD[1:]])
    code, out, _ = call(capsys, "train", "odd.csv", "--target", "y", "--no-rivals", "--hidden", "0")
    assert code == 0
    assert "[bold]a" in out
    assert "\x1b[31mb" not in out
