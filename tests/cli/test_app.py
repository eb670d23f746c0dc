"""The command line says what it does, and answers mistakes with one sentence and an exit code."""

import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from onward.cli import app, topologies, words
from onward.training.fit import TrainingFailed


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = app.run(arguments)
    said = capsys.readouterr()
    return code, " ".join(said.out.split()), said.err.strip()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    yield
    torch.set_num_threads(threads)


def test_explain_counts_what_can_matter(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "explain", "layered:4-8-8-3", "--ticks", "3")
    assert code == 0
    assert "24 neurons" in out
    assert "139 (100%)" in out
    assert "3, 3, 3" in out
    for engine in ("influence", "factored", "as published", "backprop through the ticks"):
        assert engine in out


def test_python_m_onward_is_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["onward", "explain", "mesh:2-5-2"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("onward", run_name="__main__")
    assert ended.value.code == 0
    assert "10 neurons" in capsys.readouterr().out


def test_explain_of_the_papers_mnist_net(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "explain", "random:32-50-10@0.15", "--ticks", "2")
    assert code == 0
    assert "798" in out
    assert "206 MB" in out


def test_explain_of_a_lattice_chooses_the_sparse_engine(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "explain", "lattice:5-50x50-3@0.1", "--ticks", "4")
    assert code == 0
    assert "25000 edges, density 0.004" in " ".join(out.split())
    assert re.search(r"sparse +[\d.]+ M +[\d.]+ MB +chosen", out)
    assert "counted on some neurons that stand for all" in " ".join(out.split())
    _, small, _ = call(capsys, "explain", "mesh:2-5-2")
    assert "stand for all" not in small


def test_explain_cuts_a_gradient_to_fit_a_budget(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "explain", "mesh:5-40-3", "--batch", "16", "--budget", "30kB", "--threads", "2")
    assert code == 0
    assert re.search(r"influence +.*1 of 16 examples at a time, \d+ of 2107 edges at a time, on 2 threads", out)
    assert re.search(r"factored +.*2 threads|factored +.*does not fit the budget", out)
    code, out, _ = call(capsys, "explain", "lattice:5-12x12-3", "--ticks", "5", "--batch", "4", "--budget", "200kB")
    assert code == 0
    assert re.search(
        r"But a budget of 200,000 bytes takes influence, at .* which one of [\d,]+ bytes would take", " ".join(out.split())
    )
    code, out, err = call(capsys, "explain", "mesh:5-40-3", "--budget", "10")
    assert (code, out) == (2, "")
    assert "a budget of 10 bytes holds no part of the gradient" in " ".join(err.split())
    code, _, err = call(capsys, "explain", "mesh:5-40-3", "--budget", "much")
    assert code == 2
    assert "written like 500MB, 2GB or 4096, got 'much'" in " ".join(err.split())


def test_explain_says_what_does_not_fit_this_machine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(free: int | None) -> str:
        monkeypatch.setattr(topologies, "available", lambda: free)
        return call(capsys, "explain", "mesh:5-40-3")[1]

    said = told(170_000)
    assert "Chosen is factored: the least work; " in said
    assert "influence takes" in said
    assert "In all it takes about" in said
    assert "; 170 kB are free here." in said
    assert "It does not fit: --budget cuts what is carried into parts, or a smaller batch." in said
    assert "It does not fit: take a smaller or sparser graph, or a smaller batch." in told(10_000)
    assert "does not fit:" not in told(10**9)
    unknown = told(None)
    assert "does not fit:" not in unknown
    assert "are free here" not in unknown


def test_explain_refuses_a_graph_that_memory_cannot_hold_before_it_is_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "available", lambda: 10**10)
    code, out, err = call(capsys, "explain", "mesh:784-100000-10")
    assert (code, out) == (2, "")
    assert "10,080,507,950 edges" in err
    assert "lattice:784-316x317-10" in err
    assert len(err.splitlines()) == 1


def test_explain_counts_what_no_machine_could_hold(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "explain", "layered:4-8-8-3", "--batch", str(10**15))
    assert code == 0
    assert " Z " in out


def test_explain_reads_matrices_and_graphs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import networkx
    import scipy.sparse

    matrix = np.zeros((4, 4))
    matrix[0, 1] = matrix[1, 2] = matrix[3, 1] = 1
    np.savetxt("a.csv", matrix, delimiter=",")
    np.save("a.npy", matrix)
    scipy.sparse.save_npz("a.npz", scipy.sparse.csr_array(matrix))
    for name in ("a.csv", "a.npy", "a.npz"):
        code, out, _ = call(capsys, "explain", name, "--inputs", "0", "--outputs", "2", "--bias", "3")
        assert code == 0
        assert "4 neurons (1 input + bias, 1 hidden, 1 output), 3 edges" in out
    networkx.write_graphml(networkx.DiGraph([("in", "out")]), "g.graphml")
    code, out, _ = call(capsys, "explain", "g.graphml", "--inputs", "in", "--outputs", "out", "--ticks", "1")
    assert code == 0
    assert "2 neurons" in out


def test_explain_draws(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert call(capsys, "explain", "mesh:2-3-1", "--draw", "net.svg")[0] == 0
    assert "<svg" in (tmp_path / "net.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("explain", "mesh:2-5-2", "--ticks", "0"), "ticks must be a whole number of at least 1, got 0"),
        (("explain", "layered:4-8-8-3", "--ticks", "2"), "no input can reach output 0 within 2 ticks"),
        (("explain", "mash:2-5-2"), "unknown kind of topology 'mash'.*did you mean 'mesh'"),
        (("explain", "mesh:2-five-2"), "expected sizes like 2-5-2.*got '2-five-2'"),
        (("explain", "mesh:2-5"), "three sizes, got '2-5'"),
        (("explain", "random:2-5-2"), "takes a density"),
        (("explain", "lattice:2-5-2"), "a lattice is written like lattice:784-100x100-10"),
        (("explain", "lattice:2-2x5-2"), "at least 3, got 2 x 5"),
        (("explain", "random:2-5-2@1.5"), "between 0 and 1, got 1.5"),
        (("explain", "nowhere.csv"), "no file nowhere.csv"),
        (("explain", "mesh"), "write it as mesh:SIZES"),
        (("explain", "mesh:2-5-2", "--activation", "sigmoidal"), "did you mean 'sigmoid'"),
        (("explain", "mesh:2-5-2", "--draw", "net.doc"), "written as .svg, .png, .pdf, got 'net.doc'"),
        (("explain", "mesh:2-5-2", "--ticks", "many"), "Invalid value for '--ticks'"),
        (("explain", "mesh:2-5-2@0.5"), "only a random mesh takes a density, got 'mesh:2-5-2@0.5'"),
        (("explain", "mesh:2-5-2", "--free"), "--free is for files"),
        (("explain", "mesh:2-5-2", "--inputs", "0"), "--inputs is for files"),
        (("run", "tabel-1"), "unknown artefact or experiment 'tabel-1'.*did you mean 'table-1'"),
        (("report", "iris"), "no results of iris are stored under results; `onward run iris` makes them"),
        (("report", "irsi"), "unknown artefact 'irsi'.*did you mean 'iris'"),
        (("expain",), "No such command 'expain'"),
        (("demo", "--seed", "-1"), "Invalid value for '--seed'"),
        (("demo", "--seed", "4294967296"), "Invalid value for '--seed'"),
        (("demo", "--to", __file__), "test_app.py is a file, expected a folder to write into"),
        (("demo", "--to", f"{__file__}/below"), "test_app.py is a file, expected a folder to write into"),
        (("explain", "mesh:2-5-2", "--tick", "3"), "No such option: --tick"),
        (("explain", "mesh:2-5-2", "--budget", "0.5"), "a number of bytes is at least 1, got '0.5'"),
        (("explain", "mesh:2-5-2", "--draw", "net.gif"), "a drawing is written as .svg, .png, .pdf, got 'net.gif'"),
        (("explain", "mesh:2-5-2", "--draw", "/nowhere/net.svg"), "there is no folder /nowhere to draw net.svg into"),
    ],
)
def test_mistakes_end_in_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    assert re.search(words, err), err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("0,1\n1\n", "cannot be read as an adjacency matrix"),
        ("a,b\nc,d\n", "cannot be read as an adjacency matrix"),
        ("0,1,0\n0,0,1\n", "must be square, got shape (2, 3)"),
        ("1,1\n0,0\n", "the edge 0 -> 0 enters a clamped input"),
        ("0,nan\n0,0\n", "holds nan at row 0, column 1"),
    ],
)
def test_bad_files_end_in_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], content: str, words: str
) -> None:
    Path("bad.csv").write_text(content)
    code, _, err = call(capsys, "explain", "bad.csv", "--inputs", "0", "--outputs", "1")
    assert code == 2
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("content", [np.array(["a", "b"]), np.array([[None]]), np.zeros(0)])
def test_arrays_that_are_no_matrices_end_in_one_sentence(capsys: pytest.CaptureFixture[str], content: np.ndarray) -> None:
    np.save("bad.npy", content, allow_pickle=True)
    code, _, err = call(capsys, "explain", "bad.npy", "--inputs", "0", "--outputs", "1")
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "unsafe" not in err


@pytest.mark.parametrize("name", ["bad.npy", "bad.npz", "bad.csv", "bad.graphml"])
def test_empty_and_foreign_files_end_in_one_sentence(capsys: pytest.CaptureFixture[str], name: str) -> None:
    for content in (b"", b"\x00\x01rubbish"):
        Path(name).write_bytes(content)
        code, _, err = call(capsys, "explain", name, "--inputs", "0", "--outputs", "1")
        assert code == 2
        assert len(err.splitlines()) == 1, err


def test_results_that_cannot_be_stored_are_known_before_anything_runs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("taken").write_text("a file")
    code, _, err = call(capsys, "run", "mnn/table-1/sound/mesh-05", "--results", "taken")
    assert code == 2
    assert "results cannot be stored under taken" in err


def test_stopping_says_what_is_kept(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*arguments: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr("onward.cli.demo.demonstrate", stop)
    code, _, err = call(capsys, "demo")
    assert (code, err) == (130, "onward: stopped; what was finished is stored")


def test_failed_training_ends_in_exit_code_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> Path:
        raise TrainingFailed("the loss became nan in epoch 3")

    monkeypatch.setattr("onward.cli.demo.demonstrate", fail)
    code, _, err = call(capsys, "demo")
    assert (code, err) == (1, "onward: the loss became nan in epoch 3")


def test_run_and_report_from_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    name = "mnn/numerical-test/ticks-1"
    code, out, _ = call(capsys, "run", name)
    assert code == 0
    assert out.endswith("Stored under results; `onward report numerical-test` shows them.")
    assert (tmp_path / "results" / name / "seed-100.json").exists()
    code, out, _ = call(capsys, "run", name)
    assert "Nothing to run" in out
    assert out.endswith("as it is declared; `onward report numerical-test` shows them.")
    code, out, _ = call(capsys, "list")
    assert "1 of 6" in out
    code, out, _ = call(capsys, "report", "numerical-test")
    assert code == 0
    page = (tmp_path / "reports" / "numerical-test.html").read_text()
    assert "Reduced: 5 of the declared seeds are missing" in page
    assert (tmp_path / "reports" / "numerical-test.md").exists()


def test_results_of_an_earlier_declaration_are_told_from_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    name = "mnn/numerical-test/ticks-1"
    assert call(capsys, "run", name)[0] == 0
    stored = tmp_path / "results" / name / "seed-100.json"
    result = json.loads(stored.read_text())
    stored.write_text(json.dumps(result | {"digest": "0" * 64}))
    code, _, err = call(capsys, "report", "numerical-test")
    assert code == 2
    assert "results of numerical-test are stored under results, but of another declaration of it" in err


def test_demo_trains_and_writes_its_page(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = call(capsys, "demo", "--to", "page")
    assert code == 0
    page = tmp_path / "page" / "index.html"
    assert str(page) in out.replace(" ", "")
    text = page.read_text()
    assert text.count("<img") == 9
    assert "http" not in text
    rows = [line for line in text.splitlines() if line.startswith("<tbody>")]
    assert "spirals" in rows[0]
    assert "e-1" in rows[0], "the gradient errors are those of float64"
