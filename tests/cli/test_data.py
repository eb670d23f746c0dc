"""`onward data` lists the data sets, and fetches one; mistakes are one sentence."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from onward.cli import app
from onward.datasets.source import Remote
from onward.datasets.sources import SOURCES
from tests.datasets import made
from tests.datasets.conftest import Host
from tests.datasets.conftest import cache as cache
from tests.datasets.conftest import data as data
from tests.datasets.conftest import host as host


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = app.run(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err.strip()


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")


def row(out: str, name: str) -> str:
    return next(line for line in out.splitlines() if line.startswith(f"{name} "))


def test_the_listing_says_where_each_set_is_or_how_it_is_got(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    made.write(data / "fashion-mnist", made.mnist_files())
    code, out, _ = call(capsys, "data")
    assert code == 0
    assert str(data / "fashion-mnist") in row(out, "fashion-mnist")
    assert " no " in row(out, "mnist")
    assert row(out, "mnist").rstrip().endswith("12 MB from ossci-datasets.s3.amazonaws.com")
    assert "170 MB from www.cs.toronto.edu" in row(out, "cifar-10")
    assert "comes with scikit-learn" in row(out, "wine")
    assert "onward data --fetch NAME" in out


def test_the_listing_breaks_no_word(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    made.write(Path(os.environ["ONWARD_DATA"]) / "fashion-mnist", made.mnist_files())
    _, wide, _ = call(capsys, "data")
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = call(capsys, "data")
    assert set(out.split()) == set(wide.split())
    longest = len("breast-cancer   ") + max(map(len, out.split()))
    assert max(map(len, out.split("`onward data")[0].splitlines())) <= max(80, longest), "only a long path stands over"


def test_several_are_fetched_and_none_if_one_is_unknown(
    capsys: pytest.CaptureFixture[str], data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.write(data / "fashion-mnist", made.mnist_files())
    made.write(data / "mnist", made.mnist_files())
    code, out, _ = call(capsys, "data", "--fetch", "mnist", "--fetch", "fashion-mnist")
    assert code == 0
    assert out.splitlines() == [f"{name} is here: {data / name}" for name in ("mnist", "fashion-mnist")]
    code, out, err = call(capsys, "data", "--fetch", "mnist", "--fetch", "minst")
    assert (code, out) == (2, "")
    assert "unknown data set 'minst'" in err


def test_the_listing_says_that_it_has_read_nothing(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    made.write(data / "mnist", {**made.mnist_files(), made.IDX[2]: b"damaged"})
    made.write(data / "fashion-mnist", dict([*made.mnist_files().items()][:2]))
    _, out, _ = call(capsys, "data")
    assert " unread " in row(out, "mnist")
    assert " yes " in row(out, "wine")
    assert " no " in row(out, "fashion-mnist")
    assert "Fashion-MNIST is in " in " ".join(out.split())
    assert "`onward data --fetch NAME` fetches one, or reads what is here to be sure" in out


def test_fetching_a_damaged_file_is_one_sentence(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    made.write(data / "mnist", {**made.mnist_files(), made.IDX[3]: b"damaged"})
    code, out, err = call(capsys, "data", "--fetch", "mnist")
    assert (code, out) == (2, "")
    assert f"{made.IDX[3]} is damaged" in err
    assert len(err.splitlines()) == 1


def test_a_folder_that_is_not_there_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONWARD_DATA", str(tmp_path / "nowhere"))
    code, out, err = call(capsys, "data")
    assert (code, out) == (2, "")
    assert err.startswith(f"onward: ONWARD_DATA names {tmp_path / 'nowhere'}, which is not there; expected the folder")
    assert len(err.splitlines()) == 1


def test_fetching_says_where_it_is(
    capsys: pytest.CaptureFixture[str], host: Host, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.files = made.mnist_files()
    remotes = tuple(
        Remote(f"{host.url}/{name}", name, f"sha256:{hashlib.sha256(content).hexdigest()}", len(content))
        for name, content in host.files.items()
    )
    monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], remotes=remotes))
    code, out, _ = call(capsys, "data", "--fetch", "mnist")
    assert code == 0
    assert f"mnist is here: {cache / 'mnist'}" in out
    code, out, _ = call(capsys, "data")
    assert str(cache / "mnist") in row(out, "mnist")


def test_what_cannot_be_fetched_is_one_sentence(
    capsys: pytest.CaptureFixture[str], host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = replace(SOURCES["imdb"].remotes[0], url=f"{host.url}/gone")
    monkeypatch.setitem(SOURCES, "imdb", replace(SOURCES["imdb"], remotes=(remote,)))
    code, out, err = call(capsys, "data", "--fetch", "imdb")
    assert code == 2
    assert out == ""
    assert err.startswith("onward: IMDB reviews is not here: looked for train/neg and 3 more in ")
    assert "could not be fetched (the host answered 404)" in err
    assert "\n" not in err


def test_an_unknown_name_is_answered_by_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "data", "--fetch", "cifar-11")
    assert code == 2
    assert err.startswith("onward: unknown data set 'cifar-11', expected one of mnist, ")


def test_a_cache_that_cannot_be_looked_into_does_not_stop_the_listing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONWARD_CACHE", str(tmp_path / ("long" * 100)))
    code, out, _ = call(capsys, "data")
    assert code == 0
    assert "cannot be looked at" in " ".join(out.split())
